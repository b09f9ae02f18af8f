#include "lockcheck/history/history.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <tuple>
#include <unordered_map>

#include "lockcheck/history/scan.h"

namespace linear {

namespace {

using namespace std::string_view_literals;

constexpr std::array kinds = {"open"sv, "keepalive"sv, "close"sv, "acquire"sv, "try"sv,
        "release"sv, "renew"sv, "query"sv};
constexpr std::array results = {
        "ok"sv, "held"sv, "timeout"sv, "not_owner"sv, "expired"sv, "fail"sv, "info"sv};
constexpr std::array models = {"mutex"sv, "fenced"sv, "rwlock"sv, "semaphore"sv};
constexpr std::array modes = {"x"sv, "s"sv};
constexpr std::array fields = {"proc"sv, "op"sv, "lock"sv, "session"sv, "call"sv, "ret"sv,
        "res"sv, "token"sv, "mode"sv, "permits"sv, "ttl"sv, "deadline"sv, "queued"sv,
        "holder"sv, "used"sv};
constexpr std::array lock_fields = {
        "model"sv, "permits"sv, "idempotent"sv, "fifo"sv, "ttl"sv};
constexpr std::array header_fields = {
        "format"sv, "defaults"sv, "locks"sv, "global_tokens"sv, "commands_renew"sv};

template <size_t N> std::string list(const std::array<std::string_view, N> &words)
{
    std::string all;
    for (std::string_view word : words)
        all += (all.empty() ? "" : ", ") + std::string(word);
    return all;
}

template <size_t N>
size_t find(const std::array<std::string_view, N> &words, std::string_view word)
{
    size_t at = 0;
    while (at < N && words[at] != word)
        at++;
    return at;
}

/* One of these words, as its number. */
template <size_t N>
size_t choose(
        Scan &scan, std::string_view field, const std::array<std::string_view, N> &words)
{
    std::string_view word = scan.string(field);
    size_t found = find(words, word);
    if (found == N)
        scan.fail("\"" + std::string(field) + "\" cannot be \"" + std::string(word) +
                  "\"; allowed: " + list(words));
    return found;
}

/* The fields of one object, in any order and each once; read(number) takes the value. */
template <size_t N, class Read>
std::bitset<N> walk(Scan &scan, const std::array<std::string_view, N> &names, Read read)
{
    std::bitset<N> seen;
    scan.need('{', "an object is expected");
    if (scan.take('}'))
        return seen;
    do {
        std::string name(scan.name());
        size_t field = find(names, name);
        if (field == N)
            scan.fail("field \"" + name + "\" is not known; allowed: " + list(names));
        if (seen[field])
            scan.fail("field \"" + name + "\" is given twice");
        seen.set(field);
        read(field, names[field]);
    } while (scan.take(','));
    scan.need('}', "a comma or a closing brace is expected");
    return seen;
}

uint32_t read_permits(Scan &scan, std::string_view name)
{
    uint64_t permits = scan.natural(name);
    if (permits == 0 || permits > UINT32_MAX)
        scan.fail("\"permits\" is from 1 to 4294967295");
    return static_cast<uint32_t>(permits);
}

/* Sums of two of them do not overflow. */
int64_t read_ns(Scan &scan, std::string_view name)
{
    int64_t ns = scan.integer(name);
    if (ns < 0 || ns >= INT64_MAX / 2)
        scan.fail("\"" + std::string(name) + "\" is in ns, from 0 to 4611686018427387902");
    return ns;
}

/* What the header says of a lock, as far as it says it. */
struct Wish {
    std::optional<Model> model;
    std::optional<uint32_t> permits;
    std::optional<bool> idempotent;
    std::optional<bool> fifo;
    std::optional<int64_t> ttl;
};

Wish read_wish(Scan &scan)
{
    Wish wish;
    walk(scan, lock_fields, [&](size_t field, std::string_view name) {
        if (field == 0)
            wish.model = static_cast<Model>(choose(scan, name, models));
        else if (field == 1)
            wish.permits = read_permits(scan, name);
        else if (field == 2)
            wish.idempotent = scan.truth(name);
        else if (field == 3)
            wish.fifo = scan.truth(name);
        else
            wish.ttl = read_ns(scan, name);
    });
    return wish;
}

Lock grant_wish(const std::string &name, const Wish &wish, const Lock &defaults)
{
    Lock lock;
    lock.name = name;
    lock.model = wish.model.value_or(defaults.model);
    lock.permits = wish.permits.value_or(static_cast<uint32_t>(defaults.permits));
    lock.idempotent = wish.idempotent.value_or(defaults.idempotent);
    lock.fifo = wish.fifo.value_or(defaults.fifo);
    lock.ttl = wish.ttl ? Maybe<int64_t>(*wish.ttl) : defaults.ttl;
    return lock;
}

class Reader {
public:
    void header(std::string_view text)
    {
        Scan scan(text, 1);
        auto seen = walk(scan, header_fields, [&](size_t field, std::string_view name) {
            if (field == 0 && scan.string(name) != "lockhist/1")
                scan.fail("the format is not lockhist/1");
            else if (field == 1)
                history_.defaults = grant_wish("", read_wish(scan), Lock{});
            else if (field == 2)
                read_locks(scan);
            else if (field == 3)
                history_.global_tokens = scan.truth(name);
            else if (field == 4)
                history_.commands_renew = scan.truth(name);
        });
        scan.end();
        if (!seen[0])
            scan.fail("the first line is a header with \"format\":\"lockhist/1\"");
        for (const auto &[name, wish] : declared_)
            history_.locks.push_back(grant_wish(name, wish, history_.defaults));
    }

