/*
 * Is there an order? This checks the linearizability of one lock's operations against its
 * model [Wing, Gong 1993; Lowe 2017], as a walk through time.
 *
 * Calls and returns are visited in order. A *configuration* is one way in which it can have
 * gone so far: who holds, and which open operations have taken effect. Nothing takes
 * effect before it must: when an operation returns, every configuration in which it has
 * not yet taken effect is extended until it has, or dropped. When none is left, no order
 * explains the history. Waiting costs nothing, because calls only add to what can be done,
 * and what a service does by itself (expiry) is allowed from some moment on, not until one.
 *
 * What makes it fast is what a lock's history tells (lock_plan.h), in four cuts:
 *  - with tokens, the next grant is known;
 *  - operations that change nothing are done as soon as they can be, and bind no other;
 *  - while no such operation waits for a state that has not come, the way to a return is to do
 *    what it needs: the grants before it, and room for each, made by the hold that can end
 *    and must be over first (another choice would do no more: whatever it allows later is
 *    allowed by this one too);
 *  - of two configurations that differ in holds which can end now, the one that still has them
 *    is enough.
 * Where something does wait, or the direct way fails, everything possible is tried.
 * One configuration is kept at first, the one that holds most. Where it leads no further,
 * the search goes back some way and keeps more until that is behind it. If this finds no
 * order, everything is tried. Work and memory are bounded: over a bound it is undecided.
 * `thorough` tries everything at once.
 */
#ifndef LINEAR_SEARCH_H
#define LINEAR_SEARCH_H

#include "lockcheck/model/configuration.h"
#include "lockcheck/model/lock_plan.h"

namespace linear {

struct Verdict {
    bool decided = true; /* False: more configurations or work than allowed */
    /*
     * What could not take effect by its return (of a session: the end), if anything. If it
     * is not decided: where the search got stuck.
     */
    const Operation *stuck = nullptr;

    bool is_possible() const
    {
        return decided && !stuck;
    }
    size_t most = 0;   /* Configurations at once */
    uint64_t work = 0; /* Effort::work */
};

Verdict search(const Plan &plan, bool thorough = false);

/* Its first part: fast, and if it finds no order it mostly proves nothing. */
Verdict search_narrowly(const Plan &plan);

/* Its second part, with at most this much work (lock_world.h). */
Verdict search_widely(const Plan &plan, bool thorough = false, uint64_t most = work_max);

} // namespace linear

#endif
