#include "lockcheck/model/reference.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "lockcheck/history/session_lives.h"

namespace linear {

namespace {

struct Held {
    uint64_t session;
    uint64_t token; /* 0: unknown */
    uint32_t permits;
    bool shared;
    bool ghost;
    bool leased; /* By itself, not by the session */
    int64_t until;
    auto operator<=>(const Held &) const = default;
};

struct Life {
    int64_t until = INT64_MIN;
    bool over = false;
    auto operator<=>(const Life &) const = default;
};

struct World {
    uint32_t done = 0;
    int64_t time = INT64_MIN;
    uint64_t token = 0; /* The last that was given */
    std::vector<Held> holds;
    std::map<uint64_t, Life> lives;
    auto operator<=>(const World &) const = default;
};

class Reference {
public:
    Reference(const History &history, int32_t lock, int64_t drift_ppm)
            : history_(history), lock_(history.locks[static_cast<size_t>(lock)]),
              drift_ppm_(drift_ppm)
    {
        for (const Operation &op : history.operations) {
            if ((op.lock < 0 || op.lock == lock) && op.result != Result::fail && op.session)
                learn(op);
            else if (op.lock == lock && op.result == Result::ok)
                ops_.push_back(&op); /* A query without a session */
        }
        fenced_ = lock_.model != Model::mutex;
        capacity_ = lock_.model == Model::semaphore ? lock_.permits : 1;
        find_orphans();
    }

    Answer run()
    {
        if (ops_.size() > reference_operations_max)
            return Answer::too_long;
        World world;
        for (const Operation *op : ops_) {
            if (op->session)
                world.lives[*op->session] = Life{};
        }
        return explore(world) ? Answer::possible : Answer::impossible;
    }

private:
    /* It came to nothing, and may have taken effect before that was said. */
    static bool is_unheard(const Operation &op)
    {
        bool changes = op.kind == Kind::acquire || op.kind == Kind::attempt ||
                       op.kind == Kind::release || op.kind == Kind::close;
        return (changes && op.result == Result::expired) ||
               (op.kind == Kind::acquire && op.result == Result::timeout);
    }

    void learn(const Operation &op)
    {
        if (op.kind == Kind::open && op.ttl)
            ttls_[*op.session] = *op.ttl;
        bool info = op.result == Result::info;
        bool waits = op.lock >= 0 && (op.kind == Kind::acquire || op.kind == Kind::attempt);
        if (op.result == Result::timeout || (waits && info))
            waiters_.push_back(&op);
        bool idle = info && (op.kind == Kind::open || op.kind == Kind::keepalive ||
                                    op.kind == Kind::renew || op.kind == Kind::query);
        if (op.result != Result::timeout && !idle)
            ops_.push_back(&op);
        if (is_unheard(op)) {
            unheard_.push_back(op);
            unheard_.back().result = Result::info;
            ops_.push_back(&unheard_.back());
            bounded_.insert(&unheard_.back());
        }
        bool over = op.result == Result::expired ||
                    (op.kind == Kind::close && op.result == Result::ok);
        auto first = first_.emplace(*op.session, never).first;
        if (!over || op.ret >= first->second)
            return;
        first->second = op.ret;
        told_.erase(*op.session);
        if (op.result == Result::expired)
            told_.insert(*op.session);
    }

    void find_orphans()
    {
        /* A grant of an idempotent lock may be of a hold that an unknown acquire began. */
        for (const Operation *op : ops_) {
            if (lock_.idempotent && op->is_grant() && op->token)
                orphans_.insert({*op->session, *op->token});
        }
        for (const Operation *op : ops_) {
            bool saw = op->kind == Kind::query && op->holder && op->token;
            if (op->result != Result::ok || !op->token || !(op->presents() || saw))
                continue;
            uint64_t session = saw ? *op->holder : *op->session;
            bool given = std::any_of(ops_.begin(), ops_.end(), [&](const Operation *grant) {
                return grant->is_grant() && grant->session == Maybe<uint64_t>(session) &&
                       grant->token == op->token;
            });
            if (!given)
                orphans_.insert({session, *op->token});
            if (!given && saw)
                seen_tokens_.insert(*op->token);
            if (!given && !saw)
                presented_.insert(*op->token);
        }
    }

    /* The first return of what must still happen. */
    int64_t limit(const World &world) const
    {
        int64_t first = never;
        for (size_t i = 0; i < ops_.size(); i++) {
            if (!(world.done >> i & 1) && ops_[i]->result != Result::info)
                first = std::min(first, ops_[i]->ret);
        }
        for (const Held &hold : world.holds)
            first = hold.ghost ? std::min(first, hold.until) : first;
        return first;
    }