    void operation(std::string_view text, uint64_t line)
    {
        Scan scan(text, line);
        Operation op;
        op.line = static_cast<uint32_t>(line);
        auto seen = walk(scan, fields, [&](size_t field, std::string_view name) {
            if (field < 7)
                read_main(scan, op, field, name);
            else
                read_claim(scan, op, field, name);
        });
        scan.end();
        for (size_t field : {0u, 1u, 4u, 5u, 6u}) {
            if (!seen[field])
                scan.fail("field \"" + std::string(fields[field]) + "\" is missing");
        }
        check_times(scan, op);
        check_form(scan, op);
        check_claims(scan, op);
        history_.operations.push_back(op);
    }

    History take()
    {
        check_procs();
        return std::move(history_);
    }

private:
    /* "locks" may come before "defaults". */
    void read_locks(Scan &scan)
    {
        scan.need('{', "\"locks\" is an object");
        if (scan.take('}'))
            return;
        do {
            std::string name(scan.name());
            declared_.push_back({name, read_wish(scan)});
            if (!numbers_.emplace(name, static_cast<int32_t>(declared_.size() - 1)).second)
                scan.fail("lock \"" + name + "\" is declared twice");
        } while (scan.take(','));
        scan.need('}', "a comma or a closing brace is expected");
    }

    int32_t number_of(std::string_view name)
    {
        int32_t fresh = static_cast<int32_t>(history_.locks.size());
        auto [it, added] = numbers_.emplace(name, fresh);
        if (added) {
            history_.locks.push_back(history_.defaults);
            history_.locks.back().name = name;
        }
        return it->second;
    }

    void read_main(Scan &scan, Operation &op, size_t field, std::string_view name)
    {
        if (field == 0)
            op.proc = read_id(scan, name);
        else if (field == 1)
            op.kind = static_cast<Kind>(choose(scan, name, kinds));
        else if (field == 2)
            op.lock = number_of(scan.string(name));
        else if (field == 3)
            op.session = read_id(scan, name);
        else if (field == 4)
            op.call = read_ns(scan, name);
        else if (field == 5)
            op.ret = scan.take_null() ? never : read_ns(scan, name);
        else
            op.result = static_cast<Result>(choose(scan, name, results));
    }

    uint64_t read_id(Scan &scan, std::string_view field)
    {
        uint64_t number = 0;
        std::string text = scan.id(field, &number);
        if (text.empty() && number < named_ids)
            return number;
        if (text.empty())
            text = std::to_string(number);
        auto [it, fresh] = ids_.emplace(text, named_ids + history_.names.size());
        if (fresh)
            history_.names.push_back(text);
        return it->second;
    }

    void read_claim(Scan &scan, Operation &op, size_t field, std::string_view name)
    {
        if (field == 7)
            op.token = scan.natural(name);
        else if (field == 8)
            op.shared = choose(scan, name, modes) == 1;
        else if (field == 9)
            op.permits = read_permits(scan, name);
        else if (field == 10)
            op.ttl = read_ns(scan, name);
        else if (field == 11)
            op.deadline = read_ns(scan, name);
        else if (field == 12)
            op.queued = read_ns(scan, name);
        else if (field == 14)
            op.used = scan.natural(name);
        else {
            op.holder_said = true;
            if (!scan.take_null())
                op.holder = read_id(scan, name);
        }
    }

