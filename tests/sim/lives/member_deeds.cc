#include "sim/lives/member_deeds.h"

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr uint64_t patience_ns = 8 * NS_PER_S; /* Of an operator, while all is hostile */
constexpr size_t ghosts_most = 3;

} // namespace

MemberDeeds::MemberDeeds(Life &life, const struct prng &dice)
        : life_(life), operator_(life.world(), dice)
{
}

bool MemberDeeds::act(Kind kind, int id)
{
    if (life_.oracle().committed() == 0)
        return false;
    switch (kind) {
    case Kind::add_member:
        return add();
    case Kind::remove_member:
        return remove(id);
    case Kind::replace_member:
        return replace(id);
    case Kind::repair_member:
        return repair(id);
    case Kind::move_member:
        return move(id);
    case Kind::promote_learner:
        return promote();
    case Kind::transfer_lead:
        return transfer(id);
    case Kind::old_disk:
        return start_ghost();
    default:
        return false;
    }
}

bool MemberDeeds::was_started(int id) const
{
    return id <= life_.world().options().nodes || started_.count(id) > 0;
}

static const member *find_member(Life &life, int id)
{
    const configuration *newest = life.oracle().members().newest();
    return newest ? configuration_find(newest, static_cast<uint8_t>(id)) : nullptr;
}

/* With its disk: a new machine is none until it has replaced the old one. */
bool MemberDeeds::is_member(int id) const
{
    auto wiped = wiped_.find(id);
    return find_member(life_, id) &&
           (wiped == wiped_.end() || wiped->second != incarnation_of(id));
}

uint64_t MemberDeeds::incarnation_of(int id) const
{
    const member *member = find_member(life_, id);
    return member ? member->incarnation : 0;
}

bool MemberDeeds::is_away(int id) const
{
    return life_.is_away(id);
}

std::string MemberDeeds::new_address(int id)
{
    return "n" + std::to_string(id) + ":" + std::to_string(7000 + addresses_++);
}

void MemberDeeds::ask(uint8_t kind, int id, const std::string &what,
        const std::string &text, uint32_t flags, uint64_t number)
{
    struct admin_request request {};
    request.kind = kind;
    request.node = static_cast<uint8_t>(id);
    request.flags = flags;
    request.number = number;
    life_.say("ops", what);
    removals_ += kind == ADMIN_MEMBERS_REMOVE;
    bool joins_or_goes = kind == ADMIN_MEMBERS_ADD || kind == ADMIN_MEMBERS_REMOVE;
    if (joins_or_goes)
        joining_or_going_.insert(id);
    operator_.ask(request, text, patience_ns,
            [this, what, kind, id, joins_or_goes](bool done, const std::string &sentence) {
                removals_ -= kind == ADMIN_MEMBERS_REMOVE;
                if (joins_or_goes)
                    joining_or_going_.erase(id);
                life_.say("ops", what + (done ? ": done" : ": given up, " + sentence));
            });
}

/*
 * A majority of the voters must keep what it has, or be about to get it back, whichever of the
 * configurations comes to count.
 */
bool MemberDeeds::may_wipe(int id)
{
    std::erase_if(wiped_, [this](const auto &wiped) {
        return incarnation_of(wiped.first) != wiped.second;
    });
    for (const configuration &configuration : life_.oracle().members().possible()) {
        size_t voters = 0;
        size_t whole = 0;
        for (uint8_t i = 0; i < configuration.count; i++) {
            const member &member = configuration.members[i];
            if (member.role != MEMBER_VOTER)
                continue;
            voters++;
            whole += member.id != id && wiped_.count(member.id) == 0 && !is_away(member.id);
        }
        if (2 * whole <= voters)
            return false;
    }
    return true;
}

/* Is it in none, so that nobody counts on its disk? */
bool MemberDeeds::is_spare(int id) const
{
    const auto all = life_.oracle().members().possible();
    return std::none_of(all.begin(), all.end(), [id](const configuration &configuration) {
        return configuration_find(&configuration, static_cast<uint8_t>(id));
    });
}

