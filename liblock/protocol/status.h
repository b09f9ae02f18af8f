/*
 * The outcome of a request, in one byte. The numbers below STATUS_WIRE are those of enum
 * lk_status in liblock.h, permanently.
 */
#ifndef PROTOCOL_STATUS_H
#define PROTOCOL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

enum status {
    STATUS_OK = 0,
    STATUS_TIMEOUT = 1,   /* Not granted in the wait, and never will be. */
    STATUS_UNKNOWN = 2,   /* Never on the wire: a client's result without an answer. */
    STATUS_LOST = 3,      /* The session is over (detail: enum lost_reason). */
    STATUS_BUSY = 4,      /* Refused before it was logged. */
    STATUS_INVALID = 5,   /* Can never work. */
    STATUS_CANCELLED = 6, /* Ended on request. */
    STATUS_DEADLOCK = 7,  /* Ended to break a cycle, or excluded by one's own hold. */
    STATUS_NOT_FOUND = 8, /* That token does not hold the lock, or no longer. */
    STATUS_LIMIT = 9,     /* A capacity of the cluster is met (detail: enum limit). */
    STATUS_OLD = 10,      /* A number whose answer the session has confirmed. */
    STATUS_DENIED = 11,   /* The secret is wrong. */
    STATUS_WRONG_CLUSTER = 12,
    STATUS_VERSION = 13,
    STATUS_WIRE = 32,       /* From here on: between library and node only. */
    STATUS_QUEUED = 32,     /* The wait is queued; its outcome comes as a change. */
    STATUS_NOT_LEADER = 33, /* Nothing was done; FRAME_LEADER names the leader. */
};

enum lost_reason {
    LOST_EXPIRED = 1, /* No keepalive for its ttl of cluster time. */
    LOST_CLOSED = 2,  /* Closed by its own client. */
    LOST_UNKNOWN = 3, /* No such session. */
};

/* Which capacity was met. */
enum limit {
    LIMIT_SESSIONS = 1,
    LIMIT_LOCKS = 2,
    LIMIT_HOLDS = 3,
    LIMIT_WAITS = 4,
    LIMIT_WAITS_PER_LOCK = 5,
    LIMIT_NAME_BLOCKS = 6, /* Room for the bytes of names and labels. */
    LIMIT_ANSWERS = 7,
    LIMIT_COUNT = 8, /* Times that an owner entered one lock. */
    /* What one session may have, so that others find something left: */
    LIMIT_SESSION_HOLDS = 9, /* Holds, and waits, which become holds */
    LIMIT_SESSION_WAITS = 10,
    /* What all sessions of one client address may have: */
    LIMIT_ADDRESS_SESSIONS = 11,
    LIMIT_ADDRESS_HOLDS = 12, /* Holds, and waits, which become holds */
    LIMIT_ADDRESS_WAITS = 13,
    LIMIT_ADDRESS_ANSWERS = 14,
    LIMIT_ADDRESS_NAME_BLOCKS = 15,
    /* ... and all sessions of one label: */
    LIMIT_LABEL_SESSIONS = 16,
    LIMIT_LABEL_HOLDS = 17,
    LIMIT_LABEL_WAITS = 18,
    LIMIT_LABEL_ANSWERS = 19,
    LIMIT_LABEL_NAME_BLOCKS = 20,
    LIMIT_TOKENS = 21, /* All there are: token.h */
    LIMIT_LAST = LIMIT_TOKENS,
};

#ifdef __cplusplus
}
#endif

#endif
