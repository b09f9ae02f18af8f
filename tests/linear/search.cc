#include "linear/search.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace linear {

namespace {

constexpr size_t configurations_max = 20000;

struct Hold {
    uint64_t session;
    uint64_t token;
    uint64_t permits;
    bool shared;
    int64_t ends; /* May end by itself from here on */
    auto operator<=>(const Hold &) const = default;
};

struct Configuration {
    std::vector<Hold> holds;
    uint32_t next_grant = 0;   /* In the order of tokens */
    int64_t floor = INT64_MIN; /* The last effect was not before */
    std::set<uint32_t> done;   /* Open operations that took effect */
    auto operator<=>(const Configuration &) const = default;
};

class Search {
public:
    Search(const History &history, const Lock &lock, const Rules &rules,
            const std::vector<const Operation *> &operations,
            const std::vector<const Operation *> &session_operations)
            : history_(history), lock_(lock), rules_(rules)
    {
        for (const Operation *op : session_operations)
            learn_session(*op);
        for (const Operation *op : operations)
            learn(op);
        grants_ = placed_;
        std::erase_if(grants_, [](const Operation *op) { return !op->is_grant(); });
        if (lock.model != Model::mutex)
            std::sort(grants_.begin(), grants_.end(),
                    [](auto *a, auto *b) { return *a->token < *b->token; });
        for (uint32_t i = 0; i < grants_.size(); i++)
            grant_number_[grants_[i]] = i;
    }

    Verdict run()
    {
        struct Moment {
            int64_t when;
            bool call;
            uint32_t op;
        };
        std::vector<Moment> moments;
        for (uint32_t i = 0; i < placed_.size(); i++) {
            moments.push_back({placed_[i]->call, true, i});
            moments.push_back({placed_[i]->ret, false, i});
        }
        std::sort(moments.begin(), moments.end(), [](const Moment &a, const Moment &b) {
            return a.when != b.when ? a.when < b.when : a.call > b.call;
        });
        std::set<Configuration> now = {Configuration{}};
        for (const Moment &moment : moments) {
            if (moment.call) {
                open_.insert(moment.op);
                now = settle_all(now);
                continue;
            }
            std::set<Configuration> next = finish(now, moment.op);
            if (overflow_)
                return {false, std::nullopt};
            if (next.empty())
                return {true, explain(moment.op)};
            open_.erase(moment.op);
            now = std::move(next);
        }
        return {true, std::nullopt};
    }

private:
    void learn_session(const Operation &op)
    {
        if (op.kind == Kind::open && op.ttl && op.session)
            ttls_[*op.session] = *op.ttl;
        bool may_close = op.kind == Kind::close && op.result != Result::fail;
        if (may_close && op.session)
            sooner(session_ends_, *op.session, op.call);
    }

    template <class Map> static void sooner(Map &map, uint64_t key, int64_t when)
    {
        auto [it, fresh] = map.emplace(key, when);
        if (!fresh)
            it->second = std::min(it->second, when);
    }

    void learn(const Operation *op)
    {
        bool unknown = op->result == Result::info;
        bool asks = op->kind == Kind::acquire || op->kind == Kind::attempt;
        bool ended = op->result == Result::timeout || op->result == Result::expired;
        if (asks && ended && op->session)
            short_ghosts_.push_back(op);
        if (op->result == Result::fail || op->result == Result::timeout)
            return;
        if (unknown && asks && op->session) {
            sooner(ghosts_, *op->session, op->call);
            first_ghost_ = std::min(first_ghost_, op->call);
        }
        if (unknown && op->kind == Kind::release && op->token)
            sooner(token_ends_, *op->token, op->call);
        if (unknown && op->kind == Kind::release && !op->token && op->session)
            sooner(session_ends_, *op->session, op->call);
        if (op->result == Result::expired && op->session)
            sooner(session_ends_, *op->session, op->call);
        if (!unknown)
            placed_.push_back(op);
    }

    int64_t lease_end(const Operation &op) const
    {
        std::optional<int64_t> ttl = op.ttl;
        if (!ttl && op.session) {
            auto it = ttls_.find(*op.session);
            if (it != ttls_.end())
                ttl = it->second;
        }
        if (!ttl)
            ttl = lock_.ttl ? lock_.ttl : history_.default_ttl;
        return ttl ? op.call + *ttl - *ttl / 1000000 * rules_.drift_ppm : never;
    }

