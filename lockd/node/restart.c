/* What a node finds in its directory: see restart.h. */
#include "node/restart.h"

#include <assert.h>
#include <string.h>

#include "base/mark.h"
#include "locks/load.h"
#include "node/snapshots.h"
#include "store/format.h"

void restart_carve(struct restart *restart, struct arena *arena)
{
    restart->offers = arena_take(
            arena, "node.snapshot_offers", NODE_SNAPSHOTS_MAX, sizeof(struct offer), 64);
}

void restart_init(struct restart *restart)
{
    assert(restart->settings && restart->recovery && restart->raft && restart->locks);
    assert(restart->configurations);
    restart->begin = (struct log_begin){.segment = 1};
    restart->offer_count = 0;
}

void restart_begin_log(struct restart *restart, const struct begin_block *begin)
{
    restart->begin = begin->begin;
    recovery_begin_as(restart->recovery, begin);
    raft_restore_begin(restart->raft, begin->begin.before);
}

/* Is it of the entry `id`, with that sum? */
static bool is_of(const struct offer *offer, struct entry_id id, uint64_t sum)
{
    return entry_id_equal(offer->header.last, id) && offer->header.last_sum == sum;
}

void restart_offer(struct restart *restart, const struct snapshot_header *header)
{
    assert(restart->offer_count < NODE_SNAPSHOTS_MAX);
    struct offer *offer = &restart->offers[restart->offer_count++];
    *offer = (struct offer){.header = *header};
    offer->fits = is_of(offer, restart->begin.before, restart->begin.sum);
}

/* ---- The log ---- */

static void learn_settings(
        struct restart *restart, const unsigned char *body, uint32_t count)
{
    struct bootstrap bootstrap = {0};
    struct wire wire = wire_reader(body, count);
    wire_bootstrap(&wire, &bootstrap);
    restart->bootstrapped = !wire.failed;
    restart->cluster_settings = bootstrap.settings;
    restart->version = bootstrap.settings.version;
    restart->version_first = restart->version;
}

/* Of which configuration this node is a member depends on whose directory it has. */
static void learn_members(struct restart *restart, const struct entry_head *head,
        const unsigned char *body, struct raft_entry *entry)
{
    struct configurations *configurations = restart->configurations;
    struct configuration configuration;
    if (!configuration_read(&configuration, head, body))
        return;
    configurations->incarnation = recovery_incarnation(restart->recovery);
    entry->configuration = configuration_for_raft(configurations, &configuration);
    configurations_take(configurations, head->id.index, &configuration);
}

/* Also if it is not committed: somebody may count on it that it is here. */
static void recover_settings(struct restart *restart, const struct recovery_item *item)
{
    struct settings_change change;
    struct wire wire = wire_reader(item->entry + ENTRY_HEAD_BYTES, item->head.body_bytes);
    wire_settings_change(&wire, &change);
    uint16_t version = wire.failed ? 0 : settings_change_version(&change);
    if (version <= restart->version)
        return;
    restart->version_before = restart->version;
    restart->version = version;
    restart->version_index = item->head.id.index;
}

static void recover_truncate(struct restart *restart, uint64_t from)
{
    raft_restore_truncate(restart->raft, from);
    if (restart->version_index < from)
        return;
    restart->version = restart->version_before;
    restart->version_index = 0;
}

static void recover_entry(struct restart *restart, const struct recovery_item *item)
{
    const struct entry_head *head = &item->head;
    const unsigned char *body = item->entry + ENTRY_HEAD_BYTES;
    struct raft_entry entry = {
            .id = head->id, .kind = head->kind, .bytes = (uint32_t)entry_bytes(head)};
    learn_members(restart, head, body, &entry);
    raft_restore(restart->raft, &entry);
    for (uint32_t i = 0; i < restart->offer_count; i++) {
        struct offer *offer = &restart->offers[i];
        if (is_of(offer, head->id, head->sum))
            offer->fits = true;
        else if (offer->header.last.index < head->id.index)
            offer->behind += format_entry_bytes(head->body_bytes);
    }
    if (head->kind == ENTRY_SETTINGS)
        recover_settings(restart, item);
    if (head->kind == ENTRY_BOOTSTRAP)
        learn_settings(restart, body, head->body_bytes);
}

