#include "sim/lives/life_plan.h"

#include <algorithm>

#include "base/units.h"

namespace sim {

namespace {

constexpr uint64_t hostile_most_ms = 40000;

class Dice {
public:
    explicit Dice(uint64_t seed, uint64_t number = STREAM_WORLD)
            : prng_(stream(seed, number))
    {
    }
    uint64_t below(uint64_t n)
    {
        return n == 0 ? 0 : prng_below(&prng_, n);
    }
    uint64_t from(uint64_t low, uint64_t high)
    {
        return low + below(high - low + 1);
    }
    bool one_in(uint64_t n)
    {
        return below(n) == 0;
    }
    uint64_t next()
    {
        return prng_next(&prng_);
    }
    template <class T, size_t n> T one_of(const T (&list)[n])
    {
        return list[below(n)];
    }

private:
    struct prng prng_;
};

/* Within what fits together: queues of one or two, batches of a few, or what ships. */
std::function<void(node_settings &)> draw_limits(Dice &dice)
{
    uint32_t window = static_cast<uint32_t>(dice.from(1, 3));
    uint32_t entries = static_cast<uint32_t>(dice.one_of({1, 2, 8, 16}));
    uint32_t work = static_cast<uint32_t>(dice.one_of({1, 2, 4, 64}));
    uint32_t under_way = static_cast<uint32_t>(dice.from(1, 2));
    uint32_t changes = static_cast<uint32_t>(dice.one_of({2, 8, 16}));
    return [=](node_settings &settings) {
        settings.raft.window = window;
        settings.raft.append_entries_max = entries;
        settings.limits.entries_under_way = under_way;
        settings.cluster.work_max = work;
        settings.cluster.changes_per_session_max = changes;
    };
}

/*
 * Batches and queues as they ship; a state that can be walked, a log that can be kept in
 * memory.
 */
void limit_state(node_settings &settings)
{
    settings.wal.segment_bytes = 4 * MIB;
    settings.cluster.sessions_max = 256;
    settings.cluster.locks_max = 256;
    settings.cluster.holds_max = 256;
    settings.cluster.waits_max = 256;
    settings.cluster.waits_per_lock_max = 64;
    settings.cluster.answers_max = 4096;
    settings.cluster.changes_max = 1024;
    settings.cluster.name_blocks_max = 2048;
}

Options draw_world(Dice &dice)
{
    Options options;
    options.seed = dice.next();
    options.nodes = dice.one_of({1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7});
    options.net_ns = 50 * NS_PER_US + dice.below(5 * NS_PER_MS);
    options.net_jitter_ns = dice.one_in(2) ? 0 : dice.below(20 * NS_PER_MS);
    options.disk_ns = 50 * NS_PER_US + dice.below(3 * NS_PER_MS);
    options.disk_jitter_ns = dice.below(5 * NS_PER_MS);
    options.turn_ns = dice.one_in(2) ? 0 : dice.below(300 * NS_PER_US);
    options.splits = dice.one_in(2);
    options.tiny = !dice.one_in(16);
    if (!options.tiny)
        options.tune = limit_state;
    else if (dice.one_in(2))
        options.tune = draw_limits(dice);
    return options;
}

std::vector<Kind> draw_kinds(Dice &dice)
{
    std::vector<Kind> kinds;
    for (size_t i = 0; i < static_cast<size_t>(Kind::bend_clock); i++) {
        if (dice.one_in(2))
            kinds.push_back(static_cast<Kind>(i));
    }
    return kinds;
}

void draw_deeds(Plan &plan, Dice &dice)
{
    std::vector<Kind> kinds = draw_kinds(dice);
    uint64_t most = plan.hunts_leaders ? 200 * NS_PER_MS : NS_PER_S;
    uint64_t gap_ns = 2 * (30 * NS_PER_MS + dice.below(most));
    uint32_t number = 0;
    uint64_t at_ns = dice.below(gap_ns);
    for (; !kinds.empty() && at_ns < plan.hostile_ns; at_ns += dice.below(gap_ns)) {
        Kind kind = kinds[dice.below(kinds.size())];
        plan.deeds.push_back({number++, at_ns, kind});
    }
}

/* What was drawn later goes behind what is done at the same time. */
void sort_deeds(Plan &plan)
{
    std::stable_sort(plan.deeds.begin(), plan.deeds.end(),
            [](const Deed &a, const Deed &b) { return a.at_ns < b.at_ns; });
}

/* Little that unseats a leader, so that the clock guard gets to the end of its brackets. */
void draw_calm_deeds(Plan &plan, Dice &dice)
{
    static const Kind calm[] = {Kind::slow, Kind::slow, Kind::lossy, Kind::pause_node,
            Kind::pause_client, Kind::jump_wall, Kind::half_open, Kind::client_dies};
    uint64_t gap_ns = 2 * (300 * NS_PER_MS + dice.below(3 * NS_PER_S));
    uint32_t number = 0;
    plan.deeds.clear();
    plan.hostile_ns = dice.from(15000, hostile_most_ms) * NS_PER_MS;
    for (uint64_t at_ns = 0; at_ns < plan.hostile_ns; at_ns += dice.below(gap_ns))
        plan.deeds.push_back({number++, at_ns, dice.one_of(calm)});
}

/*
 * Some lives are about clocks: the guard is tested in the end, and in half of them clocks run
 * beyond rho on the way. In the others it must keep quiet, whatever is slow or pauses.
 */
void draw_clocks(Plan &plan)
{
    Dice dice(plan.seed, STREAM_CLOCKS);
    if (!dice.one_in(6))
        return;
    plan.tests_guard = true;
    plan.rate_most = 4500;
    if (!dice.one_in(3))
        draw_calm_deeds(plan, dice);
    bool bends = dice.one_in(2);
    for (Deed &deed : plan.deeds) {
        if (bends && dice.one_in(8))
            deed.kind = Kind::bend_clock;
    }
}

/* In some lives leaders change at bad moments; all else in them is as it was. */
void draw_changes(Plan &plan)
{
    Dice dice(plan.seed, STREAM_STARTS);
    if (plan.tests_guard || plan.world.nodes < 3 || !dice.one_in(4))
        return;
    uint64_t gap_ns = dice.from(1000, 5000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns) {
        Kind kind = dice.one_in(3) ? Kind::depose : Kind::slow_start;
        plan.deeds.push_back({number++, at_ns, kind});
    }
    sort_deeds(plan);
}

/*
 * Some lives have plays in them (plays.h), which take small appends; all else is as it was.
 */
void draw_plays(Plan &plan)
{
    Dice dice(plan.seed, STREAM_PLAYS);
    if (plan.tests_guard || plan.world.nodes < 3 || !dice.one_in(8))
        return;
    uint64_t gap_ns = dice.from(1000, 4000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns) {
        bool votes = plan.world.nodes == 3 && dice.one_in(2);
        plan.deeds.push_back(
                {number++, at_ns, votes ? Kind::late_votes : Kind::old_entries});
    }
    sort_deeds(plan);
    plan.world.tune = [tune = plan.world.tune](node_settings &settings) {
        if (tune)
            tune(settings);
        settings.raft.append_entries_max = 1;
    };
}

/* Some lives have less room than any cluster would be given, and stranger company. */
void draw_strange(Plan &plan)
{
    Dice dice(plan.seed, STREAM_STRANGE);
    if (plan.tests_guard || !plan.world.tiny || !dice.one_in(8))
        return;
    plan.strange = true;
    plan.world.known_nodes = 1;
    uint32_t waits = static_cast<uint32_t>(dice.one_of({1, 2, 64}));
    plan.world.tune = [waits, tune = plan.world.tune](node_settings &settings) {
        if (tune)
            tune(settings);
        settings.raft.reads_max = 1;
        settings.limits.reads_max = 2;
        settings.cluster.waits_max = waits;
        settings.cluster.waits_per_lock_max = waits;
        settings.cluster.changes_per_session_max = 1;
    };
}

/* Some lives have disks that are late, or that forget what the kernel has kept. */
void draw_disks(Plan &plan)
{
    Dice dice(plan.seed, STREAM_DISKS);
    plan.world.late_writes = dice.one_in(4);
    plan.world.page_cache = dice.one_in(4);
    if (plan.tests_guard || !dice.one_in(4))
        return;
    uint64_t gap_ns = dice.from(1000, 5000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, Kind::rot});
    sort_deeds(plan);
}

bool has_plays(const Plan &plan)
{
    return std::any_of(plan.deeds.begin(), plan.deeds.end(), [](const Deed &deed) {
        return deed.kind == Kind::old_entries || deed.kind == Kind::late_votes;
    });
}

/*
 * In some lives clients live as roughly as real ones; all else is as it was. They make many
 * entries, so what a node missed must be sent by more than one at a time.
 */
void draw_rough(Plan &plan)
{
    Dice dice(plan.seed, STREAM_ROUGH);
    if (plan.tests_guard || has_plays(plan) || !dice.one_in(3))
        return;
    plan.rough = true;
    plan.world.rough_clients = true;
    Dice shares(plan.seed, STREAM_SHARES);
    uint32_t percent = static_cast<uint32_t>(shares.one_of({4, 10, 97, 97}));
    plan.world.tune = [percent, tune = plan.world.tune](node_settings &settings) {
        if (tune)
            tune(settings);
        settings.cluster.address_percent = percent;
        settings.cluster.label_percent = std::min(2 * percent, 97U);
        if (settings.raft.append_entries_max != 0)
            settings.raft.append_entries_max =
                    std::max(settings.raft.append_entries_max, 8U);
        settings.raft.window = std::max(settings.raft.window, 2U);
    };
    uint64_t gap_ns = dice.from(500, 4000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns) {
        Kind kind = dice.one_in(2) ? Kind::isolate_client : Kind::stop_client;
        plan.deeds.push_back({number++, at_ns, kind});
    }
    sort_deeds(plan);
}

/*
 * In some lives disks are of no use for long, while their nodes and the network are well. All
 * else in them is as it was, but in the end a majority must do without the others' disks.
 */
void draw_bad_disks(Plan &plan)
{
    static const Kind bad[] = {Kind::stuck_disk, Kind::log_full, Kind::slow_replay};
    Dice dice(plan.seed, STREAM_BAD_DISKS);
    if (plan.tests_guard || has_plays(plan) || plan.world.nodes < 3 || !dice.one_in(5))
        return;
    plan.bad_disks = true;
    uint64_t gap_ns = dice.from(1000, 6000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, dice.one_of(bad)});
    sort_deeds(plan);
}

