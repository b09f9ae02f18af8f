/*
 * Loads a snapshot: the records that locks_snapshot_next() wrote, in the order in which it
 * gave them out.
 *
 *     locks_load_begin(...)
 *     locks_load(...)        the bytes, in pieces of any size
 *     locks_load_end(...)    true: the state is what it was when the snapshot began
 *
 * In place of locks_load_end(), which takes long for a large state, a node that has other
 * things to do calls locks_load_link() again and again.
 *
 * Everything is checked, because the bytes come from a file or from another node: each field
 * for its range, each id for being there, what must be unique for being so, numbers for
 * being below their counters, counts, limits, and at last the digest. A snapshot that is
 * damaged or made up gives false and never an assertion. Once one of the functions said
 * false, the state is empty, as locks_init() makes it with the settings that were carved.
 */
#ifndef LOCKS_LOAD_H
#define LOCKS_LOAD_H

#include <stdbool.h>

#include "locks/locks.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is in the state is thrown away. */
void locks_load_begin(struct locks *locks);

/* False: damaged, of a later version, or it does not fit into what was carved. */
bool locks_load(struct locks *locks, struct span records);

enum load_step {
    LOAD_REFUSED,
    LOAD_GOES_ON,
    LOAD_WHOLE,
};

/*
 * All records have been given: link at most `parts` sessions and locks, each with its lists.
 * LOAD_REFUSED: records are missing, or together they make no state, or its digest is
 * another.
 */
enum load_step locks_load_link(struct locks *locks, uint32_t parts);

/* The same, all at once. */
bool locks_load_end(struct locks *locks);

#ifdef __cplusplus
}
#endif

#endif
