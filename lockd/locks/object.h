/*
 * Every change of a part calls this one function, just before the change and just after. A
 * new part is reported after its change, a removed one before.
 *
 * It keeps the digest. It is also the place where a snapshot that is taken while serving
 * would write a part before its first change, and where watches would see the change.
 */
#ifndef LOCKS_OBJECT_H
#define LOCKS_OBJECT_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

enum part {
    PART_SESSION = 1, /* struct session */
    PART_LOCK = 2,    /* struct lock */
    PART_HOLD = 3,    /* struct hold */
    PART_WAIT = 4,    /* struct wait */
    PART_ANSWER = 5,  /* struct remembered */
    PART_CHANGE = 6,  /* struct told */
};

enum edge {
    BEFORE,
    AFTER,
};

void object_change(struct locks *locks, enum edge edge, enum part part, const void *item);

/*
 * What a part adds to the digest, from its content and from the ids of what it belongs to.
 */
uint64_t object_weight(enum part part, const void *item);

/* The fields of a session that never change, in one word: id, ttl, secret, address, label. */
uint64_t object_identity(const struct session *session, struct span label);

#ifdef __cplusplus
}
#endif

#endif
