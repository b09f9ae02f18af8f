#include "lockcheck/report/window_text.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "lockcheck/history/write.h"
#include "lockcheck/report/letters.h"

namespace linear {

namespace {

std::string number(uint64_t value)
{
    return std::to_string(value);
}

std::string token_of(const Operation &op)
{
    return op.token ? "token " + number(*op.token) : "no token";
}

/* Sentences about one rule each; `guilty` has the operations by call, at least one. */
class Teller {
public:
    Teller(const Window &window, const History &history)
            : window_(window), history_(history), clock_(clock_of(window.operations)),
              first_(*window.guilty.front()), last_(*window.guilty.back())
    {
    }

    std::string tell() const
    {
        const std::string &rule = window_.rule;
        if (rule == "exclusion")
            return exclusion();
        if (rule == "linearizability")
            return stuck();
        if (rule == "token-unique")
            return given(first_) + ", and " + given(last_) + ": a token is given once.";
        if (rule == "token-order" || rule == "token-global")
            return token_order();
        if (rule == "overtaken")
            return overtaken();
        if (rule == "lease-deadline")
            return who(first_) + " relies on its lease until " +
                   clock_.when(first_.deadline.value_or(0)) +
                   ", which is longer than the lease lasts, counted from the call at " +
                   clock_.when(first_.call) + ".";
        if (rule == "early-expiry")
            return early_expiry();
        if (rule == "session-death")
            return session_death();
        if (rule == "session-unique")
            return session_unique();
        if (rule == "session-begin")
            return "The " + std::string(text(first_.kind)) + " of " +
                   session(first_.session) + " by " + who(first_) + " was accepted by " +
                   clock_.when(first_.ret) + ", before its open was called at " +
                   clock_.when(last_.call) + ".";
        if (rule == "fifo")
            return fifo();
        return window_.what + ".";
    }

private:
    std::string who(const Operation &op) const
    {
        return "process " + id_text(history_, op.proc);
    }

    std::string session(Maybe<uint64_t> id) const
    {
        return "session " + id_text(history_, id.value_or(0));
    }

    std::string name(const Operation &op) const
    {
        return object_of(op, history_);
    }

    std::string given(const Operation &op) const
    {
        return name(op) + " was given to " + who(op) + " with " + token_of(op) + " by " +
               clock_.when(op.ret);
    }

    std::string span(const Operation &op) const
    {
        return "between " + clock_.when(op.call) + " and " + clock_.when(op.ret);
    }

    std::string exclusion() const
    {
        const Operation *newest = *std::max_element(window_.guilty.begin(),
                window_.guilty.end(), [](auto *a, auto *b) { return a->ret < b->ret; });
        std::string holders;
        for (const Operation *op : window_.guilty) {
            if (op != newest)
                holders += (holders.empty() ? "" : " and ") + who(*op) + " (" +
                           token_of(*op) + ")";
        }
        bool several = window_.guilty.size() > 2;
        return given(*newest) + " while " + holders +
               " certainly held it: " + (several ? "their grants" : "its grant") +
               " had returned, no release had been called, and " +
               (several ? "no lease" : "the lease") + " was " + (several ? "" : "not ") +
               "over.";
    }

    std::string token_order() const
    {
        if (first_.token == last_.token)
            return given(first_) + ", and " + given(last_) +
                   ": no two locks give the same token.";
        return given(last_) + ", which was called after " + token_of(first_) +
               " had been given (" + clock_.when(first_.ret) +
               "): a later grant has the larger token.";
    }

    std::string overtaken() const
    {
        bool by_first = first_.is_grant();
        const Operation &grant = by_first ? first_ : last_;
        const Operation &op = by_first ? last_ : first_;
        return "The " + std::string(text(op.kind)) + " of " + token_of(op) + " by " +
               who(op) + " was accepted, though it was called (" + clock_.when(op.call) +
               ") after the larger " + token_of(grant) + " had been given (" +
               clock_.when(grant.ret) + ").";
    }

    std::string early_expiry() const
    {
        bool by_first = first_.result == Result::expired;
        const Operation &told = by_first ? first_ : last_;
        const Operation &lease = by_first ? last_ : first_;
        return session(told.session) + " was reported as over by " +
               clock_.when(told.ret) + ", but its lease from the " + text(lease.kind) +
               " at " + clock_.when(lease.call) +
               " still ran, and no process had closed it.";
    }

