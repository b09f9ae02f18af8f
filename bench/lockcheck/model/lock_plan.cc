#include "lockcheck/model/lock_plan.h"

#include <algorithm>
#include <map>
#include <set>

namespace linear {

namespace {

using Operations = std::vector<const Operation *>;
using Key = std::pair<uint64_t, uint64_t>; /* Session, token */

class Planner {
public:
    Planner(const Lock &lock, const Operations &operations, const Sessions &sessions,
            int64_t drift_ppm)
            : lock_(lock), operations_(operations), sessions_(sessions),
              drift_ppm_(drift_ppm)
    {
        plan_.lock = &lock;
        plan_.ordered = lock.model != Model::mutex;
        plan_.capacity = lock.model == Model::semaphore ? lock.permits : 1;
    }

    Plan run()
    {
        add_grants();
        if (plan_.ordered)
            promote_ghosts();
        sort_holds();
        for (const Operation *op : operations_)
            add_step(op);
        if (!plan_.ordered)
            match_releases();
        for (Hold &hold : plan_.holds)
            finish_hold(hold);
        add_deaths();
        name_ghosts();
        /* Where a session may be given again what it holds, holds have no order. */
        if (!plan_.ordered && !lock_.idempotent)
            find_turns();
        return std::move(plan_);
    }

private:
    void add_hold(const Operation *op, uint64_t token, bool ghost)
    {
        Hold hold;
        hold.op = op;
        hold.session = *op->session;
        hold.token = token;
        hold.permits = op->permits;
        hold.shared = op->shared;
        hold.ghost = ghost;
        hold.until = sessions_.of(*op).latest;
        hold.late = op->call > hold.until;
        plan_.holds.push_back(hold);
    }

    /*
     * With an idempotent lock one hold can have several grants: it began in one of them,
     * between the first call and the first return, and was there in each.
     */
    void add_grants()
    {
        std::map<Key, size_t> first;
        for (const Operation *op : operations_) {
            if (!op->is_grant())
                continue;
            Step step{op, op->call, op->ret, *op->session, no_hold, Does::grant};
            if (lock_.idempotent && plan_.ordered) {
                auto [it, fresh] =
                        first.emplace(Key{*op->session, *op->token}, plan_.steps.size());
                if (!fresh) {
                    Step &grant = plan_.steps[it->second];
                    grant.call = std::min(grant.call, op->call);
                    grant.ret = std::min(grant.ret, op->ret);
                    again_.push_back(op);
                    continue;
                }
            }
            add_hold(op, op->token.value_or(0), false);
            if (lock_.idempotent && plan_.ordered)
                step.call = std::min(step.call, first_unknown(*op->session));
            plan_.steps.push_back(step);
        }
    }

    /*
     * With an idempotent lock, the first grant that is known can be of a hold that an
     * acquire without an answer began.
     */
    int64_t first_unknown(uint64_t session)
    {
        if (unknown_.empty()) {
            for (const Operation *op : operations_) {
                if (!is_ghost(*op))
                    continue;
                int64_t &first = unknown_.emplace(*op->session, never).first->second;
                first = std::min(first, op->call);
            }
            unknown_.emplace(UINT64_MAX, never); /* It is made, though empty. */
        }
        auto it = unknown_.find(session);
        return it == unknown_.end() ? never : it->second;
    }

    /* Tokens that a process presented with success or saw, and that no known grant gave. */
    std::map<Key, const Operation *> orphans() const
    {
        std::set<Key> given;
        for (const Hold &hold : plan_.holds)
            given.insert({hold.session, hold.token});
        std::map<Key, const Operation *> found;
        for (const Operation *op : operations_) {
            bool saw = op->kind == Kind::query && op->holder && op->token;
            if (op->result != Result::ok || !op->token || !(op->presents() || saw))
                continue;
            Key key{saw ? *op->holder : *op->session, *op->token};
            if (!given.count(key))
                found.emplace(key, op);
        }
        return found;
    }

