/*
 * The file that says where a node's log begins, once it no longer has all its entries;
 * lockd/doc/snapshot-files.md tells the whole story. It is one block, and replaced as a
 * whole, by a rename.
 *
 *     offset  bytes  field
 *          0      4  magic, "lbeg"
 *          4      1  version (BEGIN_VERSION)
 *          5      1  node that writes this log
 *          6      1  vote; 0 unless `fresh`
 *          7      1  fresh: 1 if the log was begun anew behind a snapshot
 *          8      8  cluster id
 *         16      8  incarnation of the data directory
 *         24     16  entry before the beginning: term, index
 *         40      8  its sum
 *         48      8  number of the first segment
 *         56      8  term; 0 unless `fresh`
 *         64         zeros
 *       4088      8  sum: XXH3-64 of bytes 0 to 4087
 *
 * A fresh log may have no record yet: then its first segment has no header, and term and
 * vote are those of this file.
 */
#ifndef STORE_BEGIN_FORMAT_H
#define STORE_BEGIN_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BEGIN_VERSION = 1,
};

struct begin_block {
    uint8_t node;
    uint64_t cluster;
    uint64_t incarnation;
    struct log_begin begin;
    bool fresh;
    uint64_t term;
    uint8_t vote;
};

enum begin_finding {
    BEGIN_GOOD,
    BEGIN_DAMAGED,
    BEGIN_NEWER,
};

/* Write and read a whole block of WAL_BLOCK_BYTES. */
void log_begin_write(unsigned char *block, const struct begin_block *begin);
enum begin_finding log_begin_read(const unsigned char *block, struct begin_block *begin);

#ifdef __cplusplus
}
#endif

#endif
