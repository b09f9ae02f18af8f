/*
 * The smallest part of a history that shows what is wrong with it: few operations instead
 * of a million, each needed.
 *
 * A part shows something only if it has all that could excuse what is in it (excuses.h).
 * The window begins as the operations that the judge named, with their excuses. If that is
 * not yet a violation, earlier operations on the same lock and of the same sessions are
 * added, twice as many each time. Then it is cut down [Zeller, Hildebrandt 2002]: it loses
 * half of it, a quarter, ..., one operation (and all that needs what is left out), while
 * the judge still finds the same rule broken. The rest is a history for which lockcheck has
 * the same verdict.
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

/* This many operations may be checked on the way: about ten seconds. */
constexpr uint64_t window_effort = 3000000;

/*
 * One window for each rule that is broken on a lock, those that show most first; at most
 * `windows_max` of them. Effort that one window does not use goes to the next.
 */
constexpr size_t windows_max = 8;
std::vector<Window> cut_windows(const History &history, const Judgement &judgement,
        const Rules &rules, uint64_t effort = window_effort);

/*
 * Whether a part of the history is a violation of this rule by itself, which proves it. No:
 * none was found within the effort.
 */
bool is_wrong_by_itself(
        const History &history, const Violation &violation, const Rules &rules);

/* These operations as a history of their own, which has the locks that they are about. */
History part_of(const History &history, const std::vector<const Operation *> &operations);

} // namespace linear

#endif
