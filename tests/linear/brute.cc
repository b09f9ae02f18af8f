#include "linear/brute.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace linear {

namespace {

constexpr size_t ways_max = 400000;

struct Lease {
    bool open = false;
    bool over = false;
    int64_t until = INT64_MIN; /* INT64_MIN: nothing keeps it from ending */
    auto operator<=>(const Lease &) const = default;
};

struct Holding {
    int32_t lock = 0;
    uint64_t session = 0;
    uint64_t token = 0; /* 0: was not told */
    uint32_t permits = 1;
    bool shared = false;
    bool told = false;     /* The client knows; else it may give it back at any time */
    int64_t until = never; /* Its own lease */
    int64_t grant_ttl = 0; /* 0: it has none of its own */
    int64_t back_by = never;
    auto operator<=>(const Holding &) const = default;
};

struct State {
    uint64_t done = 0; /* By operation */
    uint64_t late = 0; /* It took effect without being told */
    int64_t time = INT64_MIN;
    std::map<uint64_t, Lease> leases;
    std::vector<Holding> held;
    std::map<int32_t, uint64_t> tokens; /* The last that was given */
    auto operator<=>(const State &) const = default;
};

class Ways {
public:
    explicit Ways(const History &history) : history_(history)
    {
        for (const Operation &op : history.operations)
            learn(op);
    }

    Opinion run()
    {
        if (is_told_too_much() || ops_.size() > 60)
            return ops_.size() > 60 ? Opinion::unknown : Opinion::impossible;
        State state;
        for (const Operation &op : history_.operations) {
            if (op.session)
                state.leases[*op.session].open = !opened_.count(*op.session);
        }
        bool found = walk(state);
        if (!found && seen_.size() >= ways_max)
            return Opinion::unknown;
        return found ? Opinion::possible : Opinion::impossible;
    }

private:
    void learn(const Operation &op)
    {
        if (op.result == Result::fail)
            return;
        ops_.push_back(&op);
        if (op.kind == Kind::open && op.session) {
            if (op.result == Result::ok)
                opened_.insert(*op.session);
            if (op.ttl)
                ttls_[*op.session] = *op.ttl;
        }
        if (op.result == Result::expired)
            told_over_.insert(*op.session);
        if (op.token && op.result == Result::ok) {
            if (op.is_grant())
                granted_.insert({op.lock, *op.session, *op.token});
            if (op.presents() && op.kind != Kind::query)
                presented_.insert({op.lock, *op.session, *op.token});
            if (op.kind == Kind::query && op.holder)
                seen_tokens_.insert({op.lock, *op.holder, *op.token});
        }
    }

    /* What a client was told of its lease: no order changes that. */
    bool is_told_too_much() const
    {
        std::map<uint64_t, int> opens;
        for (const Operation *op : ops_) {
            if (op->kind == Kind::open && op->result == Result::ok && op->session &&
                    ++opens[*op->session] > 1)
                return true;
        }
        return false;
    }

    const Lock &lock(const Operation &op) const
    {
        return history_.locks[static_cast<size_t>(op.lock)];
    }

    bool fenced(const Operation &op) const
    {
        return lock(op).model != Model::mutex;
    }

    bool is_left(const State &state, size_t i) const
    {
        return (state.done >> i & 1) == 0;
    }

    /* By then the next thing has to happen. */
    int64_t bound(const State &state) const
    {
        int64_t first = never;
        for (size_t i = 0; i < ops_.size(); i++) {
            if (is_left(state, i) && ops_[i]->result != Result::info)
                first = std::min(first, ops_[i]->ret);
        }
        for (const Holding &held : state.held)
            first = std::min(first, held.back_by);
        return first;
    }

    bool is_end(const State &state) const
    {
        for (size_t i = 0; i < ops_.size(); i++) {
            if (is_left(state, i) && ops_[i]->result != Result::info)
                return false;
        }
        return true;
    }

    bool walk(State state)
    {
        std::sort(state.held.begin(), state.held.end());
        if (is_end(state))
            return true;
        if (seen_.size() >= ways_max || !seen_.insert(state).second)
            return false;
        int64_t last = bound(state);
        for (size_t i = 0; i < ops_.size(); i++) {
            if (is_left(state, i) && std::max(state.time, ops_[i]->call) <= last &&
                    (happen(state, i) || happen_late(state, i, last)))
                return true;
        }
        return give_back(state, last) || expire(state, last);
    }

    /* What the client does not know of may go; what has a lease may run out. */
    bool give_back(const State &state, int64_t last)
    {
        for (size_t i = 0; i < state.held.size(); i++) {
            const Holding &held = state.held[i];
            int64_t when = held.told ? std::max(state.time, held.until) : state.time;
            if ((held.told && held.until == never) || when > last)
                continue;
            State next = state;
            next.time = when;
            next.held.erase(next.held.begin() + static_cast<ptrdiff_t>(i));
            if (walk(next))
                return true;
        }
        return false;
    }