    /*
     * By token: until when it must have been given, since it or a greater one was told or
     * seen.
     */
    std::map<uint64_t, int64_t> latest_grants() const
    {
        std::map<uint64_t, int64_t> latest;
        for (const Operation *op : operations_) {
            if (op->result != Result::ok || !op->token)
                continue;
            int64_t &ret = latest.emplace(*op->token, never).first->second;
            ret = std::min(ret, op->ret);
        }
        int64_t ret = never;
        for (auto it = latest.rbegin(); it != latest.rend(); ++it) {
            ret = std::min(ret, it->second);
            it->second = ret;
        }
        return latest;
    }

    static int64_t first_call(const Operations &operations)
    {
        int64_t first = never;
        for (const Operation *op : operations)
            first = std::min(first, op->call);
        return first;
    }

    void promote_ghosts()
    {
        std::map<Key, const Operation *> wanted = orphans();
        if (wanted.empty())
            return;
        std::map<uint64_t, std::vector<const Operation *>> ghosts;
        for (const Operation *op : operations_) {
            if (may_have_held(*op) && op->call <= sessions_.of(*op).latest)
                ghosts[*op->session].push_back(op);
        }
        for (auto &[session, own] : ghosts)
            std::sort(own.begin(), own.end(),
                    [](auto *a, auto *b) { return a->call < b->call; });
        std::map<uint64_t, int64_t> latest = latest_grants();
        for (const auto &[key, seen] : wanted) {
            int64_t bound = latest.at(key.second);
            const Operations &all = ghosts[key.first];
            Operations own = all;
            std::erase_if(own, [this, bound, about = seen](const Operation *op) {
                bool unheard = about->kind == Kind::query && about->call <= op->ret;
                return op->call > bound || promoted_.count(op) ||
                       !(is_ghost(*op) || unheard);
            });
            /* A session that was seen to hold is a writer. */
            bool writer = lock_.model == Model::rwlock && seen->kind == Kind::query;
            if (writer)
                std::stable_partition(
                        own.begin(), own.end(), [](auto *op) { return op->shared; });
            if (writer && !own.empty() && own.back()->shared)
                continue;
            if (own.empty())
                continue;
            /*
             * The last of them is used up, since an earlier one explains whatever it could.
             * But it may have been any, so the hold may begin from the first call on.
             */
            const Operation *op = own.back();
            add_hold(op, key.second, true);
            /* It is unknown which of several it was: use the one that wanted least. */
            Hold &hold = plan_.holds.back();
            for (const Operation *other : own)
                hold.shared = hold.shared || (other->shared && !writer);
            for (const Operation *other : all)
                hold.permits = std::min(hold.permits, other->permits);
            promoted_.insert(op);
            bool sure = std::all_of(own.begin(), own.end(), [&](const Operation *other) {
                return other->shared == op->shared && other->permits == op->permits;
            });
            if (!sure)
                doubtful_.insert(op);
            int64_t ret = is_ghost(*op) ? never : op->ret;
            plan_.steps.push_back(
                    {op, first_call(own), ret, key.first, no_hold, Does::grant});
        }
    }

    static bool is_ghost(const Operation &op)
    {
        bool asks = op.kind == Kind::acquire || op.kind == Kind::attempt;
        return asks && op.result == Result::info && op.session;
    }

    /*
     * An acquire that came to nothing may have held, without an answer, until it returned.
     */
    static bool may_have_held(const Operation &op)
    {
        bool waits = op.kind == Kind::acquire;
        bool nothing =
                (waits && op.result == Result::timeout) ||
                ((waits || op.kind == Kind::attempt) && op.result == Result::expired);
        return is_ghost(op) || (nothing && op.session);
    }

    /* Holds and their grants' steps are in the same order so far. */
    void sort_holds()
    {
        std::vector<uint32_t> order(plan_.holds.size());
        for (uint32_t i = 0; i < order.size(); i++)
            order[i] = i;
        const std::vector<Hold> &holds = plan_.holds;
        std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
            return plan_.ordered && holds[a].token != holds[b].token
                           ? holds[a].token < holds[b].token
                           : holds[a].op->call < holds[b].op->call;
        });
        std::vector<Hold> sorted(order.size());
        for (uint32_t i = 0; i < order.size(); i++) {
            sorted[i] = holds[order[i]];
            if (plan_.ordered && i > 0 && sorted[i].token == sorted[i - 1].token)
                sorted[i].late = true; /* A token is given once. */
            plan_.steps[order[i]].hold = i;
            by_key_.emplace(Key{sorted[i].session, sorted[i].token}, i);
        }
        plan_.holds = std::move(sorted);
        grants_ = static_cast<uint32_t>(plan_.holds.size());
        for (const Operation *op : again_)
            add(op, Does::renew, find(*op));
    }

