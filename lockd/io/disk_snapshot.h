/*
 * Files beside the log, for disk.c: only tests include this besides.
 *
 *     snapshot-00000000000000123456      the lock state as of that index
 *     snapshot-....new, received-....new one that is taken, or comes from another member
 *     log-begin                          where the log begins, once it is not at its first entry
 *
 * A file is written under its temporary name, and gets its own when it is synced; then its
 * folder is synced. What was left behind with a temporary name is removed at the start.
 * Everything goes through the ring. Writes give way to those of the log.
 */
#ifndef IO_DISK_SNAPSHOT_H
#define IO_DISK_SNAPSHOT_H

#include "io/disk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The index in the name of a snapshot; 0: it is not such a name. */
uint64_t snapshot_number(const char *name);
void snapshot_name(char *name, uint64_t number); /* DISK_NAME_BYTES */

extern const char log_begin_name[];

/* What the node wants done, or to go on with what waited. */
void snapshot_perform(struct disk *disk, const struct node_file *file);
void snapshot_go_on(struct disk *disk);

/* A completion of OP_FILE. */
void snapshot_op_done(struct disk *disk, const struct uring_done *done);

/* NODE_FILE_DONE, if it failed while effects were performed. */
void snapshot_tell_failed(struct disk *disk);
uint64_t snapshot_deadline(const struct disk *disk);

void snapshot_close(struct disk *disk);

#ifdef __cplusplus
}
#endif

#endif
