/*
 * Is there an order? The linearizability of one lock's operations against its model
 * [Wing, Gong 1993; Lowe 2017], as a walk through time.
 *
 * Calls and returns are visited in order. A *configuration* is one way in which it can have
 * gone so far: who holds, and which open operations have taken effect. When an operation
 * returns, every configuration is extended until that operation has taken effect, or
 * dropped; when none is left, no order explains the history.
 *
 * What keeps the set small is what a lock's history tells. Grants take effect in the order of
 * their tokens, so the next one is known. Operations that change nothing are done as soon as
 * they can be. An operation without an answer changes only when a hold may end, or whether
 * somebody unknown may have held for a moment, so it is never placed at all: it stays possible.
 * Expiry is the service's own and may happen at any time from the end of the lease on.
 */
#ifndef LINEAR_SEARCH_H
#define LINEAR_SEARCH_H

#include <optional>

#include "linear/rules.h"

namespace linear {

struct Verdict {
    bool decided = true; /* False: more configurations than are kept */
    std::optional<Violation> violation;
};

Verdict search(const History &history, int32_t lock, const Rules &rules,
        const std::vector<const Operation *> &operations,
        const std::vector<const Operation *> &session_operations);

} // namespace linear

#endif
