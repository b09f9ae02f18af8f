#include "raft/raft_trail.h"

#include <assert.h>
#include <stdalign.h>

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
    trail->last = (struct entry_id){0, 0};
}

bool raft_trail_has_room(const struct raft_trail *trail, uint64_t term)
{
    return term == trail->last.term || trail->count < trail->count_max;
}

void raft_trail_add(struct raft_trail *trail, struct entry_id id)
{
    assert(id.index == trail->last.index + 1);
    assert(id.term >= trail->last.term && id.term > 0);
    if (id.term > trail->last.term) {
        assert(trail->count < trail->count_max);
        trail->runs[trail->count] = (struct raft_run){id.term, id.index};
        trail->count++;
    }
    trail->last = id;
}

void raft_trail_cut(struct raft_trail *trail, uint64_t from)
{
    assert(0 < from && from <= trail->last.index);
    while (trail->count > 0 && trail->runs[trail->count - 1].first >= from)
        trail->count--;
    trail->last.index = from - 1;
    trail->last.term = trail->count > 0 ? trail->runs[trail->count - 1].term : 0;
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

uint64_t raft_trail_term(const struct raft_trail *trail, uint64_t index)
{
    if (index == 0 || index > trail->last.index)
        return 0;
    /* Nearly all questions are about the newest entries. */
    const struct raft_run *newest = &trail->runs[trail->count - 1];
    if (newest->first <= index)
        return newest->term;
    return trail->runs[count_runs_to(trail, index) - 1].term;
}

struct entry_id raft_trail_within(const struct raft_trail *trail, struct entry_id bound)
{
    uint32_t runs = count_runs_within(trail, bound.term);
    uint64_t end = runs < trail->count ? trail->runs[runs].first : trail->last.index + 1;
    uint64_t index = bound.index < end ? bound.index : end - 1;
    return (struct entry_id){raft_trail_term(trail, index), index};
}
