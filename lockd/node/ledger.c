/* Pushes what a leader owes, seals it into entries, settles or drops it: see ledger.h. */
#include "node/ledger.h"

#include "base/mark.h"
#include "base/numbers.h"

/* One in no entry and one in an entry for each session slot, and as many more as fit. */
static uint32_t keepalives_max(const struct node_settings *settings)
{
    return power_of_two_at_least(2 * (uint64_t)settings->cluster.sessions_max);
}

void ledger_carve(
        struct ledger *ledger, struct arena *arena, const struct node_settings *settings)
{
    ledger->owed = arena_take(
            arena, "node.owed", settings->limits.owed_max, sizeof(struct owed), 64);
    ledger->keepalives = arena_take(arena, "node.keepalives", keepalives_max(settings),
            sizeof(struct pending_keepalive), 64);
}

void ledger_init(struct ledger *ledger, const struct node_settings *settings)
{
    ring_init(&ledger->owed_ring, settings->limits.owed_max);
    ring_init(&ledger->keepalive_ring, keepalives_max(settings));
    ring_init(&ledger->under_way_ring, UNDER_WAY_MAX);
    uint32_t capacity = ledger->keepalive_ring.capacity;
    assert(capacity >= 2 * (uint64_t)settings->cluster.sessions_max);
    ledger->keepalives_kept_max = capacity - settings->cluster.sessions_max;
    ledger->keepalives_due_ns = UINT64_MAX;
}

struct pending_keepalive *ledger_unsealed(struct ledger *ledger, uint64_t position)
{
    if (position < ledger->keepalives_sealed)
        return NULL;
    return &ledger->keepalives[ring_at(&ledger->keepalive_ring, position)];
}

struct pending_keepalive *ledger_new_keepalive(struct ledger *ledger, uint64_t due_ns)
{
    ledger->keepalives_due_ns = u64_min(ledger->keepalives_due_ns, due_ns);
    return &ledger->keepalives[ring_push(&ledger->keepalive_ring)];
}

bool ledger_has_unsealed(const struct ledger *ledger)
{
    return ledger->keepalives_sealed < ledger->keepalive_ring.end;
}

void ledger_read(struct ledger *ledger, uint64_t served_ns)
{
    uint64_t at = u64_max(ledger->keepalives_read, ledger->keepalives_sealed);
    for (; at < ledger->keepalive_ring.end; at++)
        ledger->keepalives[ring_at(&ledger->keepalive_ring, at)].arrived_ns = served_ns;
    ledger->keepalives_read = at;
}

static bool has_room_in_entries(const struct ledger *ledger)
{
    uint64_t kept = ledger->keepalives_sealed - ledger->keepalive_ring.begin;
    return kept < ledger->keepalives_kept_max;
}

uint64_t ledger_keepalives_due_ns(const struct ledger *ledger)
{
    bool sealable = ledger_has_unsealed(ledger) && has_room_in_entries(ledger);
    return sealable ? ledger->keepalives_due_ns : UINT64_MAX;
}

const struct pending_keepalive *ledger_seal_keepalive(struct ledger *ledger)
{
    if (!ledger_has_unsealed(ledger))
        return NULL;
    if (!has_room_in_entries(ledger)) {
        MARK(keepalives_wait_for_room);
        return NULL;
    }
    uint32_t slot = ring_at(&ledger->keepalive_ring, ledger->keepalives_sealed);
    ledger->keepalives_sealed++;
    if (!ledger_has_unsealed(ledger))
        ledger->keepalives_due_ns = UINT64_MAX;
    return &ledger->keepalives[slot];
}

void ledger_seal(struct ledger *ledger, const struct under_way *entry)
{
    const struct under_way *before = ledger_newest(ledger);
    if (before)
        assert(before->id.index + 1 == entry->id.index);
    struct under_way *sealed = &ledger->under_way[ring_push(&ledger->under_way_ring)];
    *sealed = *entry;
    sealed->owed_end = ledger->owed_ring.end;
    uint64_t owed_begin = before ? before->owed_end : ledger->owed_ring.begin;
    assert(sealed->owed_end == owed_begin + entry->entry.command_count);
    sealed->keepalive_end = ledger->keepalives_sealed;
}

void ledger_handed(struct ledger *ledger, uint64_t handed_ns)
{
    const struct ring *ring = &ledger->under_way_ring;
    uint64_t at = ledger->under_way_handed;
    for (at = at < ring->begin ? ring->begin : at; at < ring->end; at++)
        ledger->under_way[ring_at(ring, at)].entry.stages.handed_ns = handed_ns;
    assert(at == ring->end);
    ledger->under_way_handed = at;
}

void ledger_committed(struct ledger *ledger, uint64_t commit, uint64_t now_ns)
{
    const struct ring *ring = &ledger->under_way_ring;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        struct under_way *own = &ledger->under_way[ring_at(ring, at)];
        if (own->id.index > commit)
            break;
        if (own->entry.stages.committed_ns == 0)
            own->entry.stages.committed_ns = now_ns;
    }
}

