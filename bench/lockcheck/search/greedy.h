/*
 * With tokens: the cheap ways to what an open operation waits to see. Mostly it is a count
 * of permits or a refusal, so the way is to end what can end, or to begin what is next.
 */
#ifndef LINEAR_GREEDY_H
#define LINEAR_GREEDY_H

#include "lockcheck/model/lock_world.h"

namespace linear {

/* Add those configurations in which fewer operations wait for an explanation. */
void relieve(
        const World &world, const Configuration &config, std::vector<Configuration> &out);

} // namespace linear

#endif