void restart_recover(struct restart *restart)
{
    struct recovery_item item;
    while (recovery_next(restart->recovery, &item)) {
        switch (item.kind) {
        case RECOVERY_ENTRY:
            recover_entry(restart, &item);
            break;
        case RECOVERY_VOTE:
            raft_restore_vote(restart->raft, item.term, item.vote);
            break;
        case RECOVERY_TRUNCATE:
            recover_truncate(restart, item.from);
            configurations_cut(restart->configurations, item.from);
            break;
        }
    }
}

bool restart_is_repaired(struct restart *restart)
{
    const struct member *own = configurations_self(restart->configurations);
    bool is_voter = restart->configurations->newest.index > 0 && own &&
                    own->role == MEMBER_VOTER && own->incarnation != 0;
    if (restart->repair.given_up == 0 || !is_voter)
        return false;
    restart->repair.given_up = 0;
    return true;
}

/* ---- Snapshots ---- */

static bool knows(const struct restart *restart, uint16_t version)
{
    return version == 0 || versions_have(restart->settings->versions, version);
}

uint16_t restart_unknown_version(const struct restart *restart)
{
    if (!knows(restart, restart->version))
        return restart->version;
    return knows(restart, restart->version_first) ? 0 : restart->version_first;
}

static uint16_t founding_version(const struct restart *restart)
{
    return restart->bootstrapped ? restart->cluster_settings.version : 0;
}

const struct snapshot_header *restart_next(struct restart *restart)
{
    struct offer *best = NULL;
    for (uint32_t i = 0; i < restart->offer_count; i++) {
        struct offer *offer = &restart->offers[i];
        if (offer->fits && !offer->tried &&
                (!best || best->header.last.index < offer->header.last.index))
            best = offer;
    }
    restart->loading = best;
    restart->loaded = false;
    if (!best) {
        restart->version_first = founding_version(restart);
        return NULL;
    }
    best->tried = true;
    uint16_t version = best->header.cluster_version;
    restart->version_first = version;
    if (restart->version < version)
        restart->version = version;
    if (restart_unknown_version(restart) != 0)
        return NULL; /* node_boot() refuses: an older snapshot would not help. */
    snapshot_reader_init(&restart->reader);
    locks_load_begin(restart->locks, version);
    return &best->header;
}

/* It cannot be used, and does not count as a snapshot that this node has. */
static bool refuse(struct restart *restart)
{
    MARK(snapshot_refused_at_start);
    restart->loading->fits = false;
    restart->loading = NULL;
    return false;
}

bool restart_feed(struct restart *restart, const unsigned char *bytes, size_t count)
{
    struct span records;
    const struct snapshot_header *header = &restart->loading->header;
    if (snapshot_reader_take(&restart->reader, bytes, count, &records) != SNAPSHOT_GOOD)
        return refuse(restart);
    if (restart->reader.pieces == 1) {
        bool is_whole = snapshots_read_cluster(header, &restart->cluster) &&
                        entry_id_equal(restart->reader.header.last, header->last);
        bool fits = is_whole && locks_fits(restart->locks, &restart->cluster.settings);
        restart->too_small = is_whole && !fits;
        return fits || refuse(restart);
    }
    if (!locks_load(restart->locks, records))
        return refuse(restart);
    if (!snapshot_reader_is_done(&restart->reader))
        return true;
    if (!locks_load_end(restart->locks) ||
            locks_index(restart->locks) != header->last.index)
        return refuse(restart);
    MARK(snapshot_loaded_at_start);
    restart->loaded = true;
    restart->bootstrapped = true;
    restart->cluster_settings = restart->cluster.settings;
    return true;
}