    int64_t hold_end(const Operation &grant) const
    {
        int64_t end = lease_end(grant);
        if (grant.token) {
            auto it = token_ends_.find(*grant.token);
            if (it != token_ends_.end())
                end = std::min(end, it->second);
        }
        auto it = session_ends_.find(*grant.session);
        if (it != session_ends_.end() && it->second >= grant.call)
            end = std::min(end, it->second);
        return end;
    }

    bool conflicts(const Hold &hold, const Operation &grant) const
    {
        return lock_.model != Model::rwlock || !hold.shared || !grant.shared;
    }

    uint64_t capacity() const
    {
        return lock_.model == Model::semaphore ? lock_.permits : 1;
    }

    /* End holds that may have ended until `room` is there. False: there cannot be room. */
    bool make_room(Configuration &config, const Operation &grant) const
    {
        uint64_t used = 0;
        for (const Hold &hold : config.holds)
            used += conflicts(hold, grant) ? hold.permits : 0;
        std::sort(config.holds.begin(), config.holds.end(),
                [](const Hold &a, const Hold &b) { return a.ends < b.ends; });
        while (used + grant.permits > capacity()) {
            auto it = std::find_if(config.holds.begin(), config.holds.end(),
                    [&](const Hold &hold) { return conflicts(hold, grant); });
            if (it == config.holds.end() || it->ends > grant.ret)
                return false;
            config.floor = std::max(config.floor, it->ends);
            used -= it->permits;
            config.holds.erase(it);
        }
        return true;
    }

    std::vector<Hold>::iterator find_hold(Configuration &config, const Operation &op) const
    {
        return std::find_if(
                config.holds.begin(), config.holds.end(), [&](const Hold &hold) {
                    bool token = !op.token || lock_.model == Model::mutex ||
                                 hold.token == *op.token;
                    return token && hold.session == op.session;
                });
    }

    bool grant(Configuration &config, const Operation &op) const
    {
        auto same = find_hold(config, op);
        if (lock_.idempotent && same != config.holds.end()) {
            same->ends = hold_end(op);
        } else {
            if (!make_room(config, op))
                return false;
            config.holds.push_back({*op.session, op.token.value_or(0), op.permits,
                    op.shared, hold_end(op)});
            std::sort(config.holds.begin(), config.holds.end());
        }
        config.next_grant++;
        return true;
    }

    /* The hold must not be there: it can have ended by itself. */
    bool be_without(Configuration &config, const Operation &op) const
    {
        auto hold = find_hold(config, op);
        if (hold == config.holds.end())
            return true;
        if (hold->ends > op.ret)
            return false;
        config.floor = std::max(config.floor, hold->ends);
        config.holds.erase(hold);
        return true;
    }

    /* A wait that came to nothing may have been granted for a while before it returned. */
    bool has_short_ghost(const Operation &op, std::optional<uint64_t> session) const
    {
        return std::any_of(
                short_ghosts_.begin(), short_ghosts_.end(), [&](const Operation *ghost) {
                    return ghost != &op && ghost->call <= op.ret && op.call <= ghost->ret &&
                           (!session || ghost->session == session);
                });
    }

    bool query(Configuration &config, const Operation &op) const
    {
        if (!op.holder_said)
            return true;
        if (!op.holder) {
            for (const Hold &hold : config.holds) {
                if (hold.ends > op.ret)
                    return false;
                config.floor = std::max(config.floor, hold.ends);
            }
            config.holds.clear();
            return true;
        }
        for (const Hold &hold : config.holds) {
            if (hold.session == *op.holder && (!op.token || hold.token == *op.token))
                return true;
        }
        if (has_short_ghost(op, op.holder))
            return true;
        auto ghost = ghosts_.find(*op.holder);
        return ghost != ghosts_.end() && ghost->second <= op.ret;
    }

