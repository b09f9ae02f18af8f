#include "lockcheck/judge/doubts.h"

#include "lockcheck/judge/window.h"
#include "lockcheck/search/search.h"

namespace linear {

namespace {

Violation violation_of(const Doubt &doubt)
{
    return {"linearizability", "no order explains what happened", doubt.lock,
            {doubt.stuck}};
}

Verdict try_everything(const History &history, int32_t lock, const Rules &rules)
{
    std::vector<const Operation *> own;
    for (const Operation &op : history.operations) {
        if (op.lock == lock)
            own.push_back(&op);
    }
    Sessions sessions(history, rules.drift_ppm);
    Plan plan = make_plan(
            history.locks[static_cast<size_t>(lock)], own, sessions, rules.drift_ppm);
    return search_widely(plan, false, short_work_max);
}

/* Whether it is settled. */
bool settle(const History &history, const Rules &rules, Judgement &judgement,
        const Doubt &doubt)
{
    if (is_wrong_by_itself(history, violation_of(doubt), rules)) {
        judgement.violations.push_back(violation_of(doubt));
        return true;
    }
    Verdict verdict = try_everything(history, doubt.lock, rules);
    if (verdict.decided && verdict.stuck)
        judgement.violations.push_back(violation_of({doubt.lock, verdict.stuck}));
    return verdict.decided;
}

} // namespace

void settle_doubts(const History &history, const Rules &rules, Judgement &judgement)
{
    std::erase_if(judgement.doubts,
            [&](const Doubt &doubt) { return settle(history, rules, judgement, doubt); });
    judgement.undecided = judgement.doubts.size();
}

} // namespace linear
