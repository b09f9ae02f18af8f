/*
 * The direct way to a return does what the return needs, and nothing else. To make room, it
 * ends the hold that must be over first.
 */
#ifndef LINEAR_DIRECT_WAY_H
#define LINEAR_DIRECT_WAY_H

#include "lockcheck/model/lock_world.h"

namespace linear {

/*
 * The holds to end for room: of each size the one that must be over first, and those of
 * sessions whose end takes more along.
 */
void choose_ends(const World &world, const Configuration &config, const Hold &wanted,
        Numbers &choices);

/* Without tokens: make room by what can end, and begin. */
void begin_now(const World &world, Configuration config, uint32_t number,
        std::vector<Configuration> &out);

/* The configurations in which this step is done; none: this way does not lead there. */
std::vector<Configuration> direct_way(
        const World &world, const Configuration &config, uint32_t number);

} // namespace linear

#endif
