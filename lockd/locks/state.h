/*
 * The parts of the replicated state and how they hang together.
 *
 *     session --- holds --- hold --- holders --- lock
 *        |  \---- waits --- wait --- queue ------/
 *        |  \---- answers (remembered, by number)
 *        |  \---- changes (told, until confirmed)
 *        \------- parties (of its client's address, of its label: quotas.h)
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
 *
 * Each list has an order that a number in its items gives, and that is the same on every
 * node; what a snapshot restores has it too. The number grows from the first to the last:
 *
 *     session.holds, lock.holders     token
 *     session.waits, lock.queue       due.tie_low, the place among all requests
 *     session.answers                 number
 *     session.changes                 change.change
 *     locks.ending                    end_order
 *     locks.ready                     ready_order
 *
 * Chains of a table hold no such order: what is looked up there is unique. The heap has one
 * by (deadline, kind, id). `locks.changed` is local to the node and in no order.
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
#include "locks/part.h"
#include "locks/record.h"
#include "locks/ttls.h"
#include "protocol/token.h"

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

/* What the sessions of one address, or of one label, are counted by. */
enum party_kind {
    PARTY_ADDRESS = 0,
    PARTY_LABEL = 1,
    PARTY_KINDS
};

/* What a party may have only so much of. */
enum quota {
    QUOTA_SESSIONS = 0,
    QUOTA_HOLDS = 1, /* Waits count too, as they become holds. */
    QUOTA_WAITS = 2,
    QUOTA_ANSWERS = 3, /* Remembered, and room that is promised: remembered.h */
    /* Of labels, and of the name of each hold and wait, so that it covers what they keep */
    QUOTA_NAME_BLOCKS = 4,
    QUOTA_COUNT
};

/* The sessions of one address or label, and what they have together: quotas.h. */
struct party {
    unsigned char key[LABEL_BYTES_MAX]; /* The address or the label */
    uint32_t counts[QUOTA_COUNT];
    uint32_t next; /* In by_key */
    uint8_t key_bytes;
};

/* All parties of one kind. */
struct party_table {
    struct pool pool;
    struct buckets by_key;
    /* Local, for view_quotas.c: looked at up to here, and the one with the largest part */
    uint32_t looked_at;
    uint32_t largest;
};

struct session {
    uint64_t id;
    unsigned char secret[SECRET_BYTES];
    unsigned char address[CLIENT_ADDRESS_BYTES]; /* Of its client at the OPEN */
    struct party *parties[PARTY_KINDS];          /* NULL: counted in none */
    uint64_t ttl_ns;
    uint64_t deadline;    /* D */
    struct heap_node due; /* Filed under D, or under E once D has come up */
    uint64_t change;      /* Number of the latest change */
    uint64_t confirmed;   /* The client has all changes up to this one */
    uint64_t dropped;     /* The latest change that was dropped unconfirmed; 0: none */
    uint64_t answered;    /* The client has all answers up to this number */
    uint64_t end_order;   /* Place among the ending; 0: alive */
    uint64_t identity;    /* All that never changes, for the digest: object_identity() */
    struct list holds;
    struct list waits;
    struct list answers;
    struct list changes; /* Without a gap, while the session is alive */
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
    uint64_t id;   /* The token of its first hold: no two locks ever have the same */
    uint64_t hash; /* Of the name */
    struct list holders;
    struct list queue;
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

/* What a snapshot has still to write of one kind of parts: saving.h. */
struct saving_part {
    uint64_t *skipped;    /* A bit for each place in the pool: do not write what is there */
    uint32_t end;         /* Places from here on were not in use when it began */
    uint32_t pending;     /* Items to be written */
    uint32_t record_most; /* Bytes */
};

/* A snapshot that is being taken. */
struct saving {
    bool active;
    bool done; /* Its end has been written */
    bool head_written;
    uint8_t walked;   /* Kinds of parts that the walk has finished */
    uint32_t at;      /* Place that the walk comes to next, in the pool of the next kind */
    uint64_t records; /* Written so far */
    struct record_head head;
    struct saving_part parts[PART_PLACES];
    unsigned char *side; /* Records of parts that changed before the walk came to them */
    size_t side_bytes;
    size_t side_begin;
    size_t side_end;
};

enum loading_phase {
    LOADING_NOTHING, /* Or it has failed */
    LOADING_HEAD,
    LOADING_ITEMS,
    LOADING_ENDED,    /* The end record was read. Then it is linked: */
    LOADING_NAMES,    /* ... locks are filed by their names, */
    LOADING_SESSIONS, /* ... lists of sessions get their order, */
    LOADING_LOCKS,    /* ... and lists of locks. */
    LOADING_LINKED,
};

/* A snapshot that is being loaded: load.h. */
struct loading {
    enum loading_phase phase;
    uint16_t version; /* Of the cluster, as the snapshot's file says */
    uint64_t records;
    struct record_head head;
    uint64_t digest; /* That was found at last, for tests */
    uint32_t at;     /* The part that was linked last, in the pool of this phase */
    uint32_t piece_bytes;
    unsigned char piece[RECORD_BYTES_MAX]; /* Begin of a record whose rest is to come */
};

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
    uint64_t quarantine;   /* T before which nothing is granted; 0: none */
    uint64_t life;         /* 1: the first */
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
    struct party_table parties[PARTY_KINDS];
    uint32_t quota_most[PARTY_KINDS][QUOTA_COUNT]; /* As the settings say: quotas.h */
    struct heap due;
    struct ttls ttls;    /* Of all sessions */
    struct list ending;  /* Sessions being removed */
    struct list ready;   /* Locks whose first wait could be granted */
    struct list changed; /* Local */
    uint32_t ready_count;
    uint32_t answers_promised; /* Room kept for answers to come: remembered.h */
    struct saving saving;
    struct loading loading;

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

/* Nothing is granted: locks_begin_life(). */
static inline bool is_quarantined(const struct locks *locks)
{
    return locks->time < locks->quarantine;
}

/* The pool of a kind of parts. */
static inline const struct pool *pool_of(const struct locks *locks, enum part part)
{
    const struct pool *pools[PART_PLACES] = {NULL, &locks->sessions, &locks->locks,
            &locks->holds, &locks->waits, &locks->answers, &locks->changes};
    return pools[part];
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
