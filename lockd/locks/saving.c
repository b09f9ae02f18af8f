#include "locks/saving.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/numbers.h"

enum {
    WORD_BITS = 64,
    SIDE_BYTES_MAX = 16 * 1024 * 1024,
    SIDE_PART = 8, /* The side has at most this part of what the whole state takes. */
    SIDE_RECORDS_MIN = 2,
};

enum part saving_walked(uint8_t walked)
{
    static const uint8_t order[PART_KINDS] = {
            PART_SESSION, PART_ANSWER, PART_CHANGE, PART_LOCK, PART_HOLD, PART_WAIT};
    return (enum part)order[walked];
}

/* Whether the walk has finished that kind of parts. */
static bool is_walked(const struct saving *saving, enum part part)
{
    static const uint8_t place[PART_PLACES] = {
            [PART_SESSION] = 0,
            [PART_ANSWER] = 1,
            [PART_CHANGE] = 2,
            [PART_LOCK] = 3,
            [PART_HOLD] = 4,
            [PART_WAIT] = 5,
    };
    return place[part] < saving->walked;
}

static void carve_part(
        struct saving *saving, struct arena *arena, enum part part, uint32_t count)
{
    struct saving_part *that = &saving->parts[part];
    that->record_most = record_bytes_most(part);
    that->skipped = arena_take(arena, "written by a snapshot", (count - 1) / WORD_BITS + 1,
            sizeof(uint64_t), alignof(uint64_t));
}

void saving_carve(
        struct saving *saving, struct arena *arena, const struct cluster_settings *plan)
{
    const uint32_t counts[PART_PLACES] = {
            [PART_SESSION] = plan->sessions_max,
            [PART_LOCK] = plan->locks_max,
            [PART_HOLD] = plan->holds_max,
            [PART_WAIT] = plan->waits_max,
            [PART_ANSWER] = plan->answers_max,
            [PART_CHANGE] = plan->changes_max,
    };
    uint64_t most = 0;
    for (int part = 1; part < PART_PLACES; part++) {
        carve_part(saving, arena, (enum part)part, counts[part]);
        most += (uint64_t)counts[part] * saving->parts[part].record_most;
    }
    uint64_t side =
            u64_max(most / SIDE_PART, (uint64_t)SIDE_RECORDS_MIN * RECORD_BYTES_MAX);
    saving->side_bytes = (size_t)u64_min(side, SIDE_BYTES_MAX);
    saving->side = arena_take(
            arena, "snapshot, changed parts", saving->side_bytes, 1, alignof(uint64_t));
}

/* Bits behind the walk are clear: only what it has not come to must be cleared. */
static void clear_skipped(struct saving *saving)
{
    for (int part = 1; part < PART_PLACES; part++) {
        struct saving_part *that = &saving->parts[part];
        size_t words = ((size_t)that->end + WORD_BITS - 1) / WORD_BITS;
        if (!is_walked(saving, (enum part)part) && words > 0)
            memset(that->skipped, 0, words * sizeof(uint64_t));
    }
}

void saving_init(struct locks *locks)
{
    if (locks->saving.active)
        saving_end(locks);
    locks->saving.done = false;
}

void saving_begin(struct locks *locks)
{
    struct saving *saving = &locks->saving;
    assert(!saving->active);
    for (int part = 1; part < PART_PLACES; part++) {
        const struct pool *pool = pool_of(locks, (enum part)part);
        saving->parts[part].end = pool->used_count;
        saving->parts[part].pending = pool_count(pool);
    }
    saving->active = true;
    saving->done = false;
    saving->head_written = false;
    saving->walked = 0;
    saving->at = 0;
    saving->records = 0;
    saving->side_begin = 0;
    saving->side_end = 0;
}

void saving_end(struct locks *locks)
{
    struct saving *saving = &locks->saving;
    assert(saving->active);
    clear_skipped(saving);
    saving->active = false;
}

static uint64_t *word_of(const struct saving_part *that, uint32_t at)
{
    return &that->skipped[at / WORD_BITS];
}

static uint64_t bit_of(uint32_t at)
{
    return UINT64_C(1) << at % WORD_BITS;
}

/* Whether the walk will write what is at that place. */
static bool is_pending(const struct saving *saving, enum part part, uint32_t at)
{
    const struct saving_part *that = &saving->parts[part];
    if (at >= that->end || is_walked(saving, part))
        return false;
    bool passed = saving_walked(saving->walked) == part && at < saving->at;
    return !passed && (*word_of(that, at) & bit_of(at)) == 0;
}