    uint32_t find(const Operation &op) const
    {
        if (!plan_.ordered || !op.token)
            return no_hold;
        auto it = by_key_.find({*op.session, *op.token});
        return it == by_key_.end() ? no_hold : it->second;
    }

    void add(const Operation *op, Does does, uint32_t hold)
    {
        plan_.steps.push_back({op, op->call, op->ret, op->session.value_or(0), hold, does});
    }

    void add_step(const Operation *op)
    {
        Ghost ghost = may_have_held(*op) ? ghost_of(*op) : Ghost{};
        /* One that was called after its session's end never held. */
        if (ghost.op && ghost.call <= ghost.until &&
                (!promoted_.count(op) || doubtful_.count(op)))
            plan_.ghosts.push_back(ghost);
        switch (op->result) {
        case Result::fail:
            break;
        case Result::expired:
            add_unheard_release(op);
            break;
        case Result::timeout:
            plan_.waiters.push_back({op->call, op->ret, op->permits, op->shared});
            break;
        case Result::info:
            add_unknown(op);
            break;
        case Result::held:
            add(op, Does::held, no_hold);
            break;
        case Result::not_owner:
            if (!plan_.ordered || find(*op) != no_hold)
                add(op, Does::absent, find(*op));
            break;
        case Result::ok:
            if (op->kind == Kind::query)
                add(op, Does::query, no_hold);
            else if (op->presents())
                add_accepted(op);
            break;
        }
    }

    void add_unknown(const Operation *op)
    {
        if (is_ghost(*op))
            plan_.waiters.push_back({op->call, never, op->permits, op->shared});
        add_unheard_release(op);
    }

    /* No answer that says so, and yet it may have taken effect. */
    void add_unheard_release(const Operation *op)
    {
        if (op->kind != Kind::release || !op->session)
            return;
        uint32_t hold = find(*op);
        if (hold != no_hold)
            plan_.holds[hold].alone = std::min(plan_.holds[hold].alone, op->call);
        if (!plan_.ordered)
            plan_.ghost_releases.push_back(ghost_of(*op));
    }

    Ghost ghost_of(const Operation &op) const
    {
        Ghost ghost;
        ghost.op = &op;
        ghost.session = *op.session;
        ghost.permits = op.permits;
        ghost.shared = op.shared;
        ghost.call = op.call;
        ghost.until = sessions_.of(op).latest;
        if (op.result != Result::info)
            ghost.until = std::min(ghost.until, op.ret);
        return ghost;
    }

    void add_accepted(const Operation *op)
    {
        uint32_t hold = find(*op);
        if (op->kind == Kind::renew) {
            add(op, Does::renew, hold);
            if (hold != no_hold)
                plan_.holds[hold].renewed = std::max(plan_.holds[hold].renewed, op->call);
            return;
        }
        /* A second release of one hold can never take effect. */
        bool again = hold != no_hold && plan_.holds[hold].must;
        add(op, Does::release, again ? no_hold : hold);
        if (hold != no_hold)
            plan_.holds[hold].must = true;
    }

    void look_for_overlaps()
    {
        Operations by_call = operations_;
        std::stable_sort(by_call.begin(), by_call.end(),
                [](auto *a, auto *b) { return a->call < b->call; });
        std::map<uint64_t, int64_t> busy;
        for (const Operation *op : by_call) {
            if (!op->session || op->result == Result::fail || op->kind == Kind::query)
                continue;
            auto [it, fresh] = busy.emplace(*op->session, INT64_MIN);
            plan_.vague = plan_.vague || op->call <= it->second;
            it->second = std::max(it->second, op->ret);
        }
    }

