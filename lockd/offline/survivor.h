/*
 * What a data directory holds, read while no node runs on it. Nothing in it is changed.
 *
 * Its log is read twice: first to learn which entries it has at last, as some may have been cut
 * off and written anew, then to apply them to the state of its newest snapshot.
 */
#ifndef OFFLINE_SURVIVOR_H
#define OFFLINE_SURVIVOR_H

#include <stdbool.h>
#include <stdint.h>

#include "offline/saved_state.h"
#include "store/recovery.h"

#ifdef __cplusplus
extern "C" {
#endif

struct survivor {
    int folder;
    struct recovery_decision found; /* As a node that starts would decide */
    bool has_begin;                 /* Its log does not begin with its first entry: */
    struct begin_block begin;
    uint32_t segment_count;
    uint64_t *segments; /* Ascending */
    uint32_t snapshot_count;
    uint64_t *snapshots; /* By index, ascending */
    uint64_t snapshot; /* Of which the state was loaded; 0: none, the log has everything */

    /*
     * The state after the last entry that can be read. Its header has that entry and the
     * cluster. No memory: the cluster was never founded there.
     */
    struct offline_state state;

    uint64_t first; /* Index of the first of `sums` */
    uint64_t sum_count;
    uint64_t sum_room;
    uint64_t *sums; /* Of the entries that the log has at last */
};

/*
 * NULL, or why it cannot be read, as a sentence with the cure. Damage is no error: then
 * `found.verdict` says so, and the state is that of all before it.
 */
const char *survivor_read(
        struct survivor *survivor, const char *path, struct versions known);

void survivor_drop(struct survivor *survivor);

#ifdef __cplusplus
}
#endif

#endif
