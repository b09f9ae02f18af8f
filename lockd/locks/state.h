/*
 * The parts of the replicated state and how they hang together.
 *
 *     session --- holds --- hold --- holders --- lock
 *        |  \---- waits --- wait --- queue ------/
 *        |  \---- answers (remembered, by number)
 *        |  \---- changes (told, until confirmed)
 *
 * A lock has a state (free for its first wait or not: `ready`), holders and a queue. A lock
 * without a hold and without a wait does not exist. A wait that is granted becomes a hold.
 * Each part lies in a pool of its own; pointers between parts never leave the process, and
 * nothing that an output depends on is found by walking a pool.
 *
 * Due work that an entry could not finish is in two lists, in order: sessions whose removal
 * has begun (`ending`) and locks whose first wait could be granted (`ready`). While work is
 * left in an entry both are empty.
 *
 * Only object.c and the files that call object_change() around it write to parts.
 */
#ifndef LOCKS_STATE_H
#define LOCKS_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "locks/buckets.h"
#include "locks/locks.h"
#include "locks/namechain.h"
#include "locks/nametable.h"
#include "locks/ttls.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ANSWERS_OF_SESSION = 4, /* Room that each session has of its own: remembered.h */
    ANSWERS_SHARE = 8,      /* One session may have a part of this of all. */
};

/* Kinds of deadlines, in the order in which equal deadlines are done. */
enum due_kind {
    DUE_SESSION = 1,
    DUE_WAIT = 4,
};

struct session {
    uint64_t id;
    unsigned char secret[SECRET_BYTES];
    uint64_t ttl_ns;
    uint64_t deadline;    /* D */
    struct heap_node due; /* Filed under D, or under E once D has come up */
    uint64_t change;      /* Number of the latest change */
    uint64_t confirmed;   /* The client has all changes up to this one */
    uint64_t dropped;     /* The latest change that was dropped unconfirmed; 0: none */
    uint64_t answered;    /* The client has all answers up to this number */
    uint64_t end_order;   /* Place among the ending; 0: alive */
    uint64_t identity;    /* All that never changes, for the digest: object_identity() */
    struct list holds;    /* In the order of tokens */
    struct list waits;    /* In the order of requests */
    struct list answers;
    struct list changes; /* In the order of change numbers, without a gap */
    struct list_node ending;
    struct list_node changed; /* Local: not yet reported to the node that `change` moved */
    uint32_t hold_count;
    uint32_t wait_count;
    uint32_t answer_count;
    uint32_t change_count;
    uint32_t label; /* Chain of blocks */
    uint32_t next;  /* In sessions_by_id */
    uint8_t label_bytes;
    uint8_t end_reason; /* enum lost_reason */
};

struct lock {
    uint64_t hash; /* Of the name */
    struct list holders;
    struct list queue; /* Waits in the order of requests */
    struct list_node ready;
    uint64_t ready_order; /* Place among the ready; 0: not ready */
    uint32_t hold_count;
    uint32_t wait_count;
    uint32_t name; /* Chain of blocks */
    uint32_t next; /* In the table of names */
    uint8_t name_bytes;
};

struct hold {
    struct lock *lock;
    struct session *session;
    struct list_node in_lock;
    struct list_node in_session;
    uint64_t token;
    uint64_t owner;
    uint64_t number;     /* Of the request that got it */
    uint64_t granted_at; /* T */
    uint64_t change;     /* Told by this change; 0: by the answer, or taken back since */
    uint32_t token_next;
    uint32_t number_next;
    uint32_t count;
    uint8_t mode; /* enum lock_mode */
};

struct wait {
    struct lock *lock;
    struct session *session;
    struct list_node in_lock;
    struct list_node in_session;
    struct heap_node due; /* tie_low is the wait's place in the order of all requests */
    uint64_t owner;
    uint64_t number;
    uint64_t asked_at; /* T. Local: only for figures; 0: not known */
    uint32_t number_next;
    uint8_t mode;
};

struct remembered {
    struct session *session;
    struct list_node in_session;
    uint64_t number;
    uint64_t token;
    uint32_t count;
    uint32_t number_next;
    uint8_t kind;
    uint8_t status;
    uint8_t detail;
};