    bool is_complete(const World &world) const
    {
        for (size_t i = 0; i < ops_.size(); i++) {
            if (!(world.done >> i & 1) && ops_[i]->result != Result::info)
                return false;
        }
        return true;
    }

    bool explore(World world)
    {
        std::sort(world.holds.begin(), world.holds.end());
        if (is_complete(world))
            return true;
        if (!seen_.insert(world).second)
            return false;
        int64_t end = limit(world);
        for (size_t i = 0; i < ops_.size(); i++) {
            if (!(world.done >> i & 1) && ops_[i]->call <= end && attempt(world, i, end))
                return true;
        }
        return try_endings(world, end);
    }

    bool attempt(const World &world, size_t number, int64_t end)
    {
        const Operation &op = *ops_[number];
        World next = world;
        next.done |= 1u << number;
        next.time = std::max(world.time, op.call);
        if (next.time > end || (bounded_.count(&op) && next.time > op.ret))
            return false;
        if (op.result == Result::info)
            return try_unknown(next, op);
        if (op.result == Result::held && is_behind(next, op, end))
            return explore(next);
        return apply(next, op) && explore(next);
    }

    static void die(World &world, uint64_t session)
    {
        world.lives[session].over = true;
        std::erase_if(
                world.holds, [&](const Held &hold) { return hold.session == session; });
    }

    bool die_unknown(World &world, uint64_t session)
    {
        if (world.lives[session].over)
            return false;
        die(world, session);
        return explore(world);
    }

    bool try_unknown(const World &world, const Operation &op)
    {
        World next = world;
        if (op.kind == Kind::close)
            return die_unknown(next, *op.session);
        if (op.kind == Kind::release)
            return release(next, op) && explore(next);
        if (give(next, op, 0, true) && explore(next))
            return true;
        for (const auto &[session, token] : orphans_) {
            next = world;
            bool known = !bounded_.count(&op) ||
                         (seen_tokens_.count(token) && !presented_.count(token));
            if (known && session == *op.session && fenced_ && give(next, op, token, true) &&
                    explore(next))
                return true;
        }
        return false;
    }

    bool try_endings(const World &world, int64_t end)
    {
        for (size_t i = 0; i < world.holds.size(); i++) {
            const Held &hold = world.holds[i];
            World next = world;
            if (!hold.ghost && !hold.leased)
                continue;
            next.time = hold.ghost ? world.time : std::max(world.time, hold.until);
            next.holds.erase(next.holds.begin() + static_cast<ptrdiff_t>(i));
            if (next.time <= end && explore(next))
                return true;
        }
        for (const auto &[session, life] : world.lives) {
            bool can = ttls_.count(session) || told_.count(session);
            World next = world;
            next.time =
                    ttls_.count(session) ? std::max(world.time, life.until) : world.time;
            if (life.over || !can || next.time > end)
                continue;
            die(next, session);
            if (explore(next))
                return true;
        }
        return false;
    }

    bool fits(const World &world, uint32_t permits, bool shared) const
    {
        uint64_t used = permits;
        for (const Held &hold : world.holds) {
            bool both = lock_.model == Model::rwlock && hold.shared && shared;
            used += both ? 0 : hold.permits;
        }
        return used <= capacity_;
    }

    bool give(World &world, const Operation &op, uint64_t token, bool ghost) const
    {
        if (world.lives[*op.session].over)
            return false;
        bool anonymous = token == 0;
        if (fenced_ && !anonymous && token <= world.token && world.token != 0)
            return false;
        if (!fits(world, op.permits, op.shared))
            return false;
        if (!anonymous)
            world.token = token;
        Maybe<int64_t> ttl = op.ttl;
        if (!ttl && !ttls_.count(*op.session))
            ttl = lock_.ttl;
        if (ghost) {
            int64_t limit = bounded_.count(&op) ? op.ret : never;
            world.holds.push_back(
                    {*op.session, token, op.permits, op.shared, true, false, limit});
            return true;
        }
        int64_t until = ttl ? op.call + at_least(*ttl, drift_ppm_) : never;
        world.holds.push_back(
                {*op.session, token, op.permits, op.shared, false, bool(ttl), until});
        return true;
    }

    std::vector<Held>::iterator find(World &world, const Operation &op) const
    {
        return std::find_if(world.holds.begin(), world.holds.end(), [&](const Held &hold) {
            return hold.session == *op.session &&
                   (!fenced_ || hold.token == op.token.value_or(0));
        });
    }

    bool release(World &world, const Operation &op) const
    {
        auto hold = find(world, op);
        if (hold == world.holds.end())
            return false;
        world.holds.erase(hold);
        return true;
    }

