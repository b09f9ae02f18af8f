#include "floor_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"
#include "floor_shared.h"
#include "floor_sizes.h"
#include "tool/fail.h"

enum {
    CHUNK_BYTES = 1024 * 1024,
};

void floor_log_open(struct floor_log *log, const char *dir, uint64_t bytes)
{
    static unsigned char *zeros;
    if (!zeros)
        zeros = floor_map(CHUNK_BYTES);
    *log = (struct floor_log){
            .fd = open(dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600),
            .bytes = bytes};
    if (log->fd < 0)
        floor_fatal(dir, errno);
    for (uint64_t at = 0; at < bytes; at += CHUNK_BYTES) {
        if (pwrite(log->fd, zeros, CHUNK_BYTES, (off_t)at) != CHUNK_BYTES)
            floor_fatal("filling the log with zeros", errno);
    }
    if (fsync(log->fd) != 0)
        floor_fatal("fsync", errno);
}

uint64_t floor_log_place(struct floor_log *log, uint32_t record_bytes)
{
    uint64_t place = log->end + record_bytes <= log->bytes ? log->end : 0;
    log->end = place + record_bytes;
    return place;
}

static void read_chunk(const struct floor_log *log, uint64_t at, unsigned char *chunk)
{
    if (pread(log->fd, chunk, CHUNK_BYTES, (off_t)at) != CHUNK_BYTES)
        floor_fatal("reading a log", errno);
}

static bool is_written(const unsigned char *block)
{
    return block[0] != 0 || memcmp(block, block + 1, FLOOR_BLOCK_BYTES - 1) != 0;
}

static bool chunk_is_equal(const unsigned char *a, const unsigned char *b, uint64_t at)
{
    for (uint32_t i = 0; i < CHUNK_BYTES; i += FLOOR_BLOCK_BYTES) {
        if (memcmp(a + i, b + i, FLOOR_BLOCK_BYTES) != 0) {
            complain("the logs differ in the block at %" PRIu64, at + i);
            return false;
        }
    }
    return true;
}

bool floor_logs_equal(const struct floor_log *logs, uint32_t count, uint64_t *blocks)
{
    unsigned char *first = floor_map(CHUNK_BYTES);
    unsigned char *other = floor_map(CHUNK_BYTES);
    bool equal = true;
    *blocks = 0;
    for (uint64_t at = 0; equal && at < logs[0].bytes; at += CHUNK_BYTES) {
        read_chunk(&logs[0], at, first);
        for (uint32_t i = 1; equal && i < count; i++) {
            read_chunk(&logs[i], at, other);
            equal = chunk_is_equal(first, other, at);
        }
        for (uint32_t i = 0; i < CHUNK_BYTES; i += FLOOR_BLOCK_BYTES)
            *blocks += is_written(first + i);
    }
    (void)munmap(first, CHUNK_BYTES);
    (void)munmap(other, CHUNK_BYTES);
    return equal;
}

unsigned char *floor_slots_map(void)
{
    return floor_map((uint64_t)FLOOR_SLOTS * FLOOR_SLOT_BYTES);
}

unsigned char *floor_slot_record(unsigned char *slots, uint64_t batch)
{
    return slots + batch % FLOOR_SLOTS * FLOOR_SLOT_BYTES + FLOOR_BLOCK_BYTES;
}

uint32_t floor_pad(unsigned char *record, uint32_t bytes)
{
    uint32_t padded =
            (bytes + FLOOR_BLOCK_BYTES - 1) / FLOOR_BLOCK_BYTES * FLOOR_BLOCK_BYTES;
    memset(record + bytes, 0, padded - bytes);
    return padded;
}