struct told {
    struct session *session;
    struct list_node in_session;
    struct change change;
};

/* What a held lock and an idle session cost, with pool slots, buckets and heap places. */
enum {
    PLACE_BYTES = 4, /* A pool's slot, or a bucket */
    LOCK_BYTES = sizeof(struct lock) + PLACE_BYTES + PLACE_BYTES,
    HOLD_BYTES = sizeof(struct hold) + PLACE_BYTES + PLACE_BYTES + PLACE_BYTES,
    TEXT_BYTES = sizeof(struct name_block) + PLACE_BYTES,
    ANSWER_BYTES = sizeof(struct remembered) + PLACE_BYTES + PLACE_BYTES,
    SESSION_BYTES =
            sizeof(struct session) + PLACE_BYTES + PLACE_BYTES + sizeof(struct heap_node *),
    HELD_LOCK_BYTES = LOCK_BYTES + HOLD_BYTES + TEXT_BYTES,
    IDLE_SESSION_BYTES = SESSION_BYTES + TEXT_BYTES + ANSWER_BYTES,
};
static_assert(HELD_LOCK_BYTES <= 256, "a held lock with a short name fits into 256 bytes");
static_assert(IDLE_SESSION_BYTES <= 512, "an idle session fits into 512 bytes");

/* How far a look at all holds and locks has come, and what it has found so far. */
struct survey {
    uint32_t hold; /* Index of the next one */
    uint32_t lock;
    uint64_t oldest_at; /* T at which the oldest was granted; UINT64_MAX: none yet */
    uint32_t longest_queue;
};

struct locks {
    struct cluster_settings plan;     /* What was carved */
    struct cluster_settings settings; /* What is allowed */

    uint64_t index;
    uint64_t time;         /* T */
    uint64_t time_before;  /* T of the entry before: what was due by then goes first */
    uint64_t lifted;       /* F */
    uint64_t session_last; /* Ids given so far */
    uint64_t token_last;   /* Tokens given so far */
    uint64_t order_last;   /* Places given so far: of waits, ready locks, ending sessions */
    uint64_t digest;       /* Sum over all parts */
    uint64_t trials;       /* Counted from VERSION_TRIAL on */
    uint32_t work_left;    /* Items of due work that this entry may still do */

    struct pool sessions;
    struct pool locks;
    struct pool holds;
    struct pool waits;
    struct pool answers;
    struct pool changes;
    struct pool blocks;
    struct buckets sessions_by_id;
    struct buckets holds_by_token;
    struct buckets holds_by_number;
    struct buckets waits_by_number;
    struct buckets answers_by_number;
    struct nametable names;
    struct heap due;
    struct ttls ttls;    /* Of all sessions */
    struct list ending;  /* Sessions being removed */
    struct list ready;   /* Locks whose first wait could be granted */
    struct list changed; /* Local */
    uint32_t ready_count;
    uint32_t answers_promised; /* Room kept for answers to come: remembered.h */

    /* Local: survey.c */
    struct locks_figures figures;
    struct survey survey;
};

/*
 * The key of things that are found by (session, number). Sessions are spread. The numbers
 * of one session are neighbours, because they are used together: 16 of their buckets share
 * a cache line.
 */
static inline uint64_t number_key(const struct session *session, uint64_t number)
{
    uint64_t spread = session->id * UINT64_C(0x9e3779b97f4a7c15);
    return (spread ^ (spread >> 32)) + number;
}

/* Saturates: a deadline that far away never comes. */
static inline uint64_t time_after(uint64_t time, uint64_t ns)
{
    return ns > UINT64_MAX - time ? UINT64_MAX : time + ns;
}

static inline struct session *session_of_due(struct heap_node *node)
{
    return (struct session *)(void *)((char *)node - offsetof(struct session, due));
}

static inline struct wait *wait_of_due(struct heap_node *node)
{
    return (struct wait *)(void *)((char *)node - offsetof(struct wait, due));
}

#ifdef __cplusplus
}
#endif

#endif
