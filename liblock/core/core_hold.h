/*
 * Holds: what was granted to this client's sessions, and what any thread may believe about
 * it.
 */
#ifndef CORE_CORE_HOLD_H
#define CORE_CORE_HOLD_H

#include "base/map.h"
#include "base/pool.h"
#include "core/core_objects.h"

#ifdef __cplusplus
extern "C" {
#endif

struct holds {
    struct pool pool;
    struct map tokens;
    struct hold_belief *beliefs;
    uint32_t promised; /* Kept free for acquires under way */
    struct list ended; /* Not released by the program: events to be fetched */
};

void holds_carve(struct holds *holds, struct arena *arena, uint32_t count);

static inline struct core_hold *hold_at(const struct holds *holds, uint32_t handle)
{
    return (struct core_hold *)pool_at(&holds->pool, handle);
}

struct core_hold *hold_by_token(const struct holds *holds, uint64_t token);

/* One was promised. */
struct core_hold *hold_make(
        struct holds *holds, struct core_session *session, uint64_t token);

/* The program gets an entry that waited: from here on it is believed. */
void hold_enter(struct holds *holds, struct core_hold *hold);

/* By the owner, who had entered it. */
void hold_left(struct holds *holds, struct core_hold *hold);

void hold_drop(struct holds *holds, struct core_hold *hold);

/* Not ended by its owner: an event. */
void hold_ended(struct holds *holds, struct core_hold *hold);

/* Keep one free for an acquire; the acquire got it, or no longer needs it. */
void holds_promise(struct holds *holds, struct core_request *request);
void holds_break_promise(struct holds *holds, struct core_request *request);

#ifdef __cplusplus
}
#endif

#endif
