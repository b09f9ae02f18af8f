/*
 * Which part of a log to trust after a restart: a pure decision from what was read.
 *
 * All segments are fed in the order of their numbers, block by block. The items found come
 * out in log order. The first block that is no record of this log (by sum, chain, position
 * or segment number) ends the log; what lies after it decides what that means. If any later
 * record or header, intact by its own sum, says that its writer knew the log to be durable
 * past that place, then something acknowledged is damaged: RECOVERY_DAMAGED, never cut.
 * Otherwise it is a torn tail that was never acknowledged: RECOVERY_CUT. The exception: the
 * last write has nothing after it that could vouch for it, so damage to it looks like a
 * torn tail.
 *
 * What was read may be in a cache only. Before anything is done or sent that depends on it,
 * the files are synced, and the tail of the log is written again (store/tail.h).
 */
#ifndef STORE_RECOVERY_H
#define STORE_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "protocol/entry.h"
#include "store/begin_format.h"
#include "store/repair_format.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum recovery_item_kind {
    RECOVERY_ENTRY,
    RECOVERY_VOTE,
    RECOVERY_TRUNCATE
};

struct recovery_item {
    enum recovery_item_kind kind;
    struct entry_head head;     /* RECOVERY_ENTRY */
    const unsigned char *entry; /* RECOVERY_ENTRY: whole; valid until the next feed */
    uint64_t term;              /* RECOVERY_VOTE */
    uint8_t vote;
    uint64_t from; /* RECOVERY_TRUNCATE */
};

enum recovery_verdict {
    RECOVERY_BLANK,   /* No segment, or not a single record was ever durable. */
    RECOVERY_CLEAN,   /* Ends after its last record. */
    RECOVERY_CUT,     /* There is a torn tail; it will be overwritten. */
    RECOVERY_DAMAGED, /* Acknowledged bytes are unreadable: `bad` says where. */
    RECOVERY_FOREIGN, /* A segment of another node or cluster than the first: `bad`. */
    RECOVERY_NEWER,   /* Written by a newer version: `bad`. */
};

struct recovery_decision {
    enum recovery_verdict verdict;
    uint64_t term; /* Newest vote record or header */
    uint8_t vote;
    uint8_t node;         /* Of the segment headers; 0: blank */
    uint64_t cluster;     /* 0: not bootstrapped */
    uint64_t incarnation; /* Of the directory; 0: blank, or of an earlier version */
    struct entry_id last;
    struct wal_place end;      /* Where the next record goes */
    struct wal_place bad;      /* Where the first doubtful block is */
    uint64_t durable_at_least; /* Position that some record knew to be durable */
};

/*
 * What is to be kept of a log that is given up because of damage: whose it is, and the newest
 * term and vote of all that is intact. False: not enough of it can be read to say whose it is.
 */
bool recovery_give_up(const struct recovery *recovery, struct repair_block *repair);

/* A file that this log needs is unreadable: whatever else is found, it is damaged. */
void recovery_call_damaged(struct recovery *recovery);

/* Memory for the longest record and for the index of places. */
struct recovery *recovery_carve(struct arena *arena, const struct wal_settings *settings);

/* Of the directory, as far as it was fed; 0: not known. */
uint64_t recovery_incarnation(const struct recovery *recovery);
void recovery_init(struct recovery *recovery, const struct wal_settings *settings);

/*
 * Called before the first segment: the log begins there and not with its first entry. A
 * snapshot says so; the header of the segment must agree.
 */
void recovery_begin_at(struct recovery *recovery, const struct log_begin *begin);

/*
 * ... as the node's own file says (store/begin_format.h). If it says that the log was begun
 * anew, then its first segment may have no header yet.
 */
void recovery_begin_as(struct recovery *recovery, const struct begin_block *begin);

/*
 * The segments that exist, ascending; a gap is damage, also before the first. Segments
 * before the beginning are skipped: a crash came before their removal. `bytes` is the
 * file's size. Feed all whole blocks; those that are not fed count as unreadable.
 */
void recovery_begin_segment(struct recovery *recovery, uint64_t number, uint64_t bytes);

/*
 * The next bytes of that segment, a multiple of the block; then take all items. The bytes
 * must stay where they are until recovery_next() has said that there are no more.
 */
void recovery_feed(struct recovery *recovery, const void *bytes, size_t count);
bool recovery_next(struct recovery *recovery, struct recovery_item *item);

/* After the last segment. */
struct recovery_decision recovery_decide(struct recovery *recovery);

#ifdef __cplusplus
}
#endif

#endif