    static void check_times(const Scan &scan, const Operation &op)
    {
        if (op.ret < op.call)
            scan.fail("\"ret\" is before \"call\"");
        if (op.ret == never && op.result != Result::info)
            scan.fail("without a \"ret\" the result is \"info\"");
    }

    static bool fits(const Operation &op)
    {
        switch (op.result) {
        case Result::held:
            return op.kind == Kind::attempt;
        case Result::timeout:
            return op.kind == Kind::acquire;
        case Result::not_owner:
            return op.kind == Kind::release || op.kind == Kind::renew;
        case Result::expired:
            return op.kind != Kind::open && op.kind != Kind::query;
        case Result::ok:
        case Result::fail:
        case Result::info:
            break;
        }
        return true;
    }

    static void check_form(const Scan &scan, const Operation &op)
    {
        if (!fits(op))
            scan.fail(std::string("\"") + text(op.kind) + "\" cannot end with \"" +
                      text(op.result) + "\"");
        bool about_session = op.kind == Kind::open || op.kind == Kind::close ||
                             op.kind == Kind::keepalive;
        if (about_session != (op.lock < 0))
            scan.fail(std::string("\"") + text(op.kind) +
                      (about_session ? "\" has no \"lock\"" : "\" needs a \"lock\""));
        bool opening = op.kind == Kind::open && op.result != Result::ok;
        if (!op.session && op.kind != Kind::query && !opening)
            scan.fail("field \"session\" is missing");
    }

    void check_claims(const Scan &scan, const Operation &op) const
    {
        if (op.lock < 0)
            return;
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        bool asks = op.kind == Kind::acquire || op.kind == Kind::attempt;
        if (lock.model != Model::mutex && (op.is_grant() || op.presents()) && !op.token)
            scan.fail("field \"token\" is missing");
        if (op.shared && lock.model != Model::rwlock)
            scan.fail("\"mode\":\"s\" is for the model rwlock");
        if (asks && lock.model == Model::semaphore && op.permits > lock.permits)
            scan.fail("more permits than the semaphore has (" +
                      std::to_string(lock.permits) + ")");
        if (asks && lock.model != Model::semaphore && op.permits != 1)
            scan.fail("\"permits\" is for the model semaphore");
    }

    /*
     * A process does one thing at a time. What it was not told may still happen, so it must
     * not do more under the same id.
     */
    void check_procs() const
    {
        std::vector<const Operation *> all;
        all.reserve(history_.operations.size());
        for (const Operation &op : history_.operations)
            all.push_back(&op);
        std::sort(all.begin(), all.end(), [](const Operation *a, const Operation *b) {
            auto key = [](const Operation *op) {
                return std::tuple(op->proc, op->call, op->result == Result::info, op->ret,
                        op->line);
            };
            return key(a) < key(b);
        });
        for (size_t i = 1; i < all.size(); i++) {
            const Operation &before = *all[i - 1];
            const Operation &op = *all[i];
            if (before.proc != op.proc)
                continue;
            std::string who = "process " + id_text(history_, op.proc);
            std::string where = " (line " + std::to_string(before.line) + ")";
            if (before.result == Result::info)
                throw Malformed(op.line, who + " continues after a result \"info\"" + where +
                                                 "; it needs a new \"proc\"");
            if (op.call < before.ret)
                throw Malformed(op.line, who + " does two things at a time" + where);
        }
    }

    History history_;
    std::unordered_map<std::string, uint64_t> ids_;
    std::vector<std::pair<std::string, Wish>> declared_;
    std::unordered_map<std::string, int32_t> numbers_;
};

} // namespace

std::string id_text(const History &history, uint64_t id)
{
    return id < named_ids ? std::to_string(id) : history.names.at(id - named_ids);
}

const char *text(Kind kind)
{
    return kinds[static_cast<size_t>(kind)].data();
}

const char *text(Result result)
{
    return results[static_cast<size_t>(result)].data();
}

const char *text(Model model)
{
    return models[static_cast<size_t>(model)].data();
}

History read_history(std::istream &input)
{
    Reader reader;
    std::string line;
    uint64_t number = 0;
    while (std::getline(input, line)) {
        if (++number == 1)
            reader.header(line);
        else
            reader.operation(line, number);
    }
    if (number == 0)
        throw Malformed(1, "the history is empty");
    return reader.take();
}

} // namespace linear