/* An empty disk; what was on it is kept for a ghost. */
void MemberDeeds::make_new(int id)
{
    Machine &machine = life_.world().machine(id);
    machine.crash(End::power_cut);
    machine.disk.finish_late();
    machine.allow_segments();
    old_.push_back({id, machine.disk.swap_content({})});
    (void)life_.oracle().disk_changed(id, {});
    machine.move_to(new_address(id));
    /* A list that names a member, at least: a new machine knows nobody else. */
    machine.list_members(life_.oracle().members().voters());
    life_.start(id);
}

/* A spare that is in no configuration, or was removed. */
bool MemberDeeds::add()
{
    World &world = life_.world();
    for (int id = 1; id <= world.count(); id++) {
        Machine &machine = world.machine(id);
        if (!is_spare(id) || is_away(id) || joining_or_going_.count(id) > 0)
            continue;
        started_.insert(id);
        make_new(id);
        old_.pop_back(); /* It may be empty, and then it is a new machine, too. */
        bool stays = life_.roll(3) == 0;
        ask(ADMIN_MEMBERS_ADD, id, "add n" + std::to_string(id), machine.address(),
                stays ? ADMIN_FLAG_LEARNER : 0);
        return true;
    }
    return false;
}

/*
 * Not while a ghost may be a voter: the cluster could come to need it, and it is gone when all
 * is healed.
 */
bool MemberDeeds::remove(int id)
{
    bool haunted = std::any_of(
            ghosts_.begin(), ghosts_.end(), [](const auto &ghost) { return ghost->up(); });
    if (!is_member(id) || is_away(id) || haunted || joining_or_going_.count(id) > 0 ||
            life_.oracle().members().voters().size() < 2)
        return false;
    ask(ADMIN_MEMBERS_REMOVE, id, "remove n" + std::to_string(id));
    return true;
}

bool MemberDeeds::replace(int id)
{
    if (!is_member(id) || is_away(id) || !life_.may_disturb(id) || !may_wipe(id))
        return false;
    uint64_t incarnation = incarnation_of(id);
    wiped_[id] = incarnation;
    make_new(id);
    if (old_.back().content.segments.empty())
        old_.pop_back();
    ask(ADMIN_MEMBERS_REPLACE, id, "replace n" + std::to_string(id),
            life_.world().machine(id).address(), 0, incarnation);
    return true;
}

/*
 * Nobody is asked to replace it. It does not give up its log if that is not the one of the
 * member, or too few others vote as far as it knows.
 */
bool MemberDeeds::repair(int id)
{
    if (!is_member(id) || is_away(id) || !life_.may_disturb(id) || !may_wipe(id))
        return false;
    Machine &machine = life_.world().machine(id);
    machine.crash(End::power_cut);
    machine.disk.finish_late();
    if (!machine.disk.damage(static_cast<Damage>(life_.roll(8)), life_.dice())) {
        life_.start(id);
        return false;
    }
    life_.expect(machine.start() == NODE_BOOT_DAMAGED, "damage for good is not seen");
    const std::optional<repair_block> &kept = machine.repairable();
    if (!kept || kept->given_up != incarnation_of(id)) {
        machine.disk.undo_damage();
        life_.start(id);
        return false;
    }
    life_.say(id, "gives up a damaged log");
    wiped_[id] = kept->given_up;
    repairs_[id] = kept->given_up;
    machine.give_up_log();
    (void)life_.oracle().disk_changed(id, {});
    life_.start(id);
    return true;
}

/* Stopped, told, and started somewhere else. */
bool MemberDeeds::move(int id)
{
    if (!is_member(id) || is_away(id) || !life_.may_disturb(id))
        return false;
    Machine &machine = life_.world().machine(id);
    machine.crash(End::killed);
    machine.move_to(new_address(id));
    life_.start(id);
    ask(ADMIN_MEMBERS_MOVE, id, "move n" + std::to_string(id), machine.address());
    return true;
}

bool MemberDeeds::promote()
{
    const configuration *newest = life_.oracle().members().newest();
    for (uint8_t i = 0; newest && i < newest->count; i++) {
        const member &member = newest->members[i];
        if (member.role != MEMBER_OBSERVER)
            continue;
        ask(ADMIN_MEMBERS_PROMOTE, member.id, "promote n" + std::to_string(member.id));
        return true;
    }
    return false;
}

