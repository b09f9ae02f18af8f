/*
 * One part of a snapshot, from the body of its record into the state. It is linked at once;
 * lists get their order at the end. Each function checks all that may refuse the record
 * before it changes anything, and returns false if something does.
 *
 * While a state is being loaded, the table of names finds locks by their ids instead.
 */
#ifndef LOCKS_LOAD_ITEMS_H
#define LOCKS_LOAD_ITEMS_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* No counter of ids, tokens, places or changes ever comes so far: it would take centuries. */
#define COUNTER_END (UINT64_C(1) << 63)

bool load_session(struct locks *locks, struct wire *body);
bool load_lock(struct locks *locks, struct wire *body);
bool load_hold(struct locks *locks, struct wire *body);
bool load_wait(struct locks *locks, struct wire *body);
bool load_answer(struct locks *locks, struct wire *body);
bool load_change(struct locks *locks, struct wire *body);

/* Forget the locks by id: from now on the table finds locks by name, and has none yet. */
void load_forget_ids(struct locks *locks);

#ifdef __cplusplus
}
#endif

#endif
