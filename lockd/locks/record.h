/*
 * The records of a snapshot: how each part of the state is written down.
 *
 * A snapshot is a row of records. The first is the head, the last is the end, and between
 * them each part of the state has one record, which names other parts by their ids: a
 * session by its id, a lock by its id, which is the token of its first hold. A record comes
 * after the records that it names. Apart from that the order means nothing.
 *
 *     offset  bytes  field
 *          0      1  kind (enum record_kind)
 *          1      2  length of the body
 *          3         body
 *
 * doc/snapshot-format.md has the bodies. One function for each serves reading, writing and
 * measuring.
 */
#ifndef LOCKS_RECORD_H
#define LOCKS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "locks/locks.h"
#include "locks/part.h"
#include "protocol/answer.h"
#include "protocol/settings.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RECORD_HEAD_BYTES = 3,  /* Before each body */
    RECORD_BYTES_MAX = 512, /* A whole record */
};

/* The numbers are in files: never renumber, only append. */
enum record_kind {
    RECORD_HEAD = 1,
    RECORD_SESSION = 2,
    RECORD_LOCK = 3,
    RECORD_HOLD = 4,
    RECORD_WAIT = 5,
    RECORD_ANSWER = 6,
    RECORD_CHANGE = 7,
    RECORD_END = 8,
};

/* What is not a part: all that the state has besides. */
struct record_head {
    uint16_t version; /* Of the cluster (protocol/version.h), and of all the records */
    uint64_t index;
    uint64_t time;
    uint64_t time_before;
    uint64_t lifted;
    uint64_t session_last;
    uint64_t token_last;
    uint64_t order_last;
    uint64_t quarantine;
    uint64_t life;
    uint64_t digest; /* locks_digest() */
    struct locks_counts
            counts; /* All but the promised answers, which follow from the parts */
    struct cluster_settings settings;
    uint64_t trials; /* From VERSION_TRIAL on; before, 0 */
};

struct record_session {
    uint64_t id;
    unsigned char secret[SECRET_BYTES];
    unsigned char address[CLIENT_ADDRESS_BYTES];
    uint64_t ttl_ns;
    uint64_t deadline;
    uint64_t filed; /* The deadline under which it is filed; 0: it is ending */
    uint64_t change;
    uint64_t confirmed;
    uint64_t dropped;
    uint64_t answered;
    uint64_t end_order;
    uint8_t end_reason;
    struct span label;
};

struct record_lock {
    uint64_t id;
    uint64_t ready_order;
    struct span name;
};

struct record_hold {
    uint64_t lock;
    uint64_t session;
    uint64_t token;
    uint64_t owner;
    uint64_t number;
    uint64_t granted_at;
    uint64_t change;
    uint32_t count;
    uint8_t mode;
};

struct record_wait {
    uint64_t lock;
    uint64_t session;
    uint64_t owner;
    uint64_t number;
    uint64_t deadline;
    uint64_t order; /* Its place in the order of all requests */
    uint8_t mode;
};

struct record_answer {
    uint64_t session;
    struct answer answer;
};

struct record_change {
    uint64_t session;
    struct change change;
};

struct record_end {
    uint64_t records; /* Before this one */
};

/*
 * The bodies. A reader fails on what a body of its own kind can never say; what depends on
 * other records is for load_items.c.
 */
void record_read_head(struct wire *wire, struct record_head *head);
void record_read_session(struct wire *wire, struct record_session *session);
void record_read_lock(struct wire *wire, struct record_lock *lock);
void record_read_hold(struct wire *wire, struct record_hold *hold);
void record_read_wait(struct wire *wire, struct record_wait *wait);
void record_read_answer(struct wire *wire, struct record_answer *answer);
void record_read_change(struct wire *wire, struct record_change *change);
void record_read_end(struct wire *wire, struct record_end *end);

/* Whole records, of which at least RECORD_BYTES_MAX bytes have room. */
void record_write_head(struct wire *wire, struct record_head *head);
void record_write_item(
        struct wire *wire, const struct locks *locks, enum part part, const void *item);
void record_write_end(struct wire *wire, uint64_t records);

/* The size of the largest record of a part. */
uint32_t record_bytes_most(enum part part);

/* The size of the whole record that begins there, of which the first three bytes are. */
static inline uint32_t record_bytes(const unsigned char *bytes)
{
    return RECORD_HEAD_BYTES + (uint32_t)wire_get_u16(bytes + 1);
}

#ifdef __cplusplus
}
#endif

#endif