/* In half of these all disks are slow at times, and leaders stop while others replay. */
void draw_slow_disks(Plan &plan)
{
    Dice dice(plan.seed, STREAM_SLOW_DISKS);
    if (!plan.bad_disks || dice.one_in(2))
        return;
    uint64_t gap_ns = dice.from(1000, 6000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns) {
        Kind kind = dice.one_in(2) ? Kind::slow_disks : Kind::hand_over_amid_replay;
        plan.deeds.push_back({number++, at_ns, kind});
    }
    sort_deeds(plan);
}

/* Some lives have a client that takes all it is given. All else in them is as it was. */
void draw_glutton(Plan &plan)
{
    Dice dice(plan.seed, STREAM_GLUTTON);
    if (plan.tests_guard || has_plays(plan) || !dice.one_in(6))
        return;
    plan.has_glutton = true;
    uint64_t gap_ns = dice.from(2000, 6000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, Kind::feast});
    sort_deeds(plan);
}

/* ... or somebody who says to be a member. */
void draw_impostor(Plan &plan)
{
    Dice dice(plan.seed, STREAM_IMPOSTOR);
    if (plan.tests_guard || has_plays(plan) || plan.world.nodes == 1 || !dice.one_in(6))
        return;
    uint64_t gap_ns = dice.from(200, 2000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, Kind::pose});
    sort_deeds(plan);
}

