/* Puts raft's writes into the log: see journal.h. */
#include "node/journal.h"

void received_carve(struct received *received, struct arena *arena)
{
    received->entries = arena_take(
            arena, "node.append_entries", RAFT_ENTRIES_MAX, sizeof(struct raft_entry), 64);
    received->heads = arena_take(
            arena, "node.append_heads", RAFT_ENTRIES_MAX, sizeof(struct entry_head), 64);
    received->bytes = arena_take(
            arena, "node.append_bytes", RAFT_ENTRIES_MAX, sizeof(unsigned char *), 64);
}

void journal_carve(struct journal *journal, struct arena *arena)
{
    journal->writes = arena_take(
            arena, "node.raft_writes", RAFT_WRITES_MAX, sizeof(struct raft_write), 64);
}

void journal_init(struct journal *journal)
{
    assert(journal->raft && journal->wal && journal->notices && journal->stages);
    ring_init(&journal->ring, RAFT_WRITES_MAX);
}

bool journal_has_room(const struct journal *journal, uint32_t entries, uint64_t bytes)
{
    return !journal->frozen && ring_room(&journal->ring) > 0 &&
           wal_has_room(journal->wal, entries + 2, bytes);
}

bool journal_segments_have_room(
        const struct journal *journal, uint32_t entries, uint64_t bytes)
{
    return wal_segments_have_room(journal->wal, entries + 2, bytes);
}

static uint64_t event_bytes(const struct raft_event *event)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < event->entry_count; i++)
        bytes += event->entries[i].bytes;
    return bytes;
}

bool journal_takes(const struct journal *journal, const struct raft_event *event)
{
    return !raft_may_write(journal->raft, event) ||
           journal_has_room(journal, event->entry_count, event_bytes(event));
}

static void add_received(struct journal *journal, const struct raft_effects *effects,
        const struct received *received)
{
    assert(effects->append_skip + effects->append_count <= received->count);
    for (uint32_t i = 0; i < effects->append_count; i++) {
        uint32_t at = effects->append_skip + i;
        const struct entry_head *head = &received->heads[at];
        if (wal_cluster(journal->wal) == 0) {
            wal_set_cluster(journal->wal, head->cluster);
            notices_tell(journal->notices, NOTICE_BOOTSTRAPPED, 0, head->cluster);
        }
        wal_add_entry(journal->wal, received->bytes[at], head);
        journal->stages->sums[SUM_LOGGED] += entry_bytes(head);
    }
}

void journal_write(struct journal *journal, const struct raft_effects *effects,
        const struct received *received)
{
    if (effects->write == 0)
        return;
    assert(effects->write > journal->written);
    assert(!wal_entry_is_open(journal->wal) && !journal->frozen);
    const struct raft *raft = journal->raft;
    if (effects->save)
        wal_add_vote(journal->wal, raft_term(raft), raft_vote(raft));
    if (effects->truncate_from != 0)
        wal_add_truncate(journal->wal, effects->truncate_from);
    if (received)
        add_received(journal, effects, received);
    journal->writes[ring_push(&journal->ring)] = (struct raft_write){
            .number = effects->write,
            .position = wal_end(journal->wal),
    };
    journal->stages->busy = true;
}

void journal_handed(struct journal *journal, uint64_t handed_ns)
{
    const struct ring *ring = &journal->ring;
    uint64_t at = journal->handed;
    for (at = at < ring->begin ? ring->begin : at; at < ring->end; at++)
        journal->writes[ring_at(ring, at)].handed_ns = handed_ns;
    journal->handed = at;
}

bool journal_advance(struct journal *journal, uint64_t now_ns)
{
    uint64_t durable = wal_durable(journal->wal);
    struct ring *ring = &journal->ring;
    bool advanced = false;
    while (!ring_is_empty(ring)) {
        const struct raft_write *oldest = &journal->writes[ring_at(ring, ring->begin)];
        if (oldest->position > durable)
            break;
        assert(oldest->number > journal->written);
        journal->written = oldest->number;
        advanced = true;
        stages_durable(journal->stages, oldest->handed_ns, now_ns);
        ring_pop(ring);
    }
    return advanced;
}

void journal_check(const struct journal *journal)
{
    const struct ring *ring = &journal->ring;
    assert(journal->handed <= ring->end);
    assert(wal_durable(journal->wal) <= wal_end(journal->wal));
    if (ring_is_empty(ring))
        return;
    const struct raft_write *oldest = &journal->writes[ring_at(ring, ring->begin)];
    const struct raft_write *newest = &journal->writes[ring_at(ring, ring->end - 1)];
    assert(oldest->number > journal->written);
    assert(oldest->number <= newest->number);
    assert(oldest->position <= newest->position);
    assert(newest->position <= wal_end(journal->wal));
}