    bool expire(const State &state, int64_t last)
    {
        for (const auto &[id, lease] : state.leases) {
            bool can = ttls_.count(id) || told_over_.count(id);
            int64_t when = std::max(state.time, lease.until);
            if (lease.over || !lease.open || !can || when > last)
                continue;
            State next = state;
            next.time = when;
            end(next, id);
            if (walk(next))
                return true;
        }
        return false;
    }

    static void end(State &state, uint64_t session)
    {
        state.leases[session].over = true;
        std::erase_if(state.held,
                [&](const Holding &held) { return held.session == session; });
    }

    bool happen(const State &state, size_t i)
    {
        const Operation &op = *ops_[i];
        State next = state;
        next.done |= uint64_t{1} << i;
        next.time = std::max(state.time, op.call);
        if (op.result == Result::info)
            return happen_unknown(next, op);
        if (op.kind == Kind::query)
            return is_seen(next, op) && walk(next);
        switch (op.result) {
        case Result::ok:
            return accept(next, op, op.token.value_or(0), true) && walk(next);
        case Result::expired:
            return next.leases.at(*op.session).over && walk(next);
        case Result::timeout:
            return walk(next);
        case Result::held:
            return (!has_room(next, op) || is_behind(next, op)) && walk(next);
        case Result::not_owner:
            return find(next, op) == next.held.end() && walk(next);
        case Result::fail:
        case Result::info:
            break;
        }
        return false;
    }

    /*
     * It came to nothing; but before that was said it may have taken effect without the
     * client's knowledge: it may have held, or given back, or ended its session.
     */
    static bool may_be_late(const Operation &op)
    {
        bool asks = op.kind == Kind::acquire || op.kind == Kind::attempt;
        bool ends = op.kind == Kind::release || op.kind == Kind::close;
        return (op.result == Result::timeout) ||
               (op.result == Result::expired && (asks || ends));
    }

    bool happen_late(const State &state, size_t i, int64_t last)
    {
        const Operation &op = *ops_[i];
        if ((state.late >> i & 1) != 0 || !may_be_late(op))
            return false;
        for (uint64_t token : tokens_for(op, true)) {
            State next = state;
            next.late |= uint64_t{1} << i;
            next.time = std::max(state.time, op.call);
            if (next.time > std::min(last, op.ret))
                return false;
            size_t before = next.held.size();
            if (!accept(next, op, op.presents() ? op.token.value_or(0) : token, false))
                continue;
            if (next.held.size() > before)
                next.held.back().back_by = op.ret;
            if (walk(next))
                return true;
        }
        return false;
    }

    std::vector<uint64_t> tokens_for(const Operation &op, bool seen_only) const
    {
        std::vector<uint64_t> some = {0};
        for (const auto &[where, session, token] : seen_only ? seen_tokens_ : presented_) {
            bool both = !seen_only || !presented_.count({where, session, token});
            if (where == op.lock && session == *op.session && both)
                some.push_back(token);
        }
        for (const auto &[where, session, token] : granted_) {
            if (where == op.lock && session == *op.session && !seen_only &&
                    lock(op).idempotent)
                some.push_back(token);
        }
        if (!seen_only) {
            for (const auto &[where, session, token] : seen_tokens_)
                if (where == op.lock && session == *op.session)
                    some.push_back(token);
        }
        return some;
    }

    bool happen_unknown(const State &next, const Operation &op)
    {
        if (op.kind == Kind::query || !op.session)
            return false;
        bool asks = op.kind == Kind::acquire || op.kind == Kind::attempt;
        std::vector<uint64_t> tokens = {op.token.value_or(0)};
        if (asks && fenced(op))
            tokens = tokens_for(op, false);
        for (uint64_t token : tokens) {
            State state = next;
            if (accept(state, op, token, false) && walk(state))
                return true;
        }
        return false;
    }

    void extend(State &state, const Operation &op) const
    {
        bool extends = op.kind == Kind::open || op.kind == Kind::keepalive ||
                       history_.commands_renew;
        auto ttl = ttls_.find(*op.session);
        int64_t &until = state.leases[*op.session].until;
        if (extends && ttl != ttls_.end() && op.result == Result::ok)
            until = std::max(until, op.call + ttl->second);
    }

    bool accept(State &state, const Operation &op, uint64_t token, bool told) const
    {
        Lease &lease = state.leases[*op.session];
        if (op.kind == Kind::open) {
            if (lease.over || (lease.open && told))
                return false;
            lease.open = true;
            extend(state, op);
            return true;
        }
        if (!lease.open)
            return false;
        if (lease.over)
            return false;
        if (op.kind == Kind::close) {
            end(state, *op.session);
            return true;
        }
        extend(state, op);
        if (op.lock < 0)
            return true;
        auto own = find(state, op);
        if (op.kind == Kind::release) {
            if (own == state.held.end())
                return false;
            state.held.erase(own);
            return true;
        }
        if (op.kind == Kind::renew)
            return own != state.held.end() && (renew(*own, op), true);
        if (lock(op).idempotent && again(state, op, told))
            return true;
        return grant(state, op, token, told);
    }

