/* What a configuration allows and shows, without a change of who holds. */
#ifndef LINEAR_LOCK_VIEW_H
#define LINEAR_LOCK_VIEW_H

#include "lockcheck/model/lock_world.h"

namespace linear {

bool has_room(
        const World &world, const Configuration &config, uint32_t permits, bool shared);
uint32_t hold_of_session(const World &world, const Configuration &config, uint64_t session);

/* An observer that sees what it saw is done; so is what may have been in between. */
void settle(const World &world, Configuration &config);

/* Is the observer's claim true now? */
bool is_satisfied(const World &world, const Configuration &config, const Step &step);

/* Is all done that is open of this session? Then it can be over. */
bool is_finished(const World &world, const Configuration &config, uint64_t session);
bool is_done(const World &world, const Configuration &config, uint32_t number);

} // namespace linear

#endif
