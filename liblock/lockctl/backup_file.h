/*
 * A backup as a file: whether it is whole. It is a snapshot as nodes write them
 * (protocol/snapshot_format.h), so each part of it is proved by a sum.
 */
#ifndef LOCKCTL_BACKUP_FILE_H
#define LOCKCTL_BACKUP_FILE_H

#include <stdbool.h>

#include "protocol/snapshot_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Read all of the file from its begin. True: every part is as it was written, none is missing,
 * and nothing follows. Else `*why` is a sentence about the file, static.
 */
bool backup_file_verify(int fd, struct snapshot_header *header, const char **why);

#ifdef __cplusplus
}
#endif

#endif