bool MemberDeeds::transfer(int id)
{
    Machine *leader = life_.world().leader();
    if (!leader)
        return false;
    bool anybody = life_.roll(2) == 0;
    ask(ADMIN_TRANSFER, anybody ? 0 : id,
            "let " + (anybody ? std::string("another node") : "n" + std::to_string(id)) +
                    " lead",
            "", 0, leader->id());
    return true;
}

/* An old disk in a machine of its own. */
Machine &MemberDeeds::ghost_of(Old old)
{
    ghosts_.push_back(
            std::make_unique<Machine>(life_.world(), static_cast<uint8_t>(old.id), true));
    Machine &ghost = *ghosts_.back();
    (void)ghost.disk.swap_content(std::move(old.content));
    life_.say(old.id, "is there a second time, with an old disk");
    life_.expect(ghost.start() == NODE_BOOT_OK, "an old disk does not boot");
    return ghost;
}

bool MemberDeeds::start_ghost()
{
    if (old_.empty() || ghosts_.size() >= ghosts_most || removals_ > 0)
        return false;
    size_t which = life_.roll(old_.size());
    Old old = std::move(old_[which]);
    old_.erase(old_.begin() + static_cast<ptrdiff_t>(which));
    (void)ghost_of(std::move(old));
    return true;
}

void MemberDeeds::rest()
{
    operator_.give_up();
    for (auto &ghost : ghosts_)
        ghost->crash(End::power_cut);
}

/* ---- When all is well again ---- */

void MemberDeeds::must(uint8_t kind, int id, const std::string &what,
        const std::string &text, uint64_t number)
{
    struct admin_request request {};
    request.kind = kind;
    request.node = static_cast<uint8_t>(id);
    request.number = number;
    bool over = false;
    bool good = false;
    std::string why;
    operator_.ask(
            request, text, 30 * NS_PER_S, [&](bool done, const std::string &sentence) {
                over = true;
                good = done;
                why = sentence;
            });
    life_.world().run_until([&] { return over; }, 31 * NS_PER_S);
    operator_.give_up();
    life_.expect(good, "no change of the members after healing: " + what + ": " + why);
}

void MemberDeeds::test_ghost()
{
    Machine &ghost = ghost_of(std::move(old_.back()));
    old_.pop_back();
    life_.world().run_until([&] { return !ghost.up(); }, 10 * NS_PER_S);
    life_.expect(ghost.removed(), "who was replaced is not told");
    ghost.crash();
}

/* They know the members that there were when they were started; all may have moved since. */
void MemberDeeds::test_repairs()
{
    for (const auto &[id, incarnation] : repairs_) {
        if (incarnation_of(id) != incarnation)
            continue;
        Machine &machine = life_.world().machine(id);
        machine.crash(End::killed);
        machine.list_members(life_.oracle().members().voters());
        life_.start(id);
        bool replaced = life_.world().run_until(
                [&, id = id, was = incarnation] { return incarnation_of(id) != was; },
                30 * NS_PER_S);
        life_.expect(replaced, "who gave up its log is not replaced");
    }
}

/*
 * What was begun is finished: all may have moved since a new machine was started with its
 * list. Then a member is replaced, and comes back with its old disk.
 */
void MemberDeeds::test()
{
    test_repairs();
    const std::map<int, uint64_t> wiped = wiped_;
    for (const auto &[id, incarnation] : wiped) {
        if (incarnation_of(id) != incarnation)
            continue;
        Machine &machine = life_.world().machine(id);
        machine.crash(End::killed);
        machine.list_members(life_.oracle().members().voters());
        life_.start(id);
        must(ADMIN_MEMBERS_REPLACE, id, "replace n" + std::to_string(id), machine.address(),
                incarnation);
    }
    const std::set<int> voters = life_.oracle().members().voters();
    if (voters.size() < 3)
        return;
    int id = *std::next(voters.begin(), static_cast<ptrdiff_t>(life_.roll(voters.size())));
    uint64_t incarnation = incarnation_of(id);
    make_new(id);
    must(ADMIN_MEMBERS_REPLACE, id, "replace n" + std::to_string(id),
            life_.world().machine(id).address(), incarnation);
    test_ghost();
}

} // namespace sim
