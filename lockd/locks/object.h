/*
 * Every change of a part calls this one function, just before the change and just after. A
 * new part is reported after its change, a removed one before. Counts and lists that follow
 * from other parts are no change: a session that gets another hold is as it was.
 *
 * The function keeps the digest. While a snapshot is taken, it also saves each part before
 * the part's first change. Watches would see changes here.
 */
#ifndef LOCKS_OBJECT_H
#define LOCKS_OBJECT_H

#include "locks/part.h"
#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

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
