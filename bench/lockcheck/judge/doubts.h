/*
 * Large locks on which the judge found no order. In two steps, each with a bound: a part of
 * the history around the place where the search got stuck that is a violation by itself, as
 * for a window; and if there is none, the search that tries everything.
 */
#ifndef LINEAR_DOUBTS_H
#define LINEAR_DOUBTS_H

#include "lockcheck/judge/judge.h"

namespace linear {

/* Moves each doubt to the violations, drops it, or leaves it and counts it as undecided. */
void settle_doubts(const History &history, const Rules &rules, Judgement &judgement);

} // namespace linear

#endif