const struct under_way *ledger_newest(const struct ledger *ledger)
{
    const struct ring *ring = &ledger->under_way_ring;
    if (ring_is_empty(ring))
        return NULL;
    return &ledger->under_way[ring_at(ring, ring->end - 1)];
}

uint64_t ledger_dt_ns(const struct ledger *ledger)
{
    uint64_t dt_ns = 0;
    const struct ring *ring = &ledger->under_way_ring;
    for (uint64_t at = ring->begin; at < ring->end; at++)
        dt_ns += ledger->under_way[ring_at(ring, at)].dt_ns;
    return dt_ns;
}

const struct under_way *ledger_own(const struct ledger *ledger, struct entry_id id)
{
    const struct ring *ring = &ledger->under_way_ring;
    if (ring_is_empty(ring))
        return NULL;
    const struct under_way *oldest = &ledger->under_way[ring_at(ring, ring->begin)];
    return entry_id_equal(oldest->id, id) ? oldest : NULL;
}

const struct pending_keepalive *ledger_settle_keepalive(
        struct ledger *ledger, const struct under_way *own)
{
    if (ledger->keepalive_ring.begin >= own->keepalive_end)
        return NULL;
    return &ledger->keepalives[ring_pop(&ledger->keepalive_ring)];
}

const struct owed *ledger_last_settled(
        const struct ledger *ledger, const struct under_way *own)
{
    assert(own->entry.command_count > 0);
    assert(ledger->owed_ring.begin == own->owed_end);
    uint64_t slot = (own->owed_end - 1) & (ledger->owed_ring.capacity - 1);
    return &ledger->owed[slot];
}

void ledger_finish(struct ledger *ledger, const struct under_way *own)
{
    assert(ledger->owed_ring.begin == own->owed_end);
    assert(ledger->keepalive_ring.begin == own->keepalive_end);
    uint32_t slot = ring_pop(&ledger->under_way_ring);
    assert(&ledger->under_way[slot] == own);
}

void ledger_drop(struct ledger *ledger, struct conns *conns)
{
    /* Their clients would wait forever; now they get their answers from the next leader. */
    for (uint64_t at = ledger->owed_ring.begin; at < ledger->owed_ring.end; at++) {
        const struct owed *owed = &ledger->owed[ring_at(&ledger->owed_ring, at)];
        struct conn *conn = conn_if_alive(conns, owed->conn, owed->serial);
        if (conn)
            conn_close(conns, conn);
    }
    ring_pop_before(&ledger->owed_ring, ledger->owed_ring.end);
    ring_pop_before(&ledger->keepalive_ring, ledger->keepalive_ring.end);
    ledger->keepalives_sealed = ledger->keepalive_ring.end;
    ledger->keepalives_due_ns = UINT64_MAX;
    ring_pop_before(&ledger->under_way_ring, ledger->under_way_ring.end);
    assert(!ledger_has_unsealed(ledger) && !ledger_newest(ledger));
}

void ledger_check(const struct ledger *ledger)
{
    const struct ring *ring = &ledger->under_way_ring;
    assert(ledger->keepalive_ring.begin <= ledger->keepalives_sealed);
    assert(ledger->keepalives_sealed <= ledger->keepalive_ring.end);
    /* The room for new keepalives is never given away. */
    uint64_t kept = ledger->keepalives_sealed - ledger->keepalive_ring.begin;
    uint64_t fresh = ledger->keepalive_ring.end - ledger->keepalives_sealed;
    assert(kept <= ledger->keepalives_kept_max);
    assert(fresh <= ledger->keepalive_ring.capacity - ledger->keepalives_kept_max);
    assert(ledger->keepalives_read <= ledger->keepalive_ring.end);
    assert(ledger->under_way_handed <= ring->end);
    /* Entries under way follow one another, and share out what is owed. */
    uint64_t owed = ledger->owed_ring.begin;
    uint64_t keepalives = ledger->keepalive_ring.begin;
    uint64_t index = 0;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        const struct under_way *own = &ledger->under_way[ring_at(ring, at)];
        assert(index == 0 || own->id.index == index + 1);
        assert(own->owed_end == owed + own->entry.command_count);
        assert(own->keepalive_end >= keepalives);
        index = own->id.index;
        owed = own->owed_end;
        keepalives = own->keepalive_end;
    }
    assert(owed <= ledger->owed_ring.end);
    assert(keepalives <= ledger->keepalives_sealed);
    for (uint64_t at = owed; at < ledger->owed_ring.end; at++)
        assert(ledger->owed[ring_at(&ledger->owed_ring, at)].conn != NO_CONN);
    if (ring_is_empty(ring))
        assert(ledger->keepalive_ring.begin == ledger->keepalives_sealed);
}
