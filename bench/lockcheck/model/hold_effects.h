/* What takes effect in a configuration: a hold begins, a hold ends. */
#ifndef LINEAR_HOLD_EFFECTS_H
#define LINEAR_HOLD_EFFECTS_H

#include "lockcheck/model/lock_world.h"

namespace linear {

/* `number` is the step of a grant. */
bool can_begin(const World &world, const Configuration &config, uint32_t number);
void begin_hold(const World &world, Configuration &config, uint32_t number);

/* By itself. */
bool can_end(const World &world, const Configuration &config, uint32_t hold);
/* The step that gives it back, or no_hold. */
uint32_t open_release(const World &world, const Configuration &config, uint32_t hold);
/* A hold ends in an open release, or by itself. False: it does not. */
bool end_hold(const World &world, Configuration &config, uint32_t hold);

} // namespace linear

#endif