    std::string session_death() const
    {
        std::string given_on;
        if (first_.is_grant() && first_.session != last_.session)
            given_on = " (" + name(first_) + " was given to " + who(first_) +
                       " without a release)";
        return session(last_.session) + " was over by " +
               clock_.when(first_.ret) + given_on + ", but its " + text(last_.kind) +
               ", called at " + clock_.when(last_.call) + ", was accepted.";
    }

    std::string session_unique() const
    {
        if (first_.kind != Kind::open || last_.kind != Kind::open)
            return session(last_.session) + " was over by " + clock_.when(first_.ret) +
                   ", but an open with the same id, called at " + clock_.when(last_.call) +
                   ", was accepted.";
        return "Two opens gave the id of " + session(last_.session) + ", to " +
               who(first_) + " by " + clock_.when(first_.ret) + " and to " + who(last_) +
               " by " + clock_.when(last_.ret) + ": an id is one session's.";
    }

    std::string fifo() const
    {
        bool ahead = first_.queued && *first_.token > *last_.token;
        const Operation &early = ahead ? first_ : last_;
        const Operation &late = ahead ? last_ : first_;
        return who(early) + " was in the queue of " + name(early) + " by " +
               clock_.when(early.queued.value_or(early.call)) + ", before " + who(late) +
               " requested it at " + clock_.when(late.call) + ", but " + who(late) +
               " got it first (" + token_of(late) + " before " + token_of(early) + ").";
    }

    /*
     * The search knows which operation found no place, but not why: every reason was tried.
     */
    std::string stuck() const
    {
        const Operation &op = first_;
        if (op.result == Result::held)
            return who(op) + " was told that " + name(op) +
                   " was held, but no process can have held it " + span(op) + ".";
        if (op.result == Result::not_owner)
            return who(op) + " was told that it did not hold " + name(op) + " with " +
                   token_of(op) + ", but it must have held it all the time " + span(op) +
                   ".";
        if (op.kind == Kind::query)
            return who(op) + " saw " + name(op) + seen(op) +
                   ", but that was true at no time " + span(op) + ".";
        if (op.presents() && op.result == Result::ok)
            return "The " + std::string(text(op.kind)) + " of " + token_of(op) + " by " +
                   who(op) + " was accepted, but " + name(op) +
                   " cannot have been held with it at any time " + span(op) + ".";
        if (op.is_grant())
            return given(op) + ", but no order of these operations has room for it " +
                   span(op) + ".";
        return session(op.session) + " cannot have been over by " +
               clock_.when(op.ret) + ": no order of these operations allows it.";
    }

    std::string seen(const Operation &op) const
    {
        std::string said;
        if (op.holder_said)
            said = op.holder ? " held by " + session(op.holder) : " free";
        if (op.token)
            said += " with " + token_of(op);
        if (op.used)
            said += " with " + number(*op.used) + " in use";
        return said;
    }

