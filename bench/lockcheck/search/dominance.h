/*
 * Of two configurations one can be enough: whatever the other can become, it can become
 * too, or something that is again enough. It has at least the same holds, and can end its
 * additional ones. Fewer operations in it wait for an explanation, and fewer ghosts are
 * used up. Without tokens, what may have come and gone (brief) is as good as what certainly
 * did (early).
 */
#ifndef LINEAR_DOMINANCE_H
#define LINEAR_DOMINANCE_H

#include "lockcheck/model/lock_world.h"

namespace linear {

bool is_enough(const World &world, const Configuration &a, const Configuration &b);

/*
 * Keep those that are needed: none twice, and none for which another is enough. If there
 * are still more than the effort allows, a narrow search keeps the most promising ones.
 */
void thin_out(const World &world, std::vector<Configuration> &some);

/*
 * Without tokens and with many ghosts: ghosts that no operation can name are not told
 * apart.
 */
void forget_moot(const World &world, Configuration &config);

} // namespace linear

#endif
