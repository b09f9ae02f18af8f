#include "linear/history.h"

#include <unordered_map>

#include "linear/json.h"

namespace linear {

namespace {

const std::map<std::string, Kind> kinds = {{"open", Kind::open},
        {"keepalive", Kind::keepalive}, {"close", Kind::close}, {"acquire", Kind::acquire},
        {"try", Kind::attempt}, {"release", Kind::release}, {"renew", Kind::renew},
        {"query", Kind::query}};

const std::map<std::string, Result> results = {{"ok", Result::ok}, {"held", Result::held},
        {"timeout", Result::timeout}, {"not_owner", Result::not_owner},
        {"expired", Result::expired}, {"fail", Result::fail}, {"info", Result::info}};

const std::map<std::string, Model> models = {{"mutex", Model::mutex},
        {"fenced", Model::fenced}, {"rwlock", Model::rwlock},
        {"semaphore", Model::semaphore}};

/* One object's fields, each asked for once; what is left over is not of the form. */
class Fields {
public:
    Fields(uint64_t line, Object object) : line_(line), object_(std::move(object)) {}

    [[noreturn]] void fail(const std::string &what) const
    {
        throw Malformed(line_, what);
    }

    bool has(const std::string &name) const
    {
        return object_.count(name) > 0;
    }

    template <class T> std::optional<T> take(const std::string &name)
    {
        auto it = object_.find(name);
        if (it == object_.end())
            return std::nullopt;
        std::optional<T> found = as<T>(it->second);
        if (!found)
            fail("field \"" + name + "\" is of another type");
        object_.erase(it);
        return found;
    }

    template <class T> T need(const std::string &name)
    {
        std::optional<T> found = take<T>(name);
        if (!found)
            fail("field \"" + name + "\" is missing");
        return *found;
    }

    /* True if the field was there and null. */
    bool take_null(const std::string &name)
    {
        auto it = object_.find(name);
        if (it == object_.end() ||
                !std::holds_alternative<std::nullptr_t>(it->second.value))
            return false;
        object_.erase(it);
        return true;
    }

    template <class T>
    T choose(const std::string &name, const std::map<std::string, T> &from)
    {
        std::string word = need<std::string>(name);
        auto it = from.find(word);
        if (it == from.end())
            fail("\"" + name + "\" cannot be \"" + word + "\"");
        return it->second;
    }

    void finish() const
    {
        if (!object_.empty())
            fail("field \"" + object_.begin()->first + "\" is not known");
    }

private:
    template <class T> static std::optional<T> as(const Json &json)
    {
        if constexpr (std::is_same_v<T, uint64_t>) {
            if (auto *large = std::get_if<uint64_t>(&json.value))
                return *large;
            auto *small = std::get_if<int64_t>(&json.value);
            if (!small || *small < 0)
                return std::nullopt;
            return static_cast<uint64_t>(*small);
        } else {
            auto *value = std::get_if<T>(&json.value);
            return value ? std::optional<T>(*value) : std::nullopt;
        }
    }

    uint64_t line_;
    Object object_;
};

Lock read_lock(Fields &fields, const Lock &defaults)
{
    Lock lock = defaults;
    if (fields.has("model"))
        lock.model = fields.choose("model", models);
    lock.permits = fields.take<uint64_t>("permits").value_or(lock.permits);
    lock.idempotent = fields.take<bool>("idempotent").value_or(lock.idempotent);
    lock.fifo = fields.take<bool>("fifo").value_or(lock.fifo);
    if (auto ttl = fields.take<int64_t>("ttl"))
        lock.ttl = ttl;
    if (lock.permits == 0)
        fields.fail("\"permits\" is at least 1");
    fields.finish();
    return lock;
}

class Reader {
public:
    void header(uint64_t line, Object object)
    {
        Fields fields(line, std::move(object));
        if (fields.need<std::string>("format") != "lockhist/1")
            fields.fail("the format is not lockhist/1");
        if (auto defaults = fields.take<Object>("defaults")) {
            Fields inner(line, *defaults);
            history_.defaults = read_lock(inner, Lock{});
            history_.default_ttl = history_.defaults.ttl;
        }
        if (auto locks = fields.take<Object>("locks")) {
            for (auto &[name, json] : *locks)
                declare(line, name, json);
        }
        history_.global_tokens = fields.take<bool>("global_tokens").value_or(false);
        fields.finish();
    }

