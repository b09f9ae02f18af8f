#include "raft/raft_log.h"

#include <assert.h>
#include <stdalign.h>

void raft_log_carve(
        struct raft_log *log, struct arena *arena, uint32_t trail_max, uint32_t recent_max)
{
    raft_trail_carve(&log->trail, arena, trail_max);
    log->recent_bytes = arena_take(
            arena, "raft.recent", recent_max, sizeof(uint32_t), alignof(uint32_t));
}

void raft_log_init(struct raft_log *log, uint32_t recent_max)
{
    raft_trail_init(&log->trail);
    ring_init_at(&log->recent, recent_max, 1);
}

void raft_log_begin_at(struct raft_log *log, struct entry_id before)
{
    raft_trail_begin_at(&log->trail, before);
    ring_init_at(&log->recent, log->recent.capacity, before.index + 1);
}

void raft_log_forget(struct raft_log *log, uint64_t index)
{
    assert(index <= log->recent.end);
    if (index > log->recent.begin)
        ring_pop_before(&log->recent, index);
}

bool raft_log_drop_before(struct raft_log *log, uint64_t index)
{
    if (!raft_trail_drop_before(&log->trail, index))
        return false;
    raft_log_forget(log, index);
    return true;
}

void raft_log_add(struct raft_log *log, struct entry_id id, uint32_t bytes)
{
    raft_trail_add(&log->trail, id);
    if (ring_room(&log->recent) == 0)
        ring_pop(&log->recent);
    log->recent_bytes[ring_push(&log->recent)] = bytes;
}

void raft_log_cut(struct raft_log *log, uint64_t from)
{
    raft_trail_cut(&log->trail, from);
    if (from < log->recent.begin)
        ring_init_at(&log->recent, log->recent.capacity, from);
    else
        ring_cut(&log->recent, from);
}

static void check_runs(const struct raft_trail *trail)
{
    for (uint32_t i = 0; i < trail->count; i++) {
        if (i == 0) {
            assert(trail->runs[i].first == trail->before.index + 1);
            assert(trail->runs[i].term >= trail->before.term);
        } else {
            assert(trail->runs[i - 1].first < trail->runs[i].first);
            assert(trail->runs[i - 1].term < trail->runs[i].term);
        }
        assert(trail->runs[i].first <= trail->last.index);
    }
}

void raft_log_check(const struct raft_log *log)
{
    const struct raft_trail *trail = &log->trail;
    assert(trail->count <= trail->count_max);
    assert((trail->before.term == 0) == (trail->before.index == 0));
    assert(trail->before.index <= trail->last.index);
    assert((trail->count == 0) == (trail->before.index == trail->last.index));
    assert((trail->last.term == 0) == (trail->last.index == 0));
    check_runs(trail);
    if (trail->count > 0)
        assert(trail->runs[trail->count - 1].term == trail->last.term);
    else
        assert(entry_id_equal(trail->last, trail->before));
    assert(trail->before.index < log->recent.begin);
    assert(log->recent.end == trail->last.index + 1);
}
