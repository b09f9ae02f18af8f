/*
 * Applies entries to a lock state when nobody waits for answers: the same as node/apply.h does,
 * without a node.
 */
#ifndef OFFLINE_REPLAY_H
#define OFFLINE_REPLAY_H

#include <stdbool.h>

#include "offline/saved_state.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The next entry, which can be decoded: of the state, of its configuration and of the header's
 * entry. The first entry of a cluster makes the state. False: its body cannot be read, or
 * there is no memory.
 */
bool offline_apply(struct offline_state *state, const struct entry_head *head,
        const unsigned char *body);

#ifdef __cplusplus
}
#endif

#endif
