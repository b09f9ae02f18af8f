/*
 * Every way from a configuration: all that can begin or end, or can have happened without
 * an answer.
 */
#ifndef LINEAR_EVERY_WAY_H
#define LINEAR_EVERY_WAY_H

#include "lockcheck/model/lock_world.h"

namespace linear {

/*
 * The step is done in this one. What may have come and gone may as well come now, and stay.
 */
void conclude(const World &world, Configuration &&config, uint32_t number,
        std::vector<Configuration> &out);

/* All ways to where this step is done; all ways to anywhere for no_hold. */
void try_every_way(const World &world, const Configuration &config, uint32_t number,
        std::vector<Configuration> &out);

} // namespace linear

#endif
