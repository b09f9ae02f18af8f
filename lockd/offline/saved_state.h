/*
 * The lock state of a snapshot, in memory of its own, while no node runs.
 */
#ifndef OFFLINE_SAVED_STATE_H
#define OFFLINE_SAVED_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "locks/locks.h"
#include "protocol/member_list.h"
#include "protocol/snapshot_format.h"
#include "protocol/version.h"

#ifdef __cplusplus
extern "C" {
#endif

struct offline_state {
    void *memory; /* NULL: nothing is loaded */
    size_t bytes;
    struct locks *locks;
    struct snapshot_header header;
    struct cluster_record cluster;
};

/*
 * Load a whole snapshot from its file: every sum, every record and the digest are checked.
 * NULL, or why not, as a sentence about the file; then nothing is loaded.
 */
const char *offline_load(struct offline_state *state, int fd, struct versions known);

/* An empty state with these settings; false: there is no memory. */
bool offline_make(struct offline_state *state, const struct cluster_settings *settings);

void offline_drop(struct offline_state *state);

/*
 * Write the state as a snapshot to an empty file. `state->header` says of which cluster and
 * entry, and is completed; the configuration is `state->cluster`. False with errno.
 */
bool offline_write(struct offline_state *state, int fd);

/* All of it; false with errno. */
bool offline_write_at(int fd, const void *bytes, size_t count, uint64_t offset);

/* At most `wanted` bytes from there on; fewer at the end of the file; negative with errno. */
ptrdiff_t offline_read_at(int fd, void *bytes, size_t wanted, uint64_t offset);

#ifdef __cplusplus
}
#endif

#endif
