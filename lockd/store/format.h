/*
 * The bytes of the log on disk; lockd/doc/log-format.md tells the whole story.
 *
 * A record is a head of WAL_RECORD_HEAD_BYTES, for an entry followed by the entry's own
 * bytes (protocol/entry.h), and zeros up to the end of the block:
 *
 *     offset  bytes  field
 *          0      4  magic, "lrec"
 *          4      1  version (WAL_VERSION)
 *          5      1  kind (enum record_kind)
 *          6      1  vote; 0 for other kinds
 *          7      1  zero
 *          8      4  bytes after the head: of the entry, else 0
 *         12      4  run: how often this log was opened
 *         16      8  segment number
 *         24      8  position: bytes of the whole log before this record
 *         32      8  durable: position up to which the writer knew all to be durable
 *         40      8  sum of the record or segment header before this one (0 for the first)
 *         48      8  value: the entry's sum, a vote's term, or where a truncation begins
 *         56      8  sum: XXH3-64 of bytes 0 to 55
 *
 * A segment begins with a header that fills a block:
 *
 *          0      4  magic, "lseg"
 *          4      1  version
 *          5      1  node that wrote it
 *          6      1  vote
 *          7      1  zero
 *          8      4  zero
 *         12     36  run, segment number, position, durable, sum before: as in a record
 *         48      8  bytes of the segment's file
 *         56      8  cluster id; 0: not bootstrapped yet
 *         64      8  term
 *         72     24  last entry before: term, index, sum; its term is 0 if it is not known
 *         96      8  incarnation of the data directory; 0: not known
 *        104         zeros
 *       4088      8  sum: XXH3-64 of bytes 0 to 4087
 *
 * Later versions keep magic, version and the sum where they are, over the same bytes. So a
 * reader can tell a newer file from a damaged one.
 */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/entry.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum record_kind {
    RECORD_ENTRY = 1,
    RECORD_VOTE = 2,
    RECORD_TRUNCATE = 3,
};

/* What a record and a segment header have in common: where each is and what it follows. */
struct record_place {
    uint32_t run;
    uint64_t segment;
    uint64_t position;
    uint64_t durable;
    uint64_t previous; /* Sum of the record or header before */
};

struct record {
    enum record_kind kind;
    struct record_place place;
    uint8_t vote;
    uint32_t payload_bytes;
    uint64_t value;
    uint64_t sum;
};

struct segment_header {
    struct record_place place;
    uint8_t node;
    uint8_t vote;
    uint64_t segment_bytes;
    uint64_t cluster;
    uint64_t term;
    struct entry_id last;
    uint64_t last_sum;
    uint64_t incarnation;
    uint64_t sum;
};

enum format_finding {
    FORMAT_NOTHING, /* Not one of these, or damaged. */
    FORMAT_RECORD,  /* An intact head; what follows it is not checked. */
    FORMAT_HEADER,  /* An intact segment header. */
    FORMAT_NEWER,   /* Intact, but of a later version. */
};

/* What a block holds that may begin a record. */
struct format_block {
    enum format_finding finding;
    struct record record;
    struct segment_header header;
};

/* `bytes` rounded up to whole blocks. */
static inline uint64_t format_blocks(uint64_t bytes)
{
    return (bytes + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
}

/* Bytes on disk of a record with that many bytes after its head. */
static inline uint64_t format_record_bytes(uint64_t payload_bytes)
{
    return format_blocks(WAL_RECORD_HEAD_BYTES + payload_bytes);
}

/* Bytes on disk of an entry's record. */
static inline uint64_t format_entry_bytes(uint32_t body_bytes)
{
    return format_record_bytes(ENTRY_HEAD_BYTES + (uint64_t)body_bytes);
}

/* Write the head and complete `record->sum`. */
void format_write_record(unsigned char *bytes, struct record *record);

/* Write the whole block and complete `header->sum`. */
void format_write_header(unsigned char *block, struct segment_header *header);

/* Look at a block. */
void format_read(const unsigned char *block, struct format_block *found);

#ifdef __cplusplus
}
#endif

#endif
