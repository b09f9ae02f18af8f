/*
 * Histories in the format lockhist/1 (lockd/doc/history.md): one JSON object a line, what each
 * client operation claims to have done, and when.
 */
#ifndef LINEAR_HISTORY_H
#define LINEAR_HISTORY_H

#include <cstdint>
#include <istream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace linear {

enum class Model {
    mutex,
    fenced,
    rwlock,
    semaphore
};
enum class Kind {
    open,
    keepalive,
    close,
    acquire,
    attempt,
    release,
    renew,
    query
};
enum class Result {
    ok,
    held,
    timeout,
    not_owner,
    expired,
    fail,
    info
};

constexpr int64_t never = INT64_MAX;

struct Operation {
    uint64_t line = 0;
    uint64_t proc = 0;
    Kind kind = Kind::query;
    Result result = Result::info;
    bool shared = false;
    int32_t lock = -1; /* In History::locks; -1: a session operation */
    std::optional<uint64_t> session;
    int64_t call = 0;
    int64_t ret = never;
    std::optional<uint64_t> token;
    std::optional<int64_t> ttl;
    std::optional<int64_t> deadline;
    std::optional<int64_t> queued;
    bool holder_said = false;
    std::optional<uint64_t> holder; /* query: null is free */
    std::optional<uint64_t> used;
    uint64_t permits = 1;

    bool is_grant() const
    {
        return (kind == Kind::acquire || kind == Kind::attempt) && result == Result::ok;
    }
};

struct Lock {
    std::string name;
    Model model = Model::fenced;
    uint64_t permits = 1;
    bool idempotent = false;
    bool fifo = false;
    std::optional<int64_t> ttl;
};

struct History {
    Lock defaults;
    std::optional<int64_t> default_ttl;
    bool global_tokens = false;
    std::vector<Lock> locks;
    std::vector<Operation> operations;
};

/* The input is not of the form: which line, and what about it. */
class Malformed : public std::runtime_error {
public:
    Malformed(uint64_t line, const std::string &what)
            : std::runtime_error("line " + std::to_string(line) + ": " + what)
    {
    }
};

History read_history(std::istream &input);

const char *text(Kind kind);
const char *text(Result result);

} // namespace linear

#endif
