/*
 * The locks (flock) that keep everything of an earlier process away from the data directory.
 *
 * The directory's lock ends with the process: no two processes that run share a directory.
 * But a write that the kernel has begun for a process may end after that process. So each
 * segment file has a lock, too. It belongs to the open file, which the kernel keeps until
 * the last operation on it has ended. Whoever gets the lock of a file knows that nothing of
 * an earlier process will be written to it any more (lockd/doc/decisions, 15).
 *
 * The kernel of this machine keeps these locks. They say nothing of what another machine
 * has begun to write on a disk that both can reach.
 */
#ifndef IO_DISK_LOCK_H
#define IO_DISK_LOCK_H

#include <stdbool.h>

#include "io/tell.h"

#ifdef __cplusplus
extern "C" {
#endif

enum disk_lock {
    DISK_LOCKED,
    DISK_LOCK_TAKEN, /* By a process that runs, or that cannot be seen from here */
    DISK_LOCK_ERROR, /* errno says why: this file system has no locks. */
};

/*
 * Lock the data directory. A process that runs is given a second to end. For one that was
 * killed and waits for its disk, this waits, and says so in the log. `*holder` is the
 * process that has it; 0: it cannot be seen.
 */
enum disk_lock disk_lock_folder(
        const struct tell *tell, int folder, const char *path, int *holder);

/*
 * Lock a segment file of the locked directory. Waits until the last write of an earlier
 * process has ended, however long that takes, and says so in the log. False with errno.
 */
bool disk_lock_file(const struct tell *tell, int fd, const char *name);

/* The same without waiting. False: something has it. */
bool disk_try_lock_file(int fd);

#ifdef __cplusplus
}
#endif

#endif
