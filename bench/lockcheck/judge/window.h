/*
 * The smallest part of a history that shows what is wrong with it: few operations instead
 * of a million, each needed.
 *
 * A part shows something only if it has all that could excuse what is in it (excuses.h). The
 * window begins as the operations that the judge named, with their excuses. If that is not yet a
 * violation, those before on the same lock and of the same sessions are taken in, twice
 * as many each time. Then it is cut down [Zeller, Hildebrandt 2002]: without half of it, a
 * quarter, ..., one operation (and all that needs what is left out), for as long as the judge
 * still finds the same rule broken. What remains is a history that lockcheck judges alike.
 */
#ifndef LINEAR_WINDOW_H
#define LINEAR_WINDOW_H

#include "lockcheck/judge/excuses.h"
#include "lockcheck/judge/judge.h"

namespace linear {

struct Window {
    std::string rule;
    std::string what;
    std::vector<std::string> also; /* Other rules whose window is the same */
    /* By call; of the whole history. And those of them that the rule names. */
    std::vector<const Operation *> operations;
    std::vector<const Operation *> guilty;
    bool smallest =
            true;      /* Nothing can be left out; false: the effort was used up before */
    bool alone = true; /* A violation by itself; false: nothing was found that is */
};

/* So many operations may be judged on the way: about ten seconds. */
constexpr uint64_t window_effort = 3000000;

/*
 * One window for each rule and lock that is broken, those that show most first; at most
 * `windows_max` of them. What is left of the effort goes from each to the next.
 */
constexpr size_t windows_max = 8;
std::vector<Window> cut_windows(const History &history, const Judgement &judgement,
        const Rules &rules, uint64_t effort = window_effort);

/* These operations as a history of their own, which has the locks that they are about. */
History part_of(const History &history, const std::vector<const Operation *> &operations);

} // namespace linear

#endif
