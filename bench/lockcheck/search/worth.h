/*
 * Without tokens: what is worth a try when everything possible is tried.
 *
 * Nothing needs to begin before it returns, unless something open waits to see its session,
 * or anybody, hold; or it may be over before it returns, and not for nothing: by a release.
 */
#ifndef LINEAR_WORTH_H
#define LINEAR_WORTH_H

#include "lockcheck/model/lock_world.h"

namespace linear {

/* Does an open operation name this session? */
bool is_wanted(const World &world, const Configuration &config, uint64_t session);

/* The sessions that open operations name, each once. */
std::vector<uint64_t> wanted_sessions(const World &world, const Configuration &config);

/* An open grant may have come and gone at the cost of something: which, must be tried. */
bool is_tricky(const World &world, const Configuration &config);

/*
 * This grant may have come and gone, and is done with that. But it may as well begin later
 * and stay: after what still waits for an explanation, or after another grant that has to
 * come and go first.
 */
bool is_open_question(const World &world, const Configuration &config, uint32_t number);

/* The open grants to try on the way to `target` (a step, or no_hold). */
Numbers grants_to_try(const World &world, const Configuration &config, uint32_t target);

} // namespace linear

#endif