    bool renew(World &world, const Operation &op) const
    {
        auto hold = find(world, op);
        if (hold == world.holds.end())
            return false;
        Maybe<int64_t> ttl = op.ttl;
        for (const Operation *grant : ops_) {
            if (!ttl && grant->is_grant() && grant->token == op.token &&
                    grant->session == op.session)
                ttl = grant->ttl;
        }
        if (!ttl)
            ttl = lock_.ttl;
        if (hold->leased && ttl)
            hold->until = std::max(hold->until, op.call + at_least(*ttl, drift_ppm_));
        return true;
    }

    /* It is told now, so it does not end in silence any longer. */
    bool enter_again(World &world, const Operation &op) const
    {
        auto hold = find(world, op);
        if (!hold->ghost)
            return renew(world, op);
        uint64_t last = world.token;
        world.holds.erase(hold);
        world.token = 0;
        bool given = give(world, op, op.token.value_or(0), false);
        world.token = last;
        return given;
    }

    /* A waiting request may be granted first. */
    bool is_behind(World &world, const Operation &op, int64_t end) const
    {
        if (world.holds.empty() || lock_.model == Model::mutex ||
                lock_.model == Model::fenced)
            return false;
        auto keeps_out = [&](const Operation &other, bool open) {
            bool class_ = lock_.model != Model::rwlock || (op.shared && !other.shared);
            return open && &other != &op && class_ && other.call <= end &&
                   (other.ret >= world.time || other.result == Result::info) &&
                   !fits(world, other.permits, other.shared);
        };
        for (const Operation *waiter : waiters_) {
            if (keeps_out(*waiter, true)) {
                world.time = std::max(world.time, waiter->call);
                return true;
            }
        }
        for (size_t i = 0; i < ops_.size(); i++) {
            if (keeps_out(*ops_[i], ops_[i]->is_grant() && !(world.done >> i & 1))) {
                world.time = std::max(world.time, ops_[i]->call);
                return true;
            }
        }
        return false;
    }

    bool shows(const World &world, const Operation &op) const
    {
        uint64_t used = 0;
        bool any = false;
        bool found = false;
        for (const Held &hold : world.holds) {
            used += lock_.model == Model::rwlock ? 1 : hold.permits;
            if (lock_.model == Model::rwlock && hold.shared)
                continue;
            any = true;
            bool token = !fenced_ || !op.token || hold.token == *op.token;
            found = found || (op.holder && hold.session == *op.holder && token);
        }
        if (op.used && *op.used != used)
            return false;
        return !op.holder_said || (op.holder ? found : !any);
    }

    bool accept(World &world, const Operation &op) const
    {
        Life &life = world.lives[*op.session];
        if (op.kind == Kind::close) {
            die(world, *op.session);
            return true;
        }
        if (life.over)
            return false;
        auto ttl = ttls_.find(*op.session);
        if (ttl != ttls_.end() && extends_session(history_, op))
            life.until = std::max(life.until, op.call + at_least(ttl->second, drift_ppm_));
        if (op.lock < 0)
            return true;
        if (op.kind == Kind::release)
            return release(world, op);
        if (op.kind == Kind::renew)
            return renew(world, op);
        if (lock_.idempotent && find(world, op) != world.holds.end())
            return enter_again(world, op);
        return give(world, op, op.token.value_or(0), false);
    }

    bool apply(World &world, const Operation &op) const
    {
        if (op.kind == Kind::query)
            return shows(world, op);
        switch (op.result) {
        case Result::ok:
            return accept(world, op);
        case Result::expired:
            return world.lives[*op.session].over;
        case Result::not_owner:
            return find(world, op) == world.holds.end();
        case Result::held:
            return !fits(world, op.permits, op.shared);
        case Result::timeout:
        case Result::fail:
        case Result::info:
            break;
        }
        return true;
    }

    const History &history_;
    const Lock &lock_;
    int64_t drift_ppm_;
    bool fenced_ = true;
    uint64_t capacity_ = 1;
    std::vector<const Operation *> ops_;
    /* What waits that ended without a grant may have done */
    std::deque<Operation> unheard_;
    std::set<const Operation *> bounded_;
    std::vector<const Operation *> waiters_;
    std::map<uint64_t, int64_t> ttls_;
    std::map<uint64_t, int64_t> first_; /* When a process was told that it is over */
    std::set<uint64_t> told_;           /* By "expired", and not because it was closed */
    std::set<std::pair<uint64_t, uint64_t>> orphans_;
    std::set<uint64_t> seen_tokens_; /* Of these, by a query */
    std::set<uint64_t> presented_;
    std::set<World> seen_;
};

} // namespace

Answer ask_reference(const History &history, int32_t lock, int64_t drift_ppm)
{
    return Reference(history, lock, drift_ppm).run();
}

} // namespace linear
