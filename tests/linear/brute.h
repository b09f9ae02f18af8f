/*
 * A second opinion on small histories, written from lockd/doc/history.md alone and without
 * anything of lockcheck but the structs: all sessions and all locks together, every order of
 * everything that can happen, tried one after the other. Slow, and short enough to be read.
 */
#ifndef LINEAR_BRUTE_H
#define LINEAR_BRUTE_H

#include "lockcheck/history/history.h"

namespace linear {

enum class Opinion {
    possible,
    impossible,
    unknown /* More ways than are tried */
};

Opinion try_all_ways(const History &history);

} // namespace linear

#endif