    /*
     * Without tokens: a grant that is followed by an accepted release, in a session that
     * did one thing after the other and of which no acquire is unknown, was ended by it.
     * "One thing after the other" includes what came after the release: had it begun before
     * the release returned, the release may have been of what that began.
     */
    void match_releases()
    {
        look_for_overlaps();
        std::map<uint64_t, Operations> own;
        for (const Operation *op : operations_) {
            bool acts = op->result == Result::ok && op->kind != Kind::query;
            if (op->session && (acts || may_have_held(*op)))
                own[*op->session].push_back(op);
        }
        std::set<const Operation *> musts;
        for (auto &[session, ops] : own) {
            std::stable_sort(ops.begin(), ops.end(),
                    [](auto *a, auto *b) { return a->call < b->call; });
            for (size_t i = 0; i < ops.size() && !is_ghost(*ops[i]); i++) {
                if (i > 0 && ops[i]->call <= ops[i - 1]->ret)
                    break;
                if (i + 1 < ops.size() && ops[i + 1]->call <= ops[i]->ret)
                    break;
                if (i > 0 && ops[i]->kind == Kind::release && ops[i - 1]->is_grant())
                    musts.insert(ops[i - 1]);
            }
        }
        for (Hold &hold : plan_.holds)
            hold.must = musts.count(hold.op) > 0;
    }

    /* Until when the lease that this operation gave lasts at least. */
    int64_t lease_end(const Operation &op, const Hold &hold) const
    {
        Maybe<int64_t> ttl = op.ttl ? op.ttl : hold.op->ttl;
        if (!ttl && !sessions_.of(hold.session).ttl)
            ttl = lock_.ttl;
        return ttl ? op.call + at_least(*ttl, drift_ppm_) : never;
    }

    void finish_hold(Hold &hold)
    {
        int64_t lease = lease_end(*hold.op, hold);
        auto renewals = renewals_of(hold);
        for (const Operation *op : renewals)
            lease = std::max(lease, lease_end(*op, hold));
        hold.alone = std::min(hold.alone, lease);
        if (hold.ghost)
            hold.alone = INT64_MIN;
        hold.ends = std::min(hold.alone, sessions_.of(hold.session).earliest);
    }

    /* Accepted renewals, and grants of the same hold. */
    Operations renewals_of(const Hold &hold)
    {
        if (renewals_.empty()) {
            for (const Operation *op : operations_) {
                bool renews = op->kind == Kind::renew && op->result == Result::ok;
                bool again = op->is_grant() && (lock_.idempotent && plan_.ordered);
                if (renews || again)
                    renewals_[{*op->session, plan_.ordered ? *op->token : 0}].push_back(op);
            }
            renewals_[{0, UINT64_MAX}] = {}; /* It is made, though empty. */
        }
        auto it = renewals_.find({hold.session, hold.token});
        if (it == renewals_.end())
            return {};
        if (plan_.ordered)
            return it->second;
        /* Without tokens: those that cannot have been of another hold of the session. */
        Operations own;
        int64_t next = hold_alone_until(hold);
        for (const Operation *op : it->second) {
            if (hold.op->call <= op->call && op->ret < next && !is_haunted(hold, *op))
                own.push_back(op);
        }
        return own;
    }

    /*
     * Until the session's next grant is called. Not at all if another one was under way
     * when this one was called: which of them was first is open then.
     */
    int64_t hold_alone_until(const Hold &hold)
    {
        if (grants_of_.empty()) {
            for (const Hold &other : plan_.holds) /* By call */
                grants_of_[other.session].push_back(other.op);
            for (const Ghost &ghost : plan_.ghosts)
                ghosts_of_.emplace(ghost.session, &ghost);
            for (auto &[session, grants] : grants_of_)
                find_overlaps(grants);
        }
        const Operations &grants = grants_of_.at(hold.session);
        auto next = std::upper_bound(grants.begin(), grants.end(), hold.op->call,
                [](int64_t call, const Operation *op) { return call < op->call; });
        if (overlapped_.count(hold.op))
            return INT64_MIN;
        return next == grants.end() ? never : (*next)->call;
    }

    void find_overlaps(const Operations &grants)
    {
        int64_t busy = INT64_MIN;
        for (size_t i = 0; i < grants.size(); i++) {
            bool twin = i + 1 < grants.size() && grants[i + 1]->call == grants[i]->call;
            if (busy >= grants[i]->call || twin)
                overlapped_.insert(grants[i]);
            busy = std::max(busy, grants[i]->ret);
        }
    }