    void operation(uint64_t line, Object object)
    {
        Fields fields(line, std::move(object));
        Operation op;
        op.line = line;
        op.proc = fields.need<uint64_t>("proc");
        op.kind = fields.choose("op", kinds);
        op.result = fields.choose("res", results);
        times(fields, op);
        names(fields, op);
        claims(fields, op);
        fields.finish();
        check(fields, op);
        history_.operations.push_back(op);
    }

    History take()
    {
        return std::move(history_);
    }

private:
    void declare(uint64_t line, const std::string &name, const Json &json)
    {
        auto *object = std::get_if<Object>(&json.value);
        if (!object)
            throw Malformed(line, "lock \"" + name + "\" is no object");
        Fields inner(line, *object);
        Lock lock = read_lock(inner, history_.defaults);
        lock.name = name;
        numbers_[name] = static_cast<int32_t>(history_.locks.size());
        history_.locks.push_back(lock);
    }

    int32_t number_of(const std::string &name)
    {
        auto [it, fresh] =
                numbers_.emplace(name, static_cast<int32_t>(history_.locks.size()));
        if (fresh) {
            history_.locks.push_back(history_.defaults);
            history_.locks.back().name = name;
        }
        return it->second;
    }

    static void times(Fields &fields, Operation &op)
    {
        op.call = fields.need<int64_t>("call");
        if (fields.take_null("ret"))
            op.ret = never;
        else
            op.ret = fields.need<int64_t>("ret");
        if (op.ret < op.call)
            fields.fail("\"ret\" is before \"call\"");
        if (op.ret == never && op.result != Result::info)
            fields.fail("without a \"ret\" the result is \"info\"");
    }

    void names(Fields &fields, Operation &op)
    {
        if (auto name = fields.take<std::string>("lock"))
            op.lock = number_of(*name);
        op.session = fields.take<uint64_t>("session");
        if (auto mode = fields.take<std::string>("mode")) {
            if (*mode != "x" && *mode != "s")
                fields.fail("\"mode\" is \"x\" or \"s\"");
            op.shared = *mode == "s";
        }
    }

    static void claims(Fields &fields, Operation &op)
    {
        op.token = fields.take<uint64_t>("token");
        op.ttl = fields.take<int64_t>("ttl");
        op.deadline = fields.take<int64_t>("deadline");
        op.queued = fields.take<int64_t>("queued");
        op.used = fields.take<uint64_t>("used");
        op.permits = fields.take<uint64_t>("permits").value_or(1);
        if (fields.has("holder")) {
            op.holder_said = true;
            if (!fields.take_null("holder"))
                op.holder = fields.take<uint64_t>("holder");
        }
    }

    static bool fits(const Operation &op)
    {
        bool about_session = op.kind == Kind::open || op.kind == Kind::close ||
                             op.kind == Kind::keepalive;
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
        return about_session == (op.lock < 0);
    }

    void check(const Fields &fields, const Operation &op) const
    {
        if (!fits(op))
            fields.fail(std::string("\"") + text(op.kind) + "\" with \"" + text(op.result) +
                        "\" is not of the form");
        bool opening = op.kind == Kind::open && op.result != Result::ok;
        if (!op.session && op.kind != Kind::query && !opening)
            fields.fail("\"session\" is missing");
        if (op.lock < 0)
            return;
        bool fenced = history_.locks[static_cast<size_t>(op.lock)].model != Model::mutex;
        bool presents = op.kind == Kind::release || op.kind == Kind::renew;
        if (fenced && (op.is_grant() || presents) && !op.token)
            fields.fail("\"token\" is missing");
    }

    History history_;
    std::unordered_map<std::string, int32_t> numbers_;
};

} // namespace

const char *text(Kind kind)
{
    for (const auto &[name, value] : kinds) {
        if (value == kind)
            return name.c_str();
    }
    return "?";
}

const char *text(Result result)
{
    for (const auto &[name, value] : results) {
        if (value == result)
            return name.c_str();
    }
    return "?";
}

History read_history(std::istream &input)
{
    Reader reader;
    std::string line;
    uint64_t number = 0;
    while (std::getline(input, line)) {
        number++;
        Json json;
        try {
            json = parse_json(line);
        } catch (const std::runtime_error &error) {
            throw Malformed(number, error.what());
        }
        auto *object = std::get_if<Object>(&json.value);
        if (!object)
            throw Malformed(number, "a line is one object");
        if (number == 1)
            reader.header(number, std::move(*object));
        else
            reader.operation(number, std::move(*object));
    }
    if (number == 0)
        throw Malformed(1, "the history is empty");
    return reader.take();
}

} // namespace linear
