/* The kinds of parts of the replicated state, and the two edges of a change of one. */
#ifndef LOCKS_PART_H
#define LOCKS_PART_H

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are in the digest: never to change. */
enum part {
    PART_SESSION = 1, /* struct session */
    PART_LOCK = 2,    /* struct lock */
    PART_HOLD = 3,    /* struct hold */
    PART_WAIT = 4,    /* struct wait */
    PART_ANSWER = 5,  /* struct remembered */
    PART_CHANGE = 6,  /* struct told */
};

enum {
    PART_KINDS = 6,
    PART_PLACES = 7 /* Of arrays that have a place for each kind */
};

enum edge {
    BEFORE,
    AFTER,
};

#ifdef __cplusplus
}
#endif

#endif
