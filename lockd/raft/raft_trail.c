#include "raft/raft_trail.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

void raft_trail_carve(struct raft_trail *trail, struct arena *arena, uint32_t count_max)
{
    assert(count_max > 0);
    trail->count_max = count_max;
    trail->runs = arena_take(arena, "raft.trail", count_max, sizeof(struct raft_run),
            alignof(struct raft_run));
}

void raft_trail_init(struct raft_trail *trail)
{
    trail->count = 0;
    trail->before = (struct entry_id){0, 0};
    trail->last = trail->before;
}

void raft_trail_begin_at(struct raft_trail *trail, struct entry_id before)
{
    assert(trail->count == 0);
    assert((before.term == 0) == (before.index == 0));
    trail->before = before;
    trail->last = before;
}

bool raft_trail_has_room(const struct raft_trail *trail, uint64_t term)
{
    bool has_run = trail->count > 0 && term == trail->last.term;
    return has_run || trail->count < trail->count_max;
}

void raft_trail_add(struct raft_trail *trail, struct entry_id id)
{
    assert(id.index == trail->last.index + 1);
    assert(id.term >= trail->last.term && id.term > 0);
    if (id.term > trail->last.term || trail->count == 0) {
        assert(trail->count < trail->count_max);
        trail->runs[trail->count] = (struct raft_run){id.term, id.index};
        trail->count++;
    }
    trail->last = id;
}

void raft_trail_cut(struct raft_trail *trail, uint64_t from)
{
    assert(trail->before.index < from && from <= trail->last.index);
    while (trail->count > 0 && trail->runs[trail->count - 1].first >= from)
        trail->count--;
    trail->last.index = from - 1;
    trail->last.term =
            trail->count > 0 ? trail->runs[trail->count - 1].term : trail->before.term;
}

/* How many runs begin at or before `index`. */
static uint32_t count_runs_to(const struct raft_trail *trail, uint64_t index)
{
    uint32_t begin = 0;
    uint32_t end = trail->count;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (trail->runs[middle].first <= index)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

/* How many runs are of `term` or an earlier one. */
static uint32_t count_runs_within(const struct raft_trail *trail, uint64_t term)
{
    uint32_t begin = 0;
    uint32_t end = trail->count;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (trail->runs[middle].term <= term)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

bool raft_trail_drop_before(struct raft_trail *trail, uint64_t index)
{
    assert(index <= trail->last.index + 1);
    if (index <= trail->before.index + 1)
        return false;
    uint32_t gone = count_runs_to(trail, index - 1) - 1;
    struct raft_run *kept = &trail->runs[gone];
    trail->before = (struct entry_id){kept->term, index - 1};
    kept->first = index;
    /* The run may end where the log now begins. */
    bool ends = index > trail->last.index ||
                (gone + 1 < trail->count && trail->runs[gone + 1].first == index);
    gone += ends ? 1 : 0;
    trail->count -= gone;
    memmove(trail->runs, trail->runs + gone, trail->count * sizeof(struct raft_run));
    return true;
}

uint64_t raft_trail_term(const struct raft_trail *trail, uint64_t index)
{
    if (index <= trail->before.index)
        return index == trail->before.index ? trail->before.term : 0;
    if (index > trail->last.index)
        return 0;
    /* Nearly all questions are about the newest entries. */
    const struct raft_run *newest = &trail->runs[trail->count - 1];
    if (newest->first <= index)
        return newest->term;
    return trail->runs[count_runs_to(trail, index) - 1].term;
}

struct entry_id raft_trail_within(const struct raft_trail *trail, struct entry_id bound)
{
    if (bound.index < trail->before.index || bound.term < trail->before.term)
        return (struct entry_id){0, 0};
    uint32_t runs = count_runs_within(trail, bound.term);
    uint64_t end = runs < trail->count ? trail->runs[runs].first : trail->last.index + 1;
    uint64_t index = bound.index < end ? bound.index : end - 1;
    return (struct entry_id){raft_trail_term(trail, index), index};
}