    const Window &window_;
    const History &history_;
    Clock clock_;
    const Operation &first_;
    const Operation &last_;
};

constexpr size_t rows_max = 40;
using Row = std::array<std::string, 10>;

bool is_guilty(const Window &window, const Operation &op)
{
    return std::find(window.guilty.begin(), window.guilty.end(), &op) !=
           window.guilty.end();
}

Row row_of(const Operation &op, const Window &window, const History &history)
{
    Clock clock = clock_of(window.operations);
    std::string kind = text(op.kind);
    if (op.shared)
        kind += " shared";
    if (op.permits != 1)
        kind += " " + number(op.permits) + " permits";
    return {is_guilty(window, op) ? ">" : "", id_text(history, op.proc), kind,
            op.lock < 0 ? "" : elided(object_of(op, history), 32), clock.when(op.call),
            op.ret == never ? "never" : clock.when(op.ret), text(op.result),
            op.token ? number(*op.token) : "", op.session ? id_text(history, *op.session) : "",
            number(op.line)};
}

/* How many columns of a terminal: of UTF-8 each character counts once. */
size_t width(const std::string &cell)
{
    return static_cast<size_t>(std::count_if(
            cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string table_of(const std::vector<Row> &rows)
{
    static const std::array<bool, 10> to_the_right = {
            false, true, false, false, true, true, false, true, true, true};
    std::array<size_t, 10> widths{};
    for (const Row &row : rows) {
        for (size_t i = 0; i < row.size(); i++)
            widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string out;
    for (const Row &row : rows) {
        std::string line = "  ";
        for (size_t i = 0; i < row.size(); i++) {
            std::string blanks(widths[i] - width(row[i]), ' ');
            line += (i > 0 ? "  " : "") +
                    (to_the_right[i] ? blanks + row[i] : row[i] + blanks);
        }
        out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
}

/* In lines that fit. */
std::string folded(const std::string &text)
{
    constexpr size_t columns = 90;
    std::string out;
    size_t used = columns;
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find(' ', at), text.size());
        std::string word = text.substr(at, end - at);
        bool fresh = used + 1 + width(word) > columns;
        out += fresh ? (out.empty() ? "  " : "\n  ") + word : " " + word;
        used = fresh ? 2 + width(word) : used + 1 + width(word);
        at = end + 1;
    }
    return out + "\n";
}

std::string introduction(const Window &window)
{
    size_t count = window.operations.size();
    std::string times = " (times from " +
                        std::to_string(clock_of(window.operations).begin()) + " ns):\n";
    if (!window.alone)
        return "  Showing it needs more of the history than can be tried; the rule names" +
               times;
    if (!window.smallest)
        return "  These " + number(count) + " operations show it; fewer may do" + times;
    if (count == 1)
        return "  This operation shows it alone" + times;
    return "  These " + number(count) + " operations show it, and no fewer of them" + times;
}

} // namespace

Clock::Clock(int64_t begin, int64_t end) : begin_(begin)
{
    static const struct {
        int64_t unit;
        const char *name;
    } units[] = {{1000000000, "s"}, {1000000, "ms"}, {1000, "us"}};
    for (const auto &[unit, name] : units) {
        if (end - begin < 10 * unit)
            continue;
        unit_ = unit;
        name_ = name;
        break;
    }
}

std::string Clock::duration(int64_t ns) const
{
    int64_t size = ns < 0 ? -ns : ns;
    std::string out = (ns < 0 ? "-" : "") + std::to_string(size / unit_);
    if (unit_ > 1) {
        std::string rest = std::to_string(size % unit_ / (unit_ / 1000));
        out += "." + std::string(3 - rest.size(), '0') + rest;
    }
    return out + " " + name_;
}

std::string Clock::when(int64_t time) const
{
    return (time >= begin_ ? "+" : "") + duration(time - begin_);
}

Clock clock_of(const std::vector<const Operation *> &operations)
{
    int64_t begin = INT64_MAX;
    int64_t end = INT64_MIN;
    for (const Operation *op : operations) {
        begin = std::min(begin, op->call);
        end = std::max(end, op->ret == never ? op->call : op->ret);
    }
    return operations.empty() ? Clock(0, 0) : Clock(begin, end);
}

std::string object_of(const Operation &op, const History &history)
{
    if (op.lock >= 0)
        return quoted(history.locks[static_cast<size_t>(op.lock)].name);
    return op.session ? "session " + id_text(history, *op.session) : "a session";
}

std::string object_of(const Window &window, const History &history)
{
    std::vector<int32_t> locks;
    for (const Operation *op : window.guilty) {
        if (op->lock >= 0 && std::find(locks.begin(), locks.end(), op->lock) == locks.end())
            locks.push_back(op->lock);
    }
    if (locks.empty())
        return object_of(*window.guilty.front(), history);
    std::string names;
    for (int32_t lock : locks)
        names += (names.empty() ? "" : " and ") +
                 quoted(history.locks[static_cast<size_t>(lock)].name);
    return names;
}

std::string why(const Window &window, const History &history)
{
    std::string sentence = Teller(window, history).tell();
    if (sentence[0] >= 'a' && sentence[0] <= 'z')
        sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
    return sentence;
}

std::string text_of(const Window &window, const History &history)
{
    std::string out = folded(why(window, history));
    for (const std::string &rule : window.also)
        out += "  The same operations break " + rule + ".\n";
    out += introduction(window);
    std::vector<Row> rows = {{"", "process", "operation", "object", "call", "return",
            "outcome", "token", "session", "line"}};
    size_t count = window.operations.size();
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        const Operation *op = window.operations[i];
        if (count - i <= rows_max || is_guilty(window, *op))
            rows.push_back(row_of(*op, window, history));
        else
            left++;
    }
    out += table_of(rows);
    if (left > 0)
        out += "  (and " + number(left) + " more before; --json has them all)\n";
    return out;
}

} // namespace linear
