/*
 * Histories in the format lockhist/1 (lockd/doc/history.md): one JSON object per line says
 * what a client operation claims to have done, and when.
 */
#ifndef LINEAR_HISTORY_H
#define LINEAR_HISTORY_H

#include <cstdint>
#include <istream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace linear {

enum class Model : uint8_t {
    mutex,
    fenced,
    rwlock,
    semaphore
};
enum class Kind : uint8_t {
    open,
    keepalive,
    close,
    acquire,
    attempt,
    release,
    renew,
    query
};
enum class Result : uint8_t {
    ok,
    held,
    timeout,
    not_owner,
    expired,
    fail,
    info
};

constexpr int64_t never = INT64_MAX;

/* A value or none, in the space of the value: a history has a million of these. */
template <class T> class Maybe {
public:
    constexpr Maybe() = default;
    constexpr Maybe(T value) : value_(value) {}
    constexpr Maybe(std::nullopt_t) {}
    constexpr Maybe(const std::optional<T> &value) : value_(value ? *value : none) {}

    constexpr explicit operator bool() const
    {
        return value_ != none;
    }

    constexpr T operator*() const
    {
        return value_;
    }

    constexpr T value_or(T other) const
    {
        return value_ != none ? value_ : other;
    }

    constexpr bool operator==(const Maybe &) const = default;

    static constexpr T none = std::is_signed_v<T> ? std::numeric_limits<T>::min()
                                                  : std::numeric_limits<T>::max();

private:
    T value_ = none;
};

struct Operation {
    uint64_t proc = 0;
    int64_t call = 0;
    int64_t ret = never;
    Maybe<uint64_t> session;
    Maybe<uint64_t> token;
    Maybe<int64_t> ttl;
    Maybe<int64_t> deadline;
    Maybe<int64_t> queued;
    Maybe<uint64_t> holder; /* query: none is free */
    Maybe<uint64_t> used;
    uint32_t line = 0;
    uint32_t permits = 1;
    int32_t lock = -1; /* In History::locks; -1: a session operation */
    Kind kind = Kind::query;
    Result result = Result::info;
    bool shared = false;
    bool holder_said = false;

    bool is_grant() const
    {
        return (kind == Kind::acquire || kind == Kind::attempt) && result == Result::ok;
    }

    bool presents() const
    {
        return kind == Kind::release || kind == Kind::renew;
    }
};

struct Lock {
    std::string name;
    Model model = Model::fenced;
    uint64_t permits = 1;
    bool idempotent = false;
    bool fifo = false;
    Maybe<int64_t> ttl; /* The lease of a hold, where its session has none */
};

/*
 * Processes and sessions have ids: numbers or strings. A small number is itself. Of all
 * others, this is the first, and the next ones follow it: History::names has their text.
 */
constexpr uint64_t named_ids = uint64_t{1} << 63;

struct History {
    Lock defaults;
    bool global_tokens = false;
    /* Each operation that was accepted extends its session, not only a keepalive. */
    bool commands_renew = false;
    std::vector<std::string> names; /* Of ids, as JSON: "\"web-1\"" or "-1" */
    std::vector<Lock> locks;
    std::vector<Operation> operations;
};

/* The input is malformed: which line, and what is wrong. */
class Malformed : public std::runtime_error {
public:
    Malformed(uint64_t line, const std::string &what)
            : std::runtime_error("line " + std::to_string(line) + ": " + what)
    {
    }
};

/* Reads line by line and keeps only the operation of a line, 112 bytes. */
History read_history(std::istream &input);

/* An id as JSON has it. */
std::string id_text(const History &history, uint64_t id);

const char *text(Kind kind);
const char *text(Result result);
const char *text(Model model);

} // namespace linear

#endif
