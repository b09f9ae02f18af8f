/*
 * Remembered answers: a request that comes again gets the answer it had (G6). An answer is
 * kept from the time when its request is applied until the session says that it has the
 * answer, or ends.
 *
 * Room is promised, so that no session's request which gives something back fails because
 * others have filled the memory: each session has room for ANSWERS_OF_SESSION, and each
 * count of a hold and each wait has room for the answer to the request that ends it. What
 * is left is for whoever comes, but one session takes at most an eighth of the whole.
 *
 *     remembered + promised <= answers_max
 *
 * Both count for the parties of the session too (quotas.h).
 */
#ifndef LOCKS_REMEMBERED_H
#define LOCKS_REMEMBERED_H

#include "locks/quotas.h"
#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The answer to a number; NULL: none. */
struct remembered *remembered_find(
        const struct locks *locks, const struct session *session, uint64_t number);

/*
 * Whether `answers` more of the session may be remembered, and `promises` more be made: 0,
 * or the limit that is met.
 */
enum limit remembered_limit(const struct locks *locks, const struct session *session,
        uint32_t answers, uint32_t promises);

/* Whether a session of these parties may be opened: 0, or the limit that is met. */
enum limit remembered_limit_of_open(
        const struct locks *locks, const struct parties *parties);

/* True when the session has more unconfirmed answers than its share. */
bool remembered_too_many(const struct locks *locks, const struct session *session);

/* Room for that many answers is kept, or no longer. */
void remembered_promise(struct locks *locks, struct session *session, uint32_t count);
void remembered_unpromise(struct locks *locks, struct session *session, uint32_t count);

void remembered_add(
        struct locks *locks, struct session *session, const struct answer *answer);

/*
 * Put an answer whose fields are set before `place` in the list of its session, and into
 * the table. There is room.
 */
void remembered_link(struct locks *locks, struct remembered *answer, uint32_t handle,
        struct list_node *place);

/* The request was taken back: from now on its answer is CANCELLED. */
void remembered_cancel(struct locks *locks, struct remembered *answer);

/* Forget one; `remembered_forget` all up to a number. */
void remembered_drop(struct locks *locks, struct remembered *answer);
void remembered_forget(struct locks *locks, struct session *session, uint64_t answered);

#ifdef __cplusplus
}
#endif

#endif