const void *saving_step(struct locks *locks, enum part part)
{
    struct saving *saving = &locks->saving;
    struct saving_part *that = &saving->parts[part];
    uint32_t at = saving->at++;
    assert(at < that->end);
    if ((*word_of(that, at) & bit_of(at)) != 0) {
        *word_of(that, at) &= ~bit_of(at);
        return NULL;
    }
    const void *item = pool_peek(pool_of(locks, part), at);
    if (item != NULL)
        that->pending--;
    return item;
}

/* Put the part at the side if the walk has still to write it. */
static void save(struct locks *locks, enum part part, uint32_t at, const void *item)
{
    struct saving *saving = &locks->saving;
    struct saving_part *that = &saving->parts[part];
    if (!is_pending(saving, part, at))
        return;
    struct wire wire = wire_writer(
            saving->side + saving->side_end, saving->side_bytes - saving->side_end);
    record_write_item(&wire, locks, part, item);
    saving->side_end += wire.at;
    *word_of(that, at) |= bit_of(at);
    assert(that->pending > 0);
    that->pending--;
}

static uint32_t place_of(const struct locks *locks, enum part part, const void *item)
{
    return pool_index(pool_handle_of(pool_of(locks, part), item));
}

static void save_session(struct locks *locks, const struct session *session)
{
    save(locks, PART_SESSION, place_of(locks, PART_SESSION, session), session);
}

static void save_lock(struct locks *locks, const struct lock *lock)
{
    save(locks, PART_LOCK, place_of(locks, PART_LOCK, lock), lock);
}

/* What the record of a part names has its own record before. */
static void save_named(struct locks *locks, enum part part, const void *item)
{
    switch (part) {
    case PART_SESSION:
    case PART_LOCK:
        return;
    case PART_HOLD:
        save_session(locks, ((const struct hold *)item)->session);
        save_lock(locks, ((const struct hold *)item)->lock);
        return;
    case PART_WAIT:
        save_session(locks, ((const struct wait *)item)->session);
        save_lock(locks, ((const struct wait *)item)->lock);
        return;
    case PART_ANSWER:
        save_session(locks, ((const struct remembered *)item)->session);
        return;
    case PART_CHANGE:
        save_session(locks, ((const struct told *)item)->session);
        return;
    }
}

void saving_see(struct locks *locks, enum edge edge, enum part part, const void *item)
{
    struct saving *saving = &locks->saving;
    uint32_t at = place_of(locks, part, item);
    if (!is_pending(saving, part, at))
        return;
    if (edge == AFTER) {
        /* It is new: what was here before has been saved, or there was nothing. */
        *word_of(&saving->parts[part], at) |= bit_of(at);
        return;
    }
    save_named(locks, part, item);
    save(locks, part, at, item);
}

/*
 * A command renews its session, which may forget all its changes and answers, and touches
 * one hold or wait and one lock. An item of due work touches one session, one lock, one hold
 * or wait, and one answer or change.
 */
size_t saving_need(const struct locks *locks, uint32_t commands)
{
    const struct cluster_settings *settings = &locks->settings;
    uint64_t each = (uint64_t)commands + settings->work_max;
    uint64_t changes = (uint64_t)commands * settings->changes_per_session_max;
    const uint64_t most[PART_PLACES] = {
            [PART_SESSION] = each,
            [PART_LOCK] = each,
            [PART_HOLD] = each,
            [PART_WAIT] = each,
            [PART_ANSWER] = (uint64_t)commands * REQUEST_WINDOW + settings->work_max,
            [PART_CHANGE] = changes + settings->work_max,
    };
    uint64_t bytes = 0;
    for (int part = 1; part < PART_PLACES; part++) {
        const struct saving_part *that = &locks->saving.parts[part];
        bytes += u64_min(most[part], that->pending) * that->record_most;
    }
    return (size_t)bytes;
}

void saving_check(const struct locks *locks)
{
    const struct saving *saving = &locks->saving;
    assert(saving->side_begin <= saving->side_end);
    assert(saving->side_end <= saving->side_bytes);
    for (int part = 1; part < PART_PLACES; part++) {
        const struct pool *pool = pool_of(locks, (enum part)part);
        const struct saving_part *that = &saving->parts[part];
        uint32_t pending = 0;
        for (uint32_t at = 0; at < that->end && saving->active; at++)
            pending +=
                    pool_peek(pool, at) != NULL && is_pending(saving, (enum part)part, at);
        if (saving->active)
            assert(pending == that->pending);
        for (uint32_t at = 0; at < that->end && !saving->active; at++)
            assert((*word_of(that, at) & bit_of(at)) == 0);
    }
}
