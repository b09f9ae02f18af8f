/*
 * A new data directory, made while no node runs: where its log begins, and the snapshot before
 * that. It is made for a node that starts on it next.
 */
#ifndef OFFLINE_DIRECTORY_H
#define OFFLINE_DIRECTORY_H

#include <stdbool.h>

#include "offline/saved_state.h"
#include "store/begin_format.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    OFFLINE_WHY_BYTES = 512
};

/*
 * Create the directory, or take an empty one, and lock it. -1: `why` is a sentence, with the
 * cure. What a node has used is never taken: its files are only there once.
 */
int offline_new_directory(const char *path, char *why);

/*
 * Write both files, durably. The beginning comes first: with it alone, no node starts. False:
 * `why` is a sentence.
 */
bool offline_fill_directory(int folder, struct offline_state *state,
        const struct begin_block *begin, char *why);

#ifdef __cplusplus
}
#endif

#endif
