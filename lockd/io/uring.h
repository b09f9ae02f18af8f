/*
 * The io_uring of a node: set-up, probing, and the tags that tell completions apart.
 *
 * Everything runs through one ring, from one thread. What a kernel lacks or forbids is
 * found here, before anything else happens. A missing requirement gives one sentence (what
 * is missing, which kernel has it, what to do); a missing option is logged once, and lockd
 * works without it.
 */
#ifndef IO_URING_H
#define IO_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    URING_ENTRIES = 1024,      /* Submissions that can be prepared before one is forced */
    URING_ENTRIES_MIN = 128,   /* ... where little memory may be locked */
    URING_BUFFER_BYTES = 4096, /* A provided buffer */
    URING_BUFFER_COUNT = 1024, /* A power of two */
    URING_BUFFER_GROUP = 0,
    URING_REASON_BYTES = 512,
};

enum uring_op {
    OP_IGNORED, /* Nothing waits for it. */
    OP_ACCEPT,
    OP_RECEIVE,
    OP_SEND,
    OP_CONNECT,
    OP_LOG_WRITE,
    OP_LOG_SYNC,
    OP_LOG_READ,
    OP_MAKE_SEGMENT,
    OP_FILE,
    OP_SIGNAL,
    OP_NAMES,
    OP_HTTP_ACCEPT,
    OP_HTTP,
};

static inline uint64_t uring_tag(enum uring_op op, uint32_t slot)
{
    return (uint64_t)op << 32 | slot;
}

static inline enum uring_op uring_tag_op(uint64_t tag)
{
    return (enum uring_op)(tag >> 32);
}

static inline uint32_t uring_tag_slot(uint64_t tag)
{
    return (uint32_t)tag;
}

/* A completion, copied out of the ring. */
struct uring_done {
    uint64_t tag;
    int32_t result;
    uint32_t flags;
};

struct uring {
    struct io_uring ring;
    struct io_uring_buf_ring *buffer_ring; /* Page-aligned */
    unsigned char *buffers;
    bool deferred;        /* The kernel accepted DEFER_TASKRUN. */
    bool ring_registered; /* The ring's descriptor is registered. */
    bool small;           /* It has fewer entries than wanted. */
    uint64_t enter_count; /* Calls of io_uring_enter, since it was opened */
};

/*
 * Create the ring, for at most `completions` under way, and test that it has all that lockd
 * needs. False with one sentence in `reason` (URING_REASON_BYTES).
 */
bool uring_open(struct uring *uring, uint32_t completions, char *reason);
void uring_close(struct uring *uring);

/*
 * The sentence for a failed set-up; `disabled` is kernel.io_uring_disabled, -1 if unknown.
 */
void uring_refusal(int error, int disabled, const char *release, char *reason);

/* Memory for received bytes, and its registration with the ring: false with `reason`. */
void uring_carve(struct uring *uring, struct arena *arena);
bool uring_provide(struct uring *uring, char *reason);

static inline const unsigned char *uring_buffer(const struct uring *uring, uint32_t flags)
{
    return uring->buffers + (size_t)(flags >> IORING_CQE_BUFFER_SHIFT) * URING_BUFFER_BYTES;
}

/* Give a provided buffer back to the kernel, named by the completion's flags. */
void uring_give_buffer(struct uring *uring, uint32_t flags);

/* Make room for `count` submissions in a row (a chain must not be split). */
void uring_reserve(struct uring *uring, unsigned count);

/* The next submission; never NULL: if there is no room, prepared ones are submitted. */
struct io_uring_sqe *uring_next(struct uring *uring);

/*
 * Submit all, and wait for one completion or `timeout_ns`. Negative errno except on
 * timeout.
 */
int uring_wait(struct uring *uring, uint64_t timeout_ns);

/* Take up to `most` completions out of the ring. */
unsigned uring_take(struct uring *uring, struct uring_done *done, unsigned most);

#ifdef __cplusplus
}
#endif

#endif