/*
 * In some lives nodes change their programs, one by one, and the cluster finishes the upgrade
 * by itself, soon or never; all else is as it was.
 */
void draw_upgrades(Plan &plan)
{
    Dice dice(plan.seed, STREAM_UPGRADES);
    if (plan.tests_guard || has_plays(plan) || !dice.one_in(5))
        return;
    plan.upgrades = true;
    uint64_t after_ns = dice.one_in(4) ? 0 : dice.from(1, 3000) * NS_PER_MS;
    plan.world.tune = [after_ns, tune = plan.world.tune](node_settings &settings) {
        if (tune)
            tune(settings);
        settings.cluster.upgrade_after_ns = after_ns;
    };
    uint64_t gap_ns = dice.from(200, 2000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, Kind::upgrade});
    std::stable_sort(plan.deeds.begin(), plan.deeds.end(),
            [](const Deed &a, const Deed &b) { return a.at_ns < b.at_ns; });
}

bool has(const Plan &plan, Kind kind)
{
    return std::any_of(plan.deeds.begin(), plan.deeds.end(),
            [kind](const Deed &deed) { return deed.kind == kind; });
}

/*
 * In some lives members change. Who finds an empty directory there is a new machine, and is
 * taken for one; and a client has to know more than one node, as that may be removed.
 */
