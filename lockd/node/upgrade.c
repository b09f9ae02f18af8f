/* Which version the cluster uses, and when it is raised: see upgrade.h. */
#include "node/upgrade.h"

#include "base/mark.h"

enum {
    TRIAL_SPACING = 64 /* Entries between two trials */
};

static uint16_t cluster_version(const struct upgrade *upgrade)
{
    return locks_settings(upgrade->locks)->version;
}

/* The highest version that the member knows; 0: it is not connected. */
static uint16_t most_of(const struct upgrade *upgrade, const struct peer *peer)
{
    bool open = raft_peer_is_open(upgrade->raft, peer->id) && !peer->outsider;
    return open ? peer->versions.most : 0;
}

/* The same, but 0 too if it was silent for as long as an election takes: it may be gone. */
static uint16_t able_of(const struct upgrade *upgrade, const struct peer *peer)
{
    uint64_t heard_ns = raft_peer_heard_ns(upgrade->raft, peer->id);
    uint64_t silent_ns = upgrade->times->now_ns - heard_ns;
    bool silent = silent_ns > upgrade->settings->raft.election_max_ns;
    return silent ? 0 : most_of(upgrade, peer);
}

uint16_t upgrade_next(const struct upgrade *upgrade)
{
    const struct roster *roster = upgrade->roster;
    uint16_t version = cluster_version(upgrade);
    uint16_t next = upgrade->settings->versions.most;
    for (uint8_t i = 0; i < roster->top; i++) {
        if (!roster->peers[i].member)
            continue;
        uint16_t most = able_of(upgrade, &roster->peers[i]);
        next = most < next ? most : next;
    }
    return next < version ? version : next;
}

uint64_t upgrade_missing(const struct upgrade *upgrade)
{
    const struct roster *roster = upgrade->roster;
    uint16_t version = cluster_version(upgrade);
    uint64_t missing = 0;
    if (upgrade->settings->versions.most <= version)
        missing = UINT64_C(1) << roster->self;
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct peer *peer = &roster->peers[i];
        if (peer->member && able_of(upgrade, peer) <= version)
            missing |= UINT64_C(1) << roster->peers[i].id;
    }
    return missing;
}

uint64_t upgrade_waited_ns(const struct upgrade *upgrade)
{
    uint64_t term = raft_term(upgrade->raft);
    if (upgrade->able_term != term || upgrade_next(upgrade) == cluster_version(upgrade))
        return 0;
    return served_total_ns(upgrade->served, term) - upgrade->able_since;
}

bool upgrade_is_open(const struct upgrade *upgrade)
{
    const struct roster *roster = upgrade->roster;
    uint16_t version = cluster_version(upgrade);
    bool open = upgrade->settings->versions.most > version;
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct peer *peer = &roster->peers[i];
        open = open || (peer->member && most_of(upgrade, peer) > version);
    }
    return open && wal_cluster(upgrade->batcher->wal) != 0;
}

bool upgrade_is_too_late(const struct upgrade *upgrade)
{
    uint16_t heard = roster_version_heard(upgrade->roster, upgrade->times->now_ns);
    return heard > upgrade->settings->versions.most;
}

bool upgrade_propose(struct upgrade *upgrade, const struct settings_change *change)
{
    unsigned char body[WISH_BYTES_MAX];
    struct settings_change written = *change;
    struct wire wire = wire_writer(body, sizeof(body));
    assert(settings_change_valid(change));
    written.wall_ns = upgrade->times->clocks.wall_ns;
    wire_settings_change(&wire, &written);
    assert(!wire.failed);
    return batcher_want(upgrade->batcher, ENTRY_SETTINGS, body, (uint32_t)wire.at);
}

bool upgrade_finish(struct upgrade *upgrade, uint16_t version)
{
    const struct settings_change change = {
            .count = 1, .values = {{SETTING_VERSION, version}}};
    assert(version <= upgrade_next(upgrade));
    return upgrade_propose(upgrade, &change);
}

/* What only the version of tests has. The number of trials shows on all nodes. */
static void time_trial(const struct upgrade *upgrade)
{
    if (cluster_version(upgrade) < VERSION_TRIAL)
        return;
    if (locks_index(upgrade->locks) % TRIAL_SPACING == 0)
        (void)batcher_want(upgrade->batcher, ENTRY_TRIAL, NULL, 0);
}

void upgrade_time(struct upgrade *upgrade)
{
    if (!raft_leads_applied(upgrade->raft))
        return;
    time_trial(upgrade);
    uint64_t term = raft_term(upgrade->raft);
    uint16_t next = upgrade_next(upgrade);
    if (next == cluster_version(upgrade)) {
        upgrade->able_term = 0;
        return;
    }
    if (upgrade->able_term != term) {
        upgrade->able_term = term;
        upgrade->able_since = served_total_ns(upgrade->served, term);
    }
    uint64_t after_ns = locks_settings(upgrade->locks)->upgrade_after_ns;
    if (after_ns == 0 || upgrade_waited_ns(upgrade) < after_ns)
        return;
    if (upgrade_finish(upgrade, next))
        MARK(upgrade_finished_by_itself);
}

void upgrade_check(const struct upgrade *upgrade)
{
    assert(upgrade->settings->versions.least >= 1);
    assert(upgrade->settings->versions.least <= upgrade->settings->versions.most);
    assert(cluster_version(upgrade) <= upgrade->settings->versions.most);
}
