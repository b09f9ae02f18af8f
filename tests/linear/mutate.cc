/*
 * Ways to spoil a valid history, each as a service with one fault would write it. Where the
 * place is chosen so that nothing unknown could explain the change, it must be caught.
 */
#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "linear/make.h"

namespace linear {

namespace {

using Operations = std::vector<Operation>;
using Place = std::function<bool(const Operation &)>;

class Mutator {
public:
    Mutator(History &history, uint64_t seed)
            : history_(history), ops_(history.operations), dice_(seed)
    {
    }

    Operation *pick(const Place &fits)
    {
        std::vector<Operation *> found;
        for (Operation &op : ops_) {
            if (fits(op))
                found.push_back(&op);
        }
        return found.empty() ? nullptr : found[dice_() % found.size()];
    }

    /* The accepted release of this grant. */
    Operation *release_of(const Operation &grant)
    {
        for (Operation &op : ops_) {
            if (op.kind == Kind::release && op.result == Result::ok &&
                    op.lock == grant.lock && op.token == grant.token &&
                    op.session == grant.session && op.call > grant.call)
                return &op;
        }
        return nullptr;
    }

    /* A grant that was released long after it was made. */
    Operation *released(bool exclusive = true)
    {
        return pick([&](const Operation &op) {
            return op.is_grant() && !(exclusive && op.shared) && release_of(op) &&
                   release_of(op)->call > op.ret + 4;
        });
    }

    Operation stranger(const Operation &near) const
    {
        Operation op = near;
        op.proc = 1u << 30;
        op.session = 1u << 30;
        op.line = static_cast<uint32_t>(ops_.size() + 2);
        op.token = std::nullopt;
        op.deadline = std::nullopt;
        op.permits = 1;
        op.shared = false;
        return op;
    }

    /* Two grants of which one returned before the other was called. */
    std::pair<Operation *, Operation *> apart()
    {
        Operation *first =
                pick([](const Operation &op) { return op.is_grant() && !op.shared; });
        Operation *second = !first ? nullptr : pick([&](const Operation &op) {
            return op.is_grant() && op.call > first->ret && op.lock == first->lock;
        });
        return {first, second};
    }

    bool swap_tokens()
    {
        auto [first, second] = apart();
        if (second)
            std::swap(first->token, second->token);
        return second != nullptr;
    }

    bool repeat_token()
    {
        auto [first, second] = apart();
        if (second)
            second->token = first->token;
        return second != nullptr;
    }

    bool grant_while_held()
    {
        Operation *grant = released();
        if (!grant)
            return false;
        Operation op = stranger(*grant);
        op.kind = Kind::attempt;
        op.token = *grant->token + 1000000;
        op.permits = history_.locks[0].model == Model::semaphore
                             ? static_cast<uint32_t>(history_.locks[0].permits)
                             : 1;
        op.call = grant->ret + 1;
        op.ret = grant->ret + 2;
        ops_.push_back(op);
        return true;
    }

    bool reader_with_writer()
    {
        bool done = grant_while_held();
        if (done)
            ops_.back().shared = true;
        return done;
    }

    /* A release that is answered well, again. */
    bool release_twice()
    {
        Operation *grant = released(false);
        if (!grant)
            return false;
        Operation op = *release_of(*grant);
        op.proc = 1u << 30;
        op.call = op.ret + 1;
        op.ret = op.call + 1;
        ops_.push_back(op);
        return true;
    }

    bool lose_release()
    {
        Operation *grant = released();
        if (!grant)
            return false;
        Operation *release = release_of(*grant);
        release->result = Result::not_owner;
        return true;
    }

    bool stale_renew()
    {
        bool done = release_twice();
        if (done)
            ops_.back().kind = Kind::renew;
        return done;
    }

    bool wrong_holder()
    {
        return look([](Operation &op) { op.holder = 1u << 30; });
    }

    bool free_though_held()
    {
        return look([](Operation &op) { op.holder = std::nullopt; });
    }

    bool wrong_count()
    {
        return look([](Operation &op) {
            op.holder_said = false;
            op.used = 0;
        });
    }

    bool wrong_token_seen()
    {
        return look([](Operation &op) {
            op.holder = op.session;
            op.token = *op.token + 1000000;
        });
    }

