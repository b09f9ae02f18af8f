/* What a node finds in its directory: see restart.h. */
#include "node/restart.h"

#include <assert.h>
#include <string.h>

#include "base/mark.h"
#include "locks/load.h"
#include "store/format.h"

void restart_carve(struct restart *restart, struct arena *arena)
{
    restart->offers = arena_take(
            arena, "node.snapshot_offers", NODE_SNAPSHOTS_MAX, sizeof(struct offer), 64);
}

void restart_init(struct restart *restart)
{
    assert(restart->recovery && restart->raft && restart->locks);
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

static void learn(struct restart *restart, const unsigned char *body, uint32_t count)
{
    struct wire wire = wire_reader(body, count);
    wire_bootstrap(&wire, &restart->bootstrap);
    restart->bootstrapped = wire_complete(&wire) && count <= SNAPSHOT_CONFIGURATION_MAX;
    if (!restart->bootstrapped)
        return;
    memcpy(restart->configuration, body, count);
    restart->configuration_bytes = count;
}

static void recover_entry(struct restart *restart, const struct recovery_item *item)
{
    const struct entry_head *head = &item->head;
    struct raft_entry entry = {
            .id = head->id, .kind = head->kind, .bytes = (uint32_t)entry_bytes(head)};
    raft_restore(restart->raft, &entry);
    for (uint32_t i = 0; i < restart->offer_count; i++) {
        struct offer *offer = &restart->offers[i];
        if (is_of(offer, head->id, head->sum))
            offer->fits = true;
        else if (offer->header.last.index < head->id.index)
            offer->behind += format_entry_bytes(head->body_bytes);
    }
    if (head->kind == ENTRY_BOOTSTRAP)
        learn(restart, item->entry + ENTRY_HEAD_BYTES, head->body_bytes);
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
            raft_restore_truncate(restart->raft, item.from);
            break;
        }
    }
}

/* ---- Snapshots ---- */

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
    if (!best)
        return NULL;
    best->tried = true;
    snapshot_reader_init(&restart->reader);
    locks_load_begin(restart->locks);
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
        learn(restart, header->configuration, header->configuration_bytes);
        bool fits = restart->bootstrapped &&
                    locks_fits(restart->locks, &restart->bootstrap.settings) &&
                    entry_id_equal(restart->reader.header.last, header->last);
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
    return true;
}
