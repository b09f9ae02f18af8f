/*
 * The inside of struct recovery, for the files of this folder.
 *
 * The bytes of a segment come in chunks of any number of blocks. A record may begin in one
 * chunk and end in another: then its first part is carried over.
 */
#ifndef STORE_RECOVERY_STATE_H
#define STORE_RECOVERY_STATE_H

#include "store/log.h"
#include "store/recovery.h"

#ifdef __cplusplus
extern "C" {
#endif

struct recovery {
    struct log log; /* Up to the last record that follows */

    /* The segment that is being read. */
    uint64_t number;
    uint64_t bytes; /* Of whole blocks */
    uint64_t fed;   /* ... of which this many were fed */
    uint64_t at;    /* ... and looked at */

    /* Not yet looked at: first what was carried over, then what was fed. */
    unsigned char *carried;
    size_t carried_at;
    size_t carried_count;
    const unsigned char *chunk;
    size_t chunk_at;
    size_t chunk_count;

    /* After the log's end. */
    bool ended; /* A block did not follow, and no segment has since. */
    bool left;  /* ... and there was something after the end. */

    /* What was seen anywhere, whether it follows or not. */
    bool found_any; /* A record that follows */
    uint64_t durable_seen;
    uint32_t run_seen;
    uint8_t node; /* Of the first header; 0: none */
    uint64_t cluster;
    uint64_t incarnation;
    uint64_t term_seen; /* The newest */
    uint8_t vote_seen;
    uint64_t cluster_seen; /* Of any whole entry */
    uint64_t torn_until;   /* In this segment: what a torn entry says it covers */

    bool fresh; /* Begun anew: a first segment without a header is no damage. */

    /* What makes the log unusable; the first of each. */
    enum recovery_verdict alarm; /* NEWER, FOREIGN, DAMAGED; else BLANK */
    struct wal_place alarm_place;
};

/*
 * Copy what is known of the log, for wal to continue. True if the log must not be written
 * to, because it is not whole.
 */
bool recovery_log_for_writing(const struct recovery *recovery, struct log *log);

/* Whether the log was read to its end, and may be continued. */
bool recovery_may_be_written(const struct recovery *recovery);

#ifdef __cplusplus
}
#endif

#endif
