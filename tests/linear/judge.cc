#include "linear/judge.h"

#include <algorithm>

#include "linear/search.h"

namespace linear {

namespace {

int64_t longest_gap(const History &history)
{
    std::vector<int64_t> successes;
    for (const Operation &op : history.operations) {
        if (op.result == Result::ok)
            successes.push_back(op.ret);
    }
    std::sort(successes.begin(), successes.end());
    int64_t longest = 0;
    for (size_t i = 1; i < successes.size(); i++)
        longest = std::max(longest, successes[i] - successes[i - 1]);
    return longest;
}

} // namespace

Judgement judge(const History &history, const Rules &rules)
{
    Judgement judgement;
    judgement.violations = check_rules(history, rules);
    std::vector<std::vector<const Operation *>> by_lock(history.locks.size());
    std::vector<const Operation *> sessions;
    for (const Operation &op : history.operations) {
        judgement.grants += op.is_grant();
        judgement.unknown += op.result == Result::info;
        judgement.refused += op.result == Result::fail;
        if (op.lock >= 0)
            by_lock[static_cast<size_t>(op.lock)].push_back(&op);
        else
            sessions.push_back(&op);
    }
    for (size_t lock = 0; lock < by_lock.size(); lock++) {
        Verdict verdict =
                search(history, static_cast<int32_t>(lock), rules, by_lock[lock], sessions);
        judgement.undecided += !verdict.decided;
        if (verdict.violation)
            judgement.violations.push_back(*verdict.violation);
    }
    judgement.longest_gap_ns = longest_gap(history);
    return judgement;
}

} // namespace linear
