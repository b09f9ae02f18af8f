/*
 * A node's log on disk: a file without a name. It has its final length from the start and
 * is filled with zeros, so that a durable write changes only bytes: no length, no extent,
 * no journal. Records begin on new blocks of 4 KiB, one after another. When the file is
 * full they start again at its beginning (lockd would continue in its next, zero-filled
 * segment).
 *
 * The files have no name, so they are gone when the processes that have them open end.
 */
#ifndef BENCH_FLOOR_LOG_H
#define BENCH_FLOOR_LOG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FLOOR_SLOTS = 7, /* Batches in memory; pinned, so below 8 MiB together */
    FLOOR_SLOT_BYTES = 1024 * 1024,
};

struct floor_log {
    int fd;
    uint64_t bytes;
    uint64_t end; /* Where the next record goes, if it fits there */
};

void floor_log_open(struct floor_log *log, const char *dir, uint64_t bytes);

/* Where a record of whole blocks goes. */
uint64_t floor_log_place(struct floor_log *log, uint32_t record_bytes);

/*
 * Compares block by block; false: the error was printed. Counts blocks that were written.
 */
bool floor_logs_equal(const struct floor_log *logs, uint32_t count, uint64_t *blocks);

/* The slots: where batches are built by the leader, and received by followers. */
unsigned char *floor_slots_map(void);

/* Where the record of a slot is: on a block of its own, with room before it. */
unsigned char *floor_slot_record(unsigned char *slots, uint64_t batch);

/* Fill up with zeros to whole blocks; returns their bytes. */
uint32_t floor_pad(unsigned char *record, uint32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
