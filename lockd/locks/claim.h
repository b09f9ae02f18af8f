/*
 * Makes, finds and ends holds and waits. The functions here keep every list, count and
 * index consistent. Their callers decide who may hold what; for waits claim_settle()
 * decides.
 */
#ifndef LOCKS_CLAIM_H
#define LOCKS_CLAIM_H

#include "locks/mode.h"
#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The request: holds and waits are made from it. */
struct claim {
    struct lock *lock;
    struct session *session;
    uint64_t owner;
    uint64_t number;
    enum lock_mode mode;
};

/*
 * A new lock, for which there is room; it must be held or waited for before the step ends.
 */
struct lock *claim_lock(struct locks *locks, struct span name, uint64_t hash);

/*
 * True when all that hold the lock admit the mode. There is at most one holder now. Modes
 * that share would need a count by mode in the lock in place of the walk over holders.
 */
bool claim_admits(const struct lock *lock, enum lock_mode mode);

/* The hold of that owner; NULL for owner 0, which is different in each request. */
struct hold *claim_hold_of(
        const struct lock *lock, const struct session *session, uint64_t owner);

struct hold *claim_hold_by_token(const struct locks *locks, uint64_t token);
struct hold *claim_hold_by_number(
        const struct locks *locks, const struct session *session, uint64_t number);
struct wait *claim_wait_by_number(
        const struct locks *locks, const struct session *session, uint64_t number);

/* Grant: a hold with the next token. */
struct hold *claim_hold(struct locks *locks, const struct claim *claim);

/*
 * Put a hold or a wait whose fields are set where it belongs: at the end of the lists of its
 * lock and its session, and into the tables.
 */
void claim_link_hold(struct locks *locks, struct hold *hold, uint32_t handle);
void claim_link_wait(struct locks *locks, struct wait *wait, uint32_t handle);

/* Put a lock at the end of the ready ones, under its `ready_order`. */
void claim_link_ready(struct locks *locks, struct lock *lock);

/* Whether the lock's first wait could be granted: then it must be ready. */
bool claim_is_ready(const struct lock *lock);

/*
 * Add `count` entries or, by `claim_leave`, remove them; at 0 the hold ends. Returns the
 * rest.
 */
uint32_t claim_enter(struct locks *locks, struct hold *hold);
uint32_t claim_leave(struct locks *locks, struct hold *hold, uint32_t count);

/* Change number `change` reported the hold; 0: it can no longer be taken back. */
void claim_told(struct locks *locks, struct hold *hold, uint64_t change);

/* A wait at the end of the queue. */
struct wait *claim_wait(struct locks *locks, const struct claim *claim, uint64_t deadline);

/* The wait ends without a hold. The caller must settle the lock. */
void claim_unwait(struct locks *locks, struct wait *wait);

/*
 * Call after a hold or wait of a lock ended. The lock is removed if it has no hold and no
 * wait. It is in the list `ready` exactly if its first wait could be granted.
 */
void claim_settle(struct locks *locks, struct lock *lock);

/* Grant the first wait of a ready lock, and report it to its session. */
void claim_grant(struct locks *locks, struct lock *lock);

#ifdef __cplusplus
}
#endif

#endif