    bool look(const std::function<void(Operation &)> &spoil)
    {
        Operation *grant = released();
        if (!grant)
            return false;
        Operation op = *grant;
        op.proc = 1u << 30;
        op.kind = Kind::query;
        op.holder_said = true;
        op.deadline = std::nullopt;
        op.call = grant->ret + 1;
        op.ret = grant->ret + 2;
        spoil(op);
        op.session = std::nullopt;
        ops_.push_back(op);
        return true;
    }

    bool timeout_that_held()
    {
        Operation *grant = released(false);
        if (!grant || grant->kind != Kind::acquire)
            return false;
        grant->result = Result::timeout;
        grant->token = std::nullopt;
        return true;
    }

    bool early_expiry()
    {
        Operation *grant = pick([&](const Operation &op) {
            return op.is_grant() && op.deadline && release_of(op) &&
                   release_of(op)->call < *op.deadline;
        });
        if (!grant)
            return false;
        Operation *release = release_of(*grant);
        release->result = history_.defaults.ttl ? Result::not_owner : Result::expired;
        return true;
    }

    /* What was said of a session after it was over. */
    bool dead_session()
    {
        Operation *close = pick([](const Operation &op) {
            return op.kind == Kind::close && op.result == Result::ok;
        });
        if (!close)
            return false;
        Operation op = *close;
        op.proc = 1u << 30;
        op.kind = Kind::keepalive;
        op.call = close->ret + 1;
        op.ret = close->ret + 2;
        ops_.push_back(op);
        return true;
    }

    bool long_deadline()
    {
        Operation *grant =
                pick([](const Operation &op) { return op.is_grant() && op.deadline; });
        if (grant)
            grant->deadline = *grant->deadline + 10000000;
        return grant != nullptr;
    }

    /* The lock is free and was for long; and yet. */
    bool held_though_free()
    {
        int64_t last = 0;
        std::erase_if(ops_, [](const Operation &op) {
            return op.result == Result::info || op.result == Result::expired;
        });
        for (const Operation &op : ops_) {
            if (op.is_grant() && !release_of(op))
                return false;
            last = std::max(last, op.ret);
        }
        Operation op = stranger(ops_[0]);
        op.kind = Kind::attempt;
        op.lock = 0;
        op.result = Result::held;
        op.ttl = std::nullopt;
        op.call = last + 10;
        op.ret = last + 20;
        ops_.push_back(op);
        return true;
    }

    bool unfair()
    {
        auto [first, second] = apart();
        if (!second)
            return false;
        for (Lock &lock : history_.locks)
            lock.fifo = true;
        second->queued = std::nullopt;
        first->queued = first->call;
        std::swap(first->token, second->token);
        return true;
    }

    bool token_of_another_lock()
    {
        Operation *first =
                pick([](const Operation &op) { return op.is_grant() && op.lock == 0; });
        Operation *second =
                pick([](const Operation &op) { return op.is_grant() && op.lock == 1; });
        if (!first || !second)
            return false;
        second->token = first->token;
        return true;
    }

private:
    History &history_;
    Operations &ops_;
    std::mt19937_64 dice_;
};

using How = bool (Mutator::*)();

const std::map<std::string, How> &ways()
{
    static const std::map<std::string, How> all = {{"swap-tokens", &Mutator::swap_tokens},
            {"repeat-token", &Mutator::repeat_token},
            {"grant-while-held", &Mutator::grant_while_held},
            {"reader-with-writer", &Mutator::reader_with_writer},
            {"release-twice", &Mutator::release_twice},
            {"lose-release", &Mutator::lose_release},
            {"stale-renew", &Mutator::stale_renew},
            {"wrong-holder", &Mutator::wrong_holder},
            {"free-though-held", &Mutator::free_though_held},
            {"wrong-count", &Mutator::wrong_count},
            {"wrong-token-seen", &Mutator::wrong_token_seen},
            {"timeout-that-held", &Mutator::timeout_that_held},
            {"early-expiry", &Mutator::early_expiry},
            {"dead-session", &Mutator::dead_session},
            {"long-deadline", &Mutator::long_deadline},
            {"held-though-free", &Mutator::held_though_free}, {"unfair", &Mutator::unfair},
            {"token-of-another-lock", &Mutator::token_of_another_lock}};
    return all;
}

} // namespace

std::vector<std::string> mutations()
{
    std::vector<std::string> names;
    for (const auto &[name, how] : ways())
        names.push_back(name);
    return names;
}

bool mutate(History &history, const std::string &how, uint64_t seed)
{
    Mutator mutator(history, seed);
    return (mutator.*ways().at(how))();
}

} // namespace linear