    /* An acquire that nobody heard of may have what this renewal renewed. */
    bool is_haunted(const Hold &hold, const Operation &renewal) const
    {
        auto [begin, end] = ghosts_of_.equal_range(hold.session);
        return std::any_of(begin, end, [&](const auto &other) {
            return other.second->call <= renewal.ret && other.second->until >= renewal.call;
        });
    }

    void add_deaths()
    {
        std::set<uint64_t> seen;
        for (uint32_t i = 0; i < grants_; i++) {
            uint64_t id = plan_.holds[i].session;
            const Session &session = sessions_.of(id);
            if (!session.over || !seen.insert(id).second)
                continue;
            Step step;
            step.op = session.over;
            step.call = std::min(session.earliest, session.latest);
            step.ret = session.latest;
            step.session = id;
            step.does = Does::death;
            plan_.steps.push_back(step);
        }
    }

    void name_ghosts()
    {
        std::map<uint64_t, int64_t> named;
        for (const Step &step : plan_.steps) {
            bool asks = step.does == Does::query && step.op->holder;
            bool presents = !plan_.ordered &&
                            (step.does == Does::release || step.does == Does::renew);
            if (!asks && !presents)
                continue;
            auto [it, fresh] =
                    named.emplace(asks ? *step.op->holder : step.session, step.ret);
            it->second = std::max(it->second, step.ret);
        }
        for (Ghost &ghost : plan_.ghosts) {
            auto it = named.find(ghost.session);
            if (it != named.end())
                ghost.named = it->second;
        }
        std::map<uint64_t, int64_t> holds;
        auto may_hold = [&](uint64_t session, int64_t until) {
            int64_t &last = holds.emplace(session, INT64_MIN).first->second;
            last = std::max(last, until);
        };
        for (const Hold &hold : plan_.holds)
            may_hold(hold.session, hold.op->ret);
        for (const Ghost &ghost : plan_.ghosts)
            may_hold(ghost.session, ghost.until);
        for (Ghost &release : plan_.ghost_releases)
            release.named = holds.emplace(release.session, INT64_MIN).first->second;
    }

    /* Without tokens: can this hold be over when its grant returns? */
    bool is_firm(
            const Hold &hold, const std::multimap<uint64_t, const Operation *> &releases)
    {
        if (!hold.must && hold.ends <= hold.op->ret)
            return false;
        auto [begin, end] = releases.equal_range(hold.session);
        return std::none_of(begin, end, [&](const auto &own) {
            const Operation &op = *own.second;
            bool before = op.result == Result::ok && op.ret < hold.op->call;
            return !before && op.call <= hold.op->ret;
        });
    }

    void find_turns()
    {
        std::multimap<uint64_t, const Operation *> releases;
        for (const Operation *op : operations_) {
            bool may = op->result == Result::ok || op->result == Result::info ||
                       op->result == Result::expired;
            if (op->kind == Kind::release && may && op->session)
                releases.emplace(*op->session, op);
        }
        for (uint32_t i = 0; i < plan_.steps.size(); i++) {
            const Step &step = plan_.steps[i];
            if (step.does == Does::grant && is_firm(plan_.holds[step.hold], releases))
                plan_.turns.push_back(i);
        }
        std::stable_sort(
                plan_.turns.begin(), plan_.turns.end(), [&](uint32_t a, uint32_t b) {
                    return plan_.steps[a].ret < plan_.steps[b].ret;
                });
    }

    const Lock &lock_;
    const Operations &operations_;
    const Sessions &sessions_;
    int64_t drift_ppm_;
    Plan plan_;
    uint32_t grants_ = 0;
    Operations again_;
    std::map<uint64_t, int64_t> unknown_; /* The first call of an acquire, by session */
    std::set<const Operation *> promoted_;
    std::set<const Operation *> doubtful_; /* For these, it may as well have been another */
    std::map<Key, uint32_t> by_key_;
    std::map<Key, Operations> renewals_;
    std::map<uint64_t, Operations> grants_of_; /* By session; each by call */
    std::set<const Operation *> overlapped_;   /* Of these: another was under way */
    std::multimap<uint64_t, const Ghost *> ghosts_of_;
};

} // namespace

Plan make_plan(const Lock &lock, const Operations &operations, const Sessions &sessions,
        int64_t drift_ppm)
{
    return Planner(lock, operations, sessions, drift_ppm).run();
}

} // namespace linear
