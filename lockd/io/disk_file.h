/*
 * The segment files of the data directory: their names, and the few that are open.
 *
 * A file is opened when it is first read or written, and stays open until another one needs
 * its place. disk.c writes and reads through it; disk_maker.c hands over what it has made.
 */
#ifndef IO_DISK_FILE_H
#define IO_DISK_FILE_H

#include "io/disk.h"

#ifdef __cplusplus
extern "C" {
#endif

void segment_name(char *name, uint64_t number); /* DISK_NAME_BYTES */

/* The number in a segment's file name; 0: it is not such a name. */
uint64_t segment_number(const char *name);

/* Open for reading and writing, with O_DIRECT while it is accepted; -1 with errno. */
int disk_open_file(struct disk *disk, const char *name, int flags);

/* The file of a segment that is open already: it is closed when its place is needed. */
void disk_adopt(struct disk *disk, uint64_t number, int fd);

/* The open file of a segment, with one more user; NULL with errno: it cannot be opened. */
struct disk_file *disk_find_file(struct disk *disk, uint64_t number);

/* The segment is to be removed: close its file, if nobody uses it. */
void disk_forget_file(struct disk *disk, uint64_t number);

/*
 * The same for a segment that is written. If it cannot be opened, the process ends: the log
 * was changed from outside, or the system has no descriptors.
 */
struct disk_file *disk_use_file(struct disk *disk, uint64_t number);

#ifdef __cplusplus
}
#endif

#endif
