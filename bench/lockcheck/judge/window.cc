#include "lockcheck/judge/window.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "lockcheck/judge/closed_part.h"

namespace linear {

namespace {

using Operations = std::vector<const Operation *>;

bool call_before(const Operation *a, const Operation *b)
{
    return a->call != b->call ? a->call < b->call : a->line < b->line;
}

class Cutter {
public:
    Cutter(const History &history, const Rules &rules, uint64_t effort)
            : history_(history), rules_(rules), effort_(effort),
              sessions_(history, rules.drift_ppm), excuses_(history, sessions_)
    {
        rules_.both = false;
    }

    bool shows(const Violation &violation)
    {
        rule_ = violation.rule;
        return !grow(violation).empty();
    }

    Window cut(const Violation &violation)
    {
        Window window{violation.rule, violation.what, {}, violation.operations,
                violation.operations, true, true};
        rule_ = violation.rule;
        Numbers part = grow(violation);
        if (part.empty()) {
            window.smallest = false;
            window.alone = false;
            return window;
        }
        window.operations = pointers_to(shrink(part));
        window.smallest = effort_ > 0;
        std::sort(window.operations.begin(), window.operations.end(), call_before);
        name_guilty(window);
        return window;
    }

private:
    bool pay(uint64_t price)
    {
        effort_ -= std::min(effort_, price);
        return effort_ > 0;
    }

    Operations pointers_to(const Numbers &numbers) const
    {
        Operations found;
        for (uint32_t number : numbers)
            found.push_back(&history_.operations[number]);
        return found;
    }

    /* What the judge says about a part, only for the rule in question. */
    std::vector<Violation> ask(const Numbers &numbers, History &part)
    {
        part = part_of(history_, pointers_to(numbers));
        std::vector<Violation> violations;
        if (rule_ == "linearizability") {
            Judgement judgement = judge(part, rules_);
            pay(numbers.size() + judgement.work / 32 + 16);
            violations = std::move(judgement.violations);
        } else {
            pay(numbers.size() / 2 + 16);
            violations = check_rules(part, rules_, Sessions(part, rules_.drift_ppm));
        }
        std::erase_if(violations,
                [this](const Violation &violation) { return violation.rule != rule_; });
        return violations;
    }

    bool is_wrong(const Numbers &numbers)
    {
        History part;
        return !ask(numbers, part).empty();
    }

    /* With all excuses, and theirs. Empty: that would be too many. */
    Numbers closed(const Numbers &wanted)
    {
        std::set<uint32_t> found(wanted.begin(), wanted.end());
        Numbers open(found.begin(), found.end());
        while (!open.empty()) {
            uint32_t number = open.back();
            open.pop_back();
            uint64_t before = excuses_.looked_at();
            Numbers excuses = excuses_.of(number);
            if (!pay(1 + excuses.size() / 2 + (excuses_.looked_at() - before) / 64))
                return {};
            for (uint32_t excuse : excuses) {
                if (found.insert(excuse).second)
                    open.push_back(excuse);
            }
        }
        return {found.begin(), found.end()};
    }

    /* Of these numbers, this many before and after this time. */
    void take(const Numbers &from, int64_t when, std::pair<size_t, size_t> counts,
            Numbers &out) const
    {
        auto at = std::partition_point(from.begin(), from.end(),
                [&](uint32_t n) { return history_.operations[n].call <= when; });
        size_t before = std::min(static_cast<size_t>(at - from.begin()), counts.first);
        size_t behind = std::min(static_cast<size_t>(from.end() - at), counts.second);
        out.insert(out.end(), at - static_cast<ptrdiff_t>(before),
                at + static_cast<ptrdiff_t>(behind));
    }

    /*
     * The grants with the next smaller tokens: they came before, whenever they were
     * requested.
     */
    void take_smaller(const Operation &op, size_t count, Numbers &out) const
    {
        const Numbers &by_token = excuses_.grants_by_token(op.lock);
        auto at = std::partition_point(by_token.begin(), by_token.end(),
                [&](uint32_t n) { return *history_.operations[n].token < *op.token; });
        size_t there = static_cast<size_t>(at - by_token.begin());
        out.insert(out.end(), at - static_cast<ptrdiff_t>(std::min(there, count)), at);
    }

    /*
     * What the violation names, and what came before on its locks. For the sessions of all
     * of these, also what came before and after: a session that is alive later was alive.
     */
    Numbers around(const Violation &violation, size_t count) const
    {
        Numbers wanted;
        int64_t until = INT64_MIN;
        for (const Operation *op : violation.operations) {
            wanted.push_back(static_cast<uint32_t>(op - history_.operations.data()));
            until = std::max(until, op->ret);
        }
        std::set<uint64_t> sessions;
        for (const Operation *op : violation.operations)
            take(excuses_.of_lock(op->lock), until, {count, 0}, wanted);
        for (const Operation *op : violation.operations) {
            if (!op->token || op->lock < 0)
                continue;
            const Numbers &same = excuses_.of_token(*op->token, op->lock);
            wanted.insert(wanted.end(), same.begin(), same.end());
            take_smaller(*op, count, wanted);
        }
        for (uint32_t number : wanted) {
            if (history_.operations[number].session)
                sessions.insert(*history_.operations[number].session);
        }
        for (uint64_t session : sessions)
            take(excuses_.of_session(session), until, {count, count}, wanted);
        return wanted;
    }

