#include "lockcheck/report/verdict.h"

#include <algorithm>
#include <set>

#include "lockcheck/history/write.h"
#include "lockcheck/report/window_text.h"

namespace linear {

namespace {

std::string heading(const Violation &violation, const Report &report)
{
    std::string out = shown(report.file) + ": violation of " + violation.rule;
    if (violation.lock >= 0)
        out += " on " +
               quoted(report.history.locks[static_cast<size_t>(violation.lock)].name);
    return out + ": " + violation.what + "\n";
}

/* What no window was cut for: how often, and in which lines. */
std::string text_of_rest(const Report &report)
{
    size_t told = report.windows.size();
    size_t all = report.judgement.violations.size();
    for (const Window &window : report.windows)
        told += window.also.size();
    if (all <= told)
        return "";
    std::set<std::string> rules;
    for (const Violation &violation : report.judgement.violations)
        rules.insert(violation.rule);
    std::string names;
    for (const std::string &rule : rules)
        names += (names.empty() ? "" : ", ") + rule;
    return shown(report.file) + ": " + std::to_string(all) + " violations in all, of " +
           names + "; each is in the output of --json\n";
}

std::string text_of(const Doubt &doubt, const Report &report)
{
    return shown(report.file) + ": undecided on " +
           quoted(report.history.locks[static_cast<size_t>(doubt.lock)].name) +
           ": no order was found, and no proof that there is none; the search got stuck at "
           "line " +
           std::to_string(doubt.stuck->line) + "\n";
}

std::string list(const std::vector<const Operation *> &operations)
{
    std::string out;
    for (const Operation *op : operations)
        out += (out.empty() ? "" : ",") + std::to_string(op->line);
    return "[" + out + "]";
}

std::string field(const char *name, const std::string &value)
{
    return std::string("\"") + name + "\":" + value;
}

std::string json_of(const Violation &violation, const History &history)
{
    std::string lock =
            violation.lock < 0
                    ? "null"
                    : quoted(history.locks[static_cast<size_t>(violation.lock)].name);
    return "{" + field("rule", quoted(violation.rule)) + "," +
           field("what", quoted(violation.what)) + "," + field("lock", lock) + "," +
           field("lines", list(violation.operations)) + "}";
}

std::string json_of(const Doubt &doubt, const History &history)
{
    return "{" +
           field("lock", quoted(history.locks[static_cast<size_t>(doubt.lock)].name)) +
           "," + field("line", std::to_string(doubt.stuck->line)) + "}";
}

std::string json_of(const Window &window, const History &history)
{
    std::string also;
    for (const std::string &rule : window.also)
        also += (also.empty() ? "" : ",") + quoted(rule);
    std::string lines;
    for (const std::string &line : lines_of(part_of(history, window.operations)))
        lines += (lines.empty() ? "" : ",") + line;
    return "{" + field("rule", quoted(window.rule)) + "," +
           field("also", "[" + also + "]") + "," + field("what", quoted(window.what)) +
           "," + field("why", quoted(why(window, history))) + "," +
           field("smallest", window.smallest ? "true" : "false") + "," +
           field("alone", window.alone ? "true" : "false") + "," +
           field("lines", list(window.operations)) + "," +
           field("guilty", list(window.guilty)) + "," +
           field("history", "[" + lines + "]") + "}";
}

template <class Items> std::string array_of(const Items &items, const History &history)
{
    std::string out;
    for (const auto &item : items)
        out += (out.empty() ? "" : ",") + json_of(item, history);
    return "[" + out + "]";
}

} // namespace

const char *text(Finding finding)
{
    switch (finding) {
    case Finding::valid:
        return "valid";
    case Finding::violation:
        return "violation";
    case Finding::bad_input:
        return "bad input";
    case Finding::undecided:
        return "undecided";
    case Finding::too_little:
        return "too little evidence";
    case Finding::differ:
        break;
    }
    return "the two engines differ";
}

Finding worse(Finding a, Finding b)
{
    static const int rank[] = {0, 4, 3, 2, 1, 5};
    return rank[static_cast<size_t>(a)] > rank[static_cast<size_t>(b)] ? a : b;
}

std::string text_of(const Report &report)
{
    const Judgement &judgement = report.judgement;
    std::string out;
    for (const Window &window : report.windows) {
        auto violation =
                std::find_if(judgement.violations.begin(), judgement.violations.end(),
                        [&](const Violation &v) { return v.rule == window.rule; });
        Violation shown = *violation;
        shown.what = window.what;
        shown.lock = -1;
        for (const Operation *op : window.guilty)
            shown.lock = shown.lock < 0 ? op->lock : shown.lock;
        out += heading(shown, report) + text_of(window, report.history);
    }
    out += text_of_rest(report);
    for (const Doubt &doubt : judgement.doubts)
        out += text_of(doubt, report);
    return out + shown(report.file) + ": " +
           std::to_string(report.history.operations.size()) + " operations, " +
           std::to_string(judgement.grants) + " grants, " +
           std::to_string(judgement.unknown) + " unknown, " +
           std::to_string(judgement.refused) + " refused, longest_gap_ns " +
           std::to_string(judgement.longest_gap_ns) + "\n" + shown(report.file) + ": " +
           text(report.finding) + "\n";
}

std::string json_of(const Report &report)
{
    const Judgement &judgement = report.judgement;
    std::string out = "{" + field("file", quoted(report.file)) + "," +
                      field("verdict", quoted(text(report.finding)));
    if (report.finding == Finding::bad_input)
        return out + "," + field("error", quoted(report.error)) + "}";
    const std::pair<const char *, uint64_t> counts[] = {
            {"operations", report.history.operations.size()}, {"grants", judgement.grants},
            {"unknown", judgement.unknown}, {"refused", judgement.refused},
            {"longest_gap_ns", static_cast<uint64_t>(judgement.longest_gap_ns)},
            {"undecided", judgement.undecided}, {"compared", judgement.compared},
            {"different", judgement.different}};
    for (const auto &[name, count] : counts)
        out += "," + field(name, std::to_string(count));
    return out + "," + field("violations", array_of(judgement.violations, report.history)) +
           "," + field("doubts", array_of(judgement.doubts, report.history)) + "," +
           field("windows", array_of(report.windows, report.history)) + "}";
}

} // namespace linear