    /* Of an idempotent lock: its holder has it, and is told so. */
    bool again(State &state, const Operation &op, bool told) const
    {
        for (Holding &held : state.held) {
            if (held.lock != op.lock || held.session != *op.session)
                continue;
            if (told && fenced(op) && held.token != op.token.value_or(0))
                continue;
            if (told)
                renew(held, op);
            held.told = held.told || told;
            held.back_by = told ? never : held.back_by;
            return true;
        }
        return false;
    }

    void renew(Holding &held, const Operation &op) const
    {
        int64_t ttl = op.ttl            ? *op.ttl
                      : held.grant_ttl  ? held.grant_ttl
                                        : lock(op).ttl.value_or(0);
        if (held.until != never && op.result == Result::ok)
            held.until = std::max(held.until, op.call + ttl);
    }

    bool grant(State &state, const Operation &op, uint64_t token, bool told) const
    {
        if (!has_room(state, op))
            return false;
        uint64_t &last = state.tokens[op.lock];
        if (fenced(op) && token != 0 && token <= last)
            return false;
        last = std::max(last, token);
        Holding held{op.lock, *op.session, token, op.permits, op.shared, told, never, 0, never};
        int64_t ttl = op.ttl ? *op.ttl : 0;
        if (ttl == 0 && !ttls_.count(*op.session))
            ttl = lock(op).ttl.value_or(0);
        held.grant_ttl = op.ttl.value_or(0);
        if (ttl != 0)
            held.until = op.call + ttl;
        state.held.push_back(held);
        return true;
    }

    std::vector<Holding>::iterator find(State &state, const Operation &op) const
    {
        return std::find_if(state.held.begin(), state.held.end(), [&](const Holding &held) {
            return held.lock == op.lock && held.session == *op.session &&
                   (!fenced(op) || held.token == op.token.value_or(0));
        });
    }

    bool has_room(const State &state, const Operation &op) const
    {
        uint64_t used = op.permits;
        for (const Holding &held : state.held) {
            if (held.lock == op.lock && !(held.shared && op.shared))
                used += held.permits;
        }
        return used <= (lock(op).model == Model::semaphore ? lock(op).permits : 1);
    }

    /* Another that waits may be first, where some fit and others do not. */
    bool is_behind(State &state, const Operation &op) const
    {
        Model model = lock(op).model;
        bool busy = std::any_of(state.held.begin(), state.held.end(),
                [&](const Holding &held) { return held.lock == op.lock; });
        if (!busy || model == Model::mutex || model == Model::fenced)
            return false;
        for (size_t i = 0; i < ops_.size(); i++) {
            const Operation &other = *ops_[i];
            bool waits = other.kind == Kind::acquire || other.kind == Kind::attempt;
            bool may = other.result == Result::timeout || other.result == Result::info ||
                       (other.result == Result::ok && is_left(state, i));
            bool class_ = model == Model::semaphore || (op.shared && !other.shared);
            int64_t when = std::max(state.time, other.call);
            int64_t last = std::min(bound(state), op.ret);
            if (&other != &op && other.lock == op.lock && waits && may && class_ &&
                    (other.ret >= state.time || other.result == Result::info) &&
                    when <= last && !has_room(state, other)) {
                state.time = when;
                return true;
            }
        }
        return false;
    }

    bool is_seen(const State &state, const Operation &op) const
    {
        uint64_t used = 0;
        bool any = false;
        bool that = false;
        for (const Holding &held : state.held) {
            if (held.lock != op.lock)
                continue;
            used += lock(op).model == Model::rwlock ? 1 : held.permits;
            if (held.shared)
                continue;
            any = true;
            bool token = !fenced(op) || !op.token || held.token == *op.token;
            that = that || (op.holder && held.session == *op.holder && token);
        }
        if (op.used && *op.used != used)
            return false;
        return !op.holder_said || (op.holder ? that : !any);
    }

    const History &history_;
    std::vector<const Operation *> ops_;
    std::set<uint64_t> opened_;
    std::set<uint64_t> told_over_;
    std::map<uint64_t, int64_t> ttls_;
    std::set<std::tuple<int32_t, uint64_t, uint64_t>> granted_;
    std::set<std::tuple<int32_t, uint64_t, uint64_t>> presented_;
    std::set<std::tuple<int32_t, uint64_t, uint64_t>> seen_tokens_;
    std::set<State> seen_;
};

} // namespace

Opinion try_all_ways(const History &history)
{
    return Ways(history).run();
}

} // namespace linear
