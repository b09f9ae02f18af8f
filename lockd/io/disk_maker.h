/*
 * Makes segments before they are needed, for disk.c: only tests include this besides.
 *
 * A segment is created, reserved, filled with zeros in small chunks that give way to the log's own
 * writes, synced, renamed to its name, and its folder is synced. Only then the node is
 * told. When the disk is full the half-made file is removed and the node is told; it tries
 * again a second later.
 */
#ifndef IO_DISK_MAKER_H
#define IO_DISK_MAKER_H

#include "io/disk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Begin the segment that is wanted, or continue to fill it. */
void maker_go_on(struct disk *disk);

/* A completion of OP_MAKE_SEGMENT. */
void maker_done(struct disk *disk, const struct uring_done *done);

uint64_t maker_deadline(const struct disk *disk);

#ifdef __cplusplus
}
#endif

#endif