    Numbers everything() const
    {
        Numbers all(history_.operations.size());
        std::iota(all.begin(), all.end(), 0u);
        return all;
    }

    /*
     * What needs everybody who may have been in its way, and is named only if it is stuck.
     */
    void leave_out_crowds(const Violation &violation, Numbers &wanted) const
    {
        std::erase_if(wanted, [&](uint32_t number) {
            const Operation *op = &history_.operations[number];
            bool named = std::find(violation.operations.begin(), violation.operations.end(),
                                 op) != violation.operations.end();
            return !named && (op->result == Result::held || op->used);
        });
    }

    /* A closed part that is wrong; empty: none within the effort. */
    Numbers grow(const Violation &violation)
    {
        for (bool crowds : {false, true}) {
            size_t all = history_.operations.size();
            for (size_t count = 0; count < 2 * all + 4;
                    count = count == 0 ? 4 : count * 2) {
                Numbers wanted =
                        crowds && count >= all ? everything() : around(violation, count);
                if (!crowds)
                    leave_out_crowds(violation, wanted);
                Numbers part = closed(wanted);
                if (part.empty() || part.size() > effort_)
                    break;
                if (is_wrong(part))
                    return part;
            }
        }
        return {};
    }

    /*
     * One round over all of it, backwards, in pieces of this size. True: something could
     * go.
     */
    bool thin(const ClosedPart &part, std::vector<bool> &kept, size_t piece)
    {
        bool thinner = false;
        for (size_t end = kept.size(); end > 0 && effort_ > 0;) {
            size_t begin = end - std::min(end, piece);
            std::vector<bool> rest = part.without(kept, begin, end);
            end = begin;
            if (rest == kept || !is_wrong(part.those(rest)))
                continue;
            kept = rest;
            thinner = true;
        }
        return thinner;
    }

    Numbers shrink(Numbers numbers)
    {
        for (;;) {
            ClosedPart part(numbers, history_, excuses_);
            std::vector<bool> kept(numbers.size(), true);
            bool thinner = false;
            for (size_t piece = (numbers.size() + 1) / 2;; piece = (piece + 1) / 2) {
                thinner = thin(part, kept, piece) || thinner;
                if (piece <= 1)
                    break;
            }
            numbers = part.those(kept);
            if (!thinner || effort_ == 0)
                return numbers;
        }
    }

    /* The operations that the judge names when it sees only the window. */
    void name_guilty(Window &window)
    {
        Numbers numbers;
        for (const Operation *op : window.operations)
            numbers.push_back(static_cast<uint32_t>(op - history_.operations.data()));
        History part;
        std::vector<Violation> violations = ask(numbers, part);
        if (violations.empty())
            return;
        window.what = violations[0].what;
        window.guilty.clear();
        for (const Operation *op : violations[0].operations)
            window.guilty.push_back(
                    window.operations[static_cast<size_t>(op - part.operations.data())]);
        std::sort(window.guilty.begin(), window.guilty.end(), call_before);
    }

    const History &history_;
    Rules rules_;
    uint64_t effort_;
    Sessions sessions_;
    Excuses excuses_;
    std::string rule_;
};

/* The rules that say most by their name come first. */
size_t rank(const std::string &rule)
{
    return rule == "linearizability" ? 1 : 0;
}

/* Whether another window has the same operations; then this rule is named there. */
bool told_before(std::vector<Window> &windows, const Window &window)
{
    for (Window &old : windows) {
        if (!window.alone || old.operations != window.operations)
            continue;
        if (window.rule != old.rule &&
                std::find(old.also.begin(), old.also.end(), window.rule) == old.also.end())
            old.also.push_back(window.rule);
        return true;
    }
    return false;
}

} // namespace

History part_of(const History &history, const Operations &operations)
{
    History part;
    part.defaults = history.defaults;
    part.global_tokens = history.global_tokens;
    part.commands_renew = history.commands_renew;
    part.names = history.names;
    std::map<int32_t, int32_t> numbers;
    for (const Operation *op : operations) {
        part.operations.push_back(*op);
        if (op->lock < 0)
            continue;
        auto [it, fresh] =
                numbers.emplace(op->lock, static_cast<int32_t>(part.locks.size()));
        if (fresh)
            part.locks.push_back(history.locks[static_cast<size_t>(op->lock)]);
        part.operations.back().lock = it->second;
    }
    return part;
}

bool is_wrong_by_itself(
        const History &history, const Violation &violation, const Rules &rules)
{
    return Cutter(history, rules, window_effort / 3).shows(violation);
}

std::vector<Window> cut_windows(const History &history, const Judgement &judgement,
        const Rules &rules, uint64_t effort)
{
    std::vector<const Violation *> chosen;
    std::set<std::pair<std::string, int32_t>> seen;
    for (const Violation &violation : judgement.violations) {
        if (seen.emplace(violation.rule, violation.lock).second)
            chosen.push_back(&violation);
    }
    std::stable_sort(chosen.begin(), chosen.end(),
            [](auto *a, auto *b) { return rank(a->rule) < rank(b->rule); });
    std::vector<Window> windows;
    if (chosen.empty())
        return windows;
    Cutter cutter(history, rules, effort);
    for (size_t i = 0; i < chosen.size() && windows.size() < windows_max; i++) {
        Window window = cutter.cut(*chosen[i]);
        if (!told_before(windows, window))
            windows.push_back(std::move(window));
    }
    return windows;
}

} // namespace linear
