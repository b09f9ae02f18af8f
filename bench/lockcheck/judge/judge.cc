#include "lockcheck/judge/judge.h"

#include <algorithm>

#include "lockcheck/model/reference.h"
#include "lockcheck/search/search.h"

namespace linear {

namespace {

constexpr size_t thorough_steps_max = 200;
constexpr size_t wide_steps_max = 5000;

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

void count(const History &history, Judgement &judgement)
{
    for (const Operation &op : history.operations) {
        judgement.grants += op.is_grant();
        judgement.unknown += op.result == Result::info;
        judgement.refused += op.result == Result::fail;
    }
    judgement.longest_gap_ns = longest_gap(history);
}

void compare(const History &history, int32_t lock, const Rules &rules,
        const Verdict &verdict, Judgement &judgement)
{
    Answer answer = ask_reference(history, lock, rules.drift_ppm);
    if (answer == Answer::too_long || !verdict.decided)
        return;
    judgement.compared++;
    bool possible = answer == Answer::possible;
    judgement.different += possible != verdict.is_possible();
}

Verdict search_lock(const Plan &plan)
{
    if (plan.steps.size() > wide_steps_max)
        return search_narrowly(plan);
    Verdict verdict = search(plan);
    /* Where a session did several things at once, shortcuts may have been wrong. */
    if (plan.vague && !verdict.decided && plan.steps.size() <= thorough_steps_max)
        verdict = search(plan, true);
    return verdict;
}

bool is_broken(const std::vector<Violation> &violations, int32_t lock)
{
    return std::any_of(violations.begin(), violations.end(),
            [lock](const Violation &violation) { return violation.lock == lock; });
}

} // namespace

Judgement judge(const History &history, const Rules &rules)
{
    Judgement judgement;
    Sessions sessions(history, rules.drift_ppm);
    judgement.violations = check_rules(history, rules, sessions);
    count(history, judgement);
    std::vector<std::vector<const Operation *>> by_lock(history.locks.size());
    for (const Operation &op : history.operations) {
        if (op.lock >= 0)
            by_lock[static_cast<size_t>(op.lock)].push_back(&op);
    }
    for (size_t i = 0; i < by_lock.size(); i++) {
        int32_t lock = static_cast<int32_t>(i);
        Plan plan = make_plan(history.locks[i], by_lock[i], sessions, rules.drift_ppm);
        bool is_told = is_broken(judgement.violations, lock);
        if (is_told && plan.steps.size() > wide_steps_max)
            continue;
        Verdict verdict = search_lock(plan);
        judgement.work += verdict.work;
        if (!verdict.decided && !is_told)
            judgement.doubts.push_back({lock, verdict.stuck});
        judgement.configurations = std::max(judgement.configurations, verdict.most);
        if (verdict.decided && verdict.stuck)
            judgement.violations.push_back({"linearizability",
                    "no order explains what happened", lock, {verdict.stuck}});
        if (rules.both)
            compare(history, lock, rules, verdict, judgement);
    }
    judgement.undecided = judgement.doubts.size();
    return judgement;
}

} // namespace linear
