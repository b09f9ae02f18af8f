#include "sim/lives/plays.h"

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr uint64_t longest_ns = 5 * NS_PER_S;
constexpr uint64_t last_act_ns = 1200 * NS_PER_MS; /* Time for an election */

/* Three nodes: the third */
int third(int one, int other)
{
    return 6 - one - other;
}

} // namespace

std::set<int> Plays::all() const
{
    return all_but({});
}

std::set<int> Plays::all_but(const std::set<int> &some) const
{
    std::set<int> others;
    for (int id = 1; id <= life_.world().count(); id++) {
        if (some.count(id) == 0)
            others.insert(id);
    }
    return others;
}

bool Plays::all_are_well() const
{
    World &world = life_.world();
    for (int id = 1; id <= world.count(); id++) {
        if (!world.machine(id).up() || world.machine(id).paused())
            return false;
    }
    return true;
}

void Plays::part(const std::set<int> &some, const std::set<int> &others)
{
    for (int one : some) {
        for (int other : others) {
            life_.world().network.cut(one, other);
            life_.world().network.cut(other, one);
        }
    }
}

/* Whatever act it is in then; all is healed. */
void Plays::end_within(uint64_t ns)
{
    life_.world().in(ns, [this, number = play_->number] {
        if (!play_ || play_->number != number || life_.is_over())
            return;
        life_.say("all", "are done with the play");
        life_.world().network.heal_among(all());
        if (play_->kind == Kind::late_votes)
            life_.start(play_->lead);
        play_.reset();
    });
}

bool Plays::begin(Kind kind)
{
    World &world = life_.world();
    Machine *leader = world.leader();
    bool room = kind == Kind::late_votes ? world.count() == 3 : world.count() >= 3;
    if (!leader || !room || play_ || !all_are_well())
        return false;
    world.network.heal_among(all());
    play_ = {kind, ++plays_, 0, leader->id(), {leader->id()}, 0, raft_term(leader->raft()),
            0};
    /* As many as can have an entry that is not committed. */
    while (play_->party.size() < static_cast<size_t>(world.count() - 1) / 2)
        play_->party.insert(
                1 + static_cast<int>(life_.roll(static_cast<uint64_t>(world.count()))));
    end_within(longest_ns);
    return true;
}

/* ---- Old entries ---- */

/* A majority has the old entry, and of the leader's own term no majority has anything. */
bool Plays::is_time_to_part(const Machine &machine) const
{
    const struct raft *raft = machine.raft();
    int with_old = raft_durable(raft) >= play_->index ? 1 : 0;
    for (int id : all()) {
        if (id != machine.id())
            with_old += raft_peer_match(raft, static_cast<uint8_t>(id)) >= play_->index;
    }
    return 2 * with_old > life_.world().count() && !raft_leads_committed(raft);
}

void Plays::play_old_entries(Machine &machine)
{
    Network &network = life_.world().network;
    uint64_t term = raft_term(machine.raft());
    bool leads_anew = machine.leads() && term > play_->term;
    bool is_of_party = play_->party.count(machine.id()) > 0;
    std::set<int> others = all_but(play_->party);
    if (play_->act == 0 && machine.id() == play_->lead && machine.leads() &&
            raft_last(machine.raft()).index > raft_commit(machine.raft())) {
        life_.say(machine.id(), "is cut off as it appends");
        play_->index = raft_last(machine.raft()).index;
        part(play_->party, others);
    } else if (play_->act == 1 && leads_anew && !is_of_party) {
        life_.say(machine.id(), "is cut off as it begins to lead");
        play_->rival = machine.id();
        network.heal_among(all());
        part({play_->rival}, all_but({play_->rival}));
    } else if (play_->act == 2 && leads_anew && is_of_party && is_time_to_part(machine)) {
        life_.say(machine.id(), "is cut off when a majority has its old entries");
        network.heal_among(all());
        part(play_->party, others);
        end_within(last_act_ns);
    } else
        return;
    play_->act++;
    play_->term = term;
}

/* ---- Late votes ---- */

/* Nothing is under way: whoever stands has a log that is good enough. */
void Plays::end_lead()
{
    World &world = life_.world();
    Machine &lead = world.machine(play_->lead);
    if (!lead.leads() || !all_are_well() || !life_.may_disturb(play_->lead))
        return;
    uint64_t last = raft_last(lead.raft()).index;
    for (int id : all()) {
        if (raft_durable(world.machine(id).raft()) != last)
            return;
    }
    life_.say(play_->lead, "is killed");
    lead.crash(End::killed);
    play_->act = 1;
}

void Plays::hold_votes(Machine &candidate)
{
    int voter = third(play_->lead, candidate.id());
    life_.say(candidate.id(), "stands, and hears nothing from n" + std::to_string(voter));
    play_->rival = candidate.id();
    play_->term = raft_term(candidate.raft());
    play_->act = 2;
    life_.world().network.cut(voter, candidate.id());
    part({voter}, {play_->lead});
}

/* The candidate is heard by nobody; what was said to it arrives. */
void Plays::let_votes_come(Machine &candidate)
{
    Network &network = life_.world().network;
    int voter = third(play_->lead, candidate.id());
    life_.say(candidate.id(), "stands again, and hears what it was told");
    network.heal_among(all());
    network.cut(candidate.id(), voter);
    part({candidate.id()}, {play_->lead});
    play_->act = 4;
    end_within(last_act_ns);
}

void Plays::play_late_votes(Machine &machine)
{
    enum raft_role role = raft_role(machine.raft());
    bool stands = role == RAFT_CANDIDATE;
    if (play_->act == 0)
        life_.world().in(NS_PER_US, [this, number = play_->number] {
            if (play_ && play_->number == number && play_->act == 0 && !life_.is_over())
                end_lead();
        });
    else if (play_->act == 1 && stands && machine.id() != play_->lead)
        hold_votes(machine);
    else if (play_->act == 2 && role == RAFT_PRECANDIDATE && machine.id() == play_->rival) {
        play_->act = 3;
        life_.world().in(NS_PER_US, [this, lead = play_->lead] {
            if (!life_.is_over())
                life_.start(lead);
        });
    } else if (play_->act == 3 && stands && machine.id() == play_->rival &&
               raft_term(machine.raft()) > play_->term)
        let_votes_come(machine);
}

void Plays::watch(Machine &machine)
{
    if (!play_ || life_.is_over())
        return;
    if (play_->kind == Kind::old_entries)
        play_old_entries(machine);
    else
        play_late_votes(machine);
}

} // namespace sim
