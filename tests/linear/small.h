/*
 * Small histories of a service that is nobody's in particular: every step is drawn at random,
 * one thing at a time, so each history is valid by the way it came about. Sessions with and
 * without a lease, shared by processes or not, opened again after their end; answers that get
 * lost, and requests that arrive long after that; names instead of numbers.
 */
#ifndef LINEAR_SMALL_H
#define LINEAR_SMALL_H

#include "lockcheck/history/history.h"

namespace linear {

struct SmallRecipe {
    uint32_t seed = 1;
    uint32_t operations = 9;
    uint32_t locks = 1;
    uint32_t procs = 3;
};

History make_small(const SmallRecipe &recipe);

/* Change one thing at random; most results are impossible. */
void spoil(History &history, uint32_t seed);

} // namespace linear

#endif