    /* Let the operation take effect now, if it can. */
    bool apply(Configuration &config, uint32_t number) const
    {
        const Operation &op = *placed_[number];
        if (config.floor > op.ret)
            return false;
        config.floor = std::max(config.floor, op.call);
        bool good = false;
        if (op.is_grant()) {
            auto order = grant_number_.find(&op);
            bool turn = lock_.model == Model::mutex || order->second == config.next_grant;
            good = turn && grant(config, op);
        } else if (op.result == Result::held) {
            good = !config.holds.empty() || first_ghost_ <= op.ret ||
                   has_short_ghost(op, std::nullopt);
        } else if (op.kind == Kind::query) {
            good = query(config, op);
        } else if (op.result == Result::not_owner || op.result == Result::expired) {
            good = be_without(config, op);
        } else {
            auto hold = find_hold(config, op);
            good = hold != config.holds.end();
            if (good && op.kind == Kind::release)
                config.holds.erase(hold);
            else if (good)
                hold->ends = std::max(hold->ends, lease_end(op));
        }
        if (good)
            config.done.insert(number);
        return good;
    }

    static bool changes_nothing(const Operation &op)
    {
        return op.result == Result::held ||
               (op.kind == Kind::query && op.holder_said && op.holder);
    }

    /* Do at once what can be done and changes nothing. */
    Configuration settle(Configuration config) const
    {
        for (uint32_t number : open_) {
            if (!changes_nothing(*placed_[number]) || config.done.count(number))
                continue;
            Configuration next = config;
            int64_t floor = config.floor;
            if (apply(next, number)) {
                next.floor = floor; /* Anywhere in its span: it binds nobody. */
                config = std::move(next);
            }
        }
        return config;
    }

    std::set<Configuration> settle_all(const std::set<Configuration> &from) const
    {
        std::set<Configuration> to;
        for (const Configuration &config : from)
            to.insert(settle(config));
        return to;
    }

    /* All ways on in which operation `wanted` has taken effect. */
    std::set<Configuration> finish(const std::set<Configuration> &from, uint32_t wanted)
    {
        std::set<Configuration> seen = from;
        std::vector<Configuration> todo(from.begin(), from.end());
        std::set<Configuration> finished;
        while (!todo.empty()) {
            Configuration config = std::move(todo.back());
            todo.pop_back();
            if (config.done.count(wanted)) {
                config.done.erase(wanted);
                finished.insert(std::move(config));
                continue;
            }
            for (uint32_t number : open_) {
                if (config.done.count(number))
                    continue;
                Configuration next = config;
                if (!apply(next, number))
                    continue;
                next = settle(std::move(next));
                if (seen.insert(next).second)
                    todo.push_back(std::move(next));
            }
            if (seen.size() > configurations_max) {
                overflow_ = true;
                break;
            }
        }
        return finished;
    }

    Violation explain(uint32_t wanted) const
    {
        Violation violation{
                "linearizability", "no order explains the operations on " + lock_.name, {}};
        for (uint32_t number : open_)
            violation.operations.push_back(placed_[number]);
        /* What went before it, the last few effects: enough to see why. */
        std::vector<const Operation *> before;
        for (const Operation *op : placed_) {
            if (op->ret <= placed_[wanted]->call)
                before.push_back(op);
        }
        std::sort(before.begin(), before.end(),
                [](auto *a, auto *b) { return a->ret > b->ret; });
        for (size_t i = 0; i < before.size() && i < 4; i++)
            violation.operations.push_back(before[i]);
        std::sort(violation.operations.begin(), violation.operations.end(),
                [](auto *a, auto *b) { return a->call < b->call; });
        return violation;
    }

    const History &history_;
    const Lock &lock_;
    const Rules &rules_;
    std::vector<const Operation *> placed_; /* Those that must have taken effect */
    std::vector<const Operation *> grants_;
    std::unordered_map<const Operation *, uint32_t> grant_number_;
    std::unordered_map<uint64_t, int64_t> ttls_;
    std::unordered_map<uint64_t, int64_t> token_ends_;
    std::unordered_map<uint64_t, int64_t> session_ends_;
    std::unordered_map<uint64_t, int64_t> ghosts_;
    int64_t first_ghost_ = never;
    std::vector<const Operation *> short_ghosts_;
    std::set<uint32_t> open_;
    bool overflow_ = false;
};

} // namespace

Verdict search(const History &history, int32_t lock, const Rules &rules,
        const std::vector<const Operation *> &operations,
        const std::vector<const Operation *> &session_operations)
{
    const Lock &about = history.locks[static_cast<size_t>(lock)];
    return Search(history, about, rules, operations, session_operations).run();
}

} // namespace linear
