/*
 * What raft knows of the log: the terms of all its entries, and the lengths of the newest.
 *
 * The log begins after the entry `trail.before`, and the beginning may move. The entries
 * before it are committed, in a snapshot, and no longer in the log. Three functions answer
 * for any index, also before the beginning:
 *
 *     raft_log_term()       0: there is no such entry, or no longer
 *     raft_log_is_before()  it is committed, and nothing but a snapshot has it
 *     raft_log_has_recent() false: its length is not known, it must be read from disk, or is
 *                           before the beginning
 *
 * Invariant: trail.before.index < recent.begin <= recent.end == trail.last.index + 1.
 */
#ifndef RAFT_RAFT_LOG_H
#define RAFT_RAFT_LOG_H

#include "base/ring.h"
#include "raft/raft_trail.h"

#ifdef __cplusplus
extern "C" {
#endif

struct raft_log {
    struct raft_trail trail;
    struct ring recent; /* The entries whose length is known */
    uint32_t *recent_bytes;
};

void raft_log_carve(
        struct raft_log *log, struct arena *arena, uint32_t trail_max, uint32_t recent_max);

/* An empty log that begins at index 1. */
void raft_log_init(struct raft_log *log, uint32_t recent_max);

/* The log, which is empty, begins after `before`. */
void raft_log_begin_at(struct raft_log *log, struct entry_id before);

/*
 * Entries before `index` are no longer in the log: it begins there. Not past the end.
 * False: the log begins there or later already, and nothing is changed.
 */
bool raft_log_drop_before(struct raft_log *log, uint64_t index);

/* Entries before `index` must be read from disk if they are wanted; at most last + 1. */
void raft_log_forget(struct raft_log *log, uint64_t index);

/* The next entry, `bytes` long. */
void raft_log_add(struct raft_log *log, struct entry_id id, uint32_t bytes);

/* Cut off `from`, which is in the log, and all after it. */
void raft_log_cut(struct raft_log *log, uint64_t from);

/* The last entry; the one before the beginning if the log is empty. */
static inline struct entry_id raft_log_last(const struct raft_log *log)
{
    return log->trail.last;
}

/* The term of the entry at `index`, or of the one before the beginning; else 0. */
static inline uint64_t raft_log_term(const struct raft_log *log, uint64_t index)
{
    return raft_trail_term(&log->trail, index);
}

/* Whether the log does not hold `index` because it begins after it. */
static inline bool raft_log_is_before(const struct raft_log *log, uint64_t index)
{
    return index <= log->trail.before.index;
}

static inline bool raft_log_has_recent(const struct raft_log *log, uint64_t index)
{
    return ring_has(&log->recent, index);
}

/* The length of an entry that is recent. */
static inline uint32_t raft_log_bytes(const struct raft_log *log, uint64_t index)
{
    return log->recent_bytes[ring_at(&log->recent, index)];
}

void raft_log_check(const struct raft_log *log);

#ifdef __cplusplus
}
#endif

#endif
