/*
 * A log that is given up: its files are put aside before the node starts with an empty one.
 * store/repair_format.h has the steps, and why a crash between them does no harm.
 *
 *     repair          what is kept of that log, and how far the repair is
 *     damaged-1/      its files; damaged-2 the next time. lockd never reads or removes them.
 */
#ifndef IO_DISK_REPAIR_H
#define IO_DISK_REPAIR_H

#include <stdbool.h>

#include "io/disk.h"
#include "store/repair_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Before anything else is read: a repair that was begun continues, and `repair` gets what the
 * file says; given_up 0: there is none. False with a sentence in `reason`.
 */
bool disk_resume_repair(struct disk *disk, struct repair_block *repair, char *reason);

/* Put the log aside. `repair->folder` gets the number. False with a sentence in `reason`. */
bool disk_give_up(struct disk *disk, struct repair_block *repair, char *reason);

/* The node is a voter again. */
void disk_end_repair(struct disk *disk);

#ifdef __cplusplus
}
#endif

#endif