void draw_members(Plan &plan)
{
    static const Kind kinds[] = {Kind::add_member, Kind::add_member, Kind::remove_member,
            Kind::replace_member, Kind::replace_member, Kind::move_member,
            Kind::promote_learner, Kind::transfer_lead, Kind::old_disk};
    Dice dice(plan.seed, STREAM_MEMBERS);
    bool fits = !plan.tests_guard && !has_plays(plan) && !plan.strange && !plan.bad_disks &&
                !plan.upgrades && !has(plan, Kind::pose) && plan.world.nodes <= 5;
    if (!fits || !dice.one_in(4))
        return;
    plan.changes_members = true;
    plan.world.spares = static_cast<int>(dice.from(1, 2));
    uint64_t gap_ns = dice.from(400, 3000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    std::erase_if(plan.deeds, [](const Deed &deed) { return deed.kind == Kind::empty; });
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, dice.one_of(kinds)});
    sort_deeds(plan);
}

/* In half of these lives logs are damaged for good, and their nodes join again. */
void draw_repairs(Plan &plan)
{
    Dice dice(plan.seed, STREAM_REPAIRS);
    if (!plan.changes_members || dice.one_in(2))
        return;
    uint64_t gap_ns = dice.from(1000, 5000) * NS_PER_MS;
    uint32_t number = static_cast<uint32_t>(plan.deeds.size());
    for (uint64_t at_ns = dice.below(gap_ns); at_ns < plan.hostile_ns; at_ns += gap_ns)
        plan.deeds.push_back({number++, at_ns, Kind::repair_member});
    sort_deeds(plan);
}

} // namespace

const char *name_of(Kind kind)
{
    static const char *const names[] = {"kill", "power", "stop", "pause node",
            "pause client", "cut", "reset", "disk", "vandal", "client dies",
            "all lose power", "slow", "lossy", "break amid a frame", "half open", "bridge",
            "end amid effects", "end at start", "damage", "empty", "set wall clock",
            "bend clock", "slow start", "depose", "old entries", "late votes",
            "isolate client", "stop client", "stuck disk", "log full", "slow replay", "rot",
            "slow disks", "hand over amid replay", "feast", "pose", "upgrade", "add member",
            "remove member", "replace member", "move member", "promote learner",
            "transfer lead", "repair member", "old disk"};
    static_assert(std::size(names) == static_cast<size_t>(Kind::count));
    return names[static_cast<size_t>(kind)];
}

struct prng stream(uint64_t seed, uint64_t number)
{
    struct prng both;
    prng_init(&both, seed);
    uint64_t base = prng_next(&both);
    prng_init(&both, base ^ (number * UINT64_C(0x9e3779b97f4a7c15)));
    return both;
}

Plan draw_plan(uint64_t seed)
{
    Dice dice(seed);
    Plan plan;
    plan.seed = seed;
    plan.world = draw_world(dice);
    plan.persons = static_cast<int>(dice.from(1, 6));
    plan.hostile_ns = dice.from(5000, hostile_most_ms) * NS_PER_MS;
    plan.pause_ns = dice.below(4 * NS_PER_S);
    plan.away_ns = dice.below(6 * NS_PER_S);
    plan.long_names = dice.one_in(4);
    plan.rate_most = dice.one_in(2) ? 0 : 4500;
    plan.hunts_leaders = dice.one_in(2);
    plan.keeps_majority = !dice.one_in(3);
    plan.waits_for_leader = !dice.one_in(8);
    draw_deeds(plan, dice);
    draw_clocks(plan);
    draw_changes(plan);
    draw_plays(plan);
    draw_strange(plan);
    draw_rough(plan);
    draw_bad_disks(plan);
    draw_slow_disks(plan);
    draw_disks(plan);
    draw_upgrades(plan);
    draw_glutton(plan);
    draw_impostor(plan);
    draw_members(plan);
    draw_repairs(plan);
    return plan;
}

} // namespace sim
