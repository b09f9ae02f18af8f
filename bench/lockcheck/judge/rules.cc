#include "lockcheck/judge/rules.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace linear {

namespace {

using Operations = std::vector<const Operation *>;

/* All operations with one token except its grant. */
struct Sequel {
    int64_t release = never; /* The first release was called */
    bool mentioned = false;
};

/* All that happened to one lock, by time of call. */
struct Story {
    const Lock *lock = nullptr;
    int32_t number = 0;
    Operations accepted; /* Accepted releases and renews */
    Operations grants;
    Operations firsts; /* Of several grants of one hold the first */
    std::unordered_map<uint64_t, Sequel> sequels;      /* By token */
    std::unordered_map<uint64_t, Operations> releases; /* By session, if tokenless */
};

bool call_before(const Operation *a, const Operation *b)
{
    return a->call < b->call;
}

bool return_before(const Operation *a, const Operation *b)
{
    return a->ret < b->ret;
}

/* Of the operations that have returned so far, the one with the largest token. */
class Largest {
public:
    explicit Largest(Operations operations) : operations_(std::move(operations))
    {
        std::sort(operations_.begin(), operations_.end(), return_before);
    }

    const Operation *before(int64_t when)
    {
        for (; at_ < operations_.size() && operations_[at_]->ret < when; at_++) {
            if (!largest_ || *operations_[at_]->token > *largest_->token)
                largest_ = operations_[at_];
        }
        return largest_;
    }

private:
    Operations operations_;
    size_t at_ = 0;
    const Operation *largest_ = nullptr;
};

class Checker {
public:
    Checker(const History &history, const Rules &rules, const Sessions &sessions)
            : history_(history), rules_(rules), sessions_(sessions)
    {
        stories_.resize(history.locks.size());
        for (size_t i = 0; i < stories_.size(); i++) {
            stories_[i].lock = &history.locks[i];
            stories_[i].number = static_cast<int32_t>(i);
        }
        for (const Operation &op : history.operations) {
            if (op.lock >= 0)
                tell(stories_[static_cast<size_t>(op.lock)], op);
        }
        for (Story &story : stories_)
            put_in_order(story);
    }

    std::vector<Violation> run()
    {
        for (const Story &story : stories_) {
            exclusion(story);
            if (story.lock->model == Model::mutex)
                continue;
            token_unique(story);
            token_order(story.firsts, "token-order");
            overtaken(story);
            given_on(story);
            if (story.lock->fifo)
                fifo(story);
        }
        if (history_.global_tokens)
            global_tokens();
        lease_deadline();
        early_expiry();
        session_death();
        session_unique();
        session_begin();
        return std::move(found_);
    }

private:
    static void tell(Story &story, const Operation &op)
    {
        if (op.is_grant())
            story.grants.push_back(&op);
        if (!op.presents() || op.result == Result::fail)
            return;
        if (op.result == Result::ok)
            story.accepted.push_back(&op);
        if (op.token) {
            Sequel &sequel = story.sequels[*op.token];
            sequel.mentioned = true;
            if (op.kind == Kind::release)
                sequel.release = std::min(sequel.release, op.call);
        } else if (op.kind == Kind::release && op.session) {
            story.releases[*op.session].push_back(&op);
        }
    }

    static void put_in_order(Story &story)
    {
        std::sort(story.accepted.begin(), story.accepted.end(), call_before);
        std::stable_sort(story.grants.begin(), story.grants.end(), call_before);
        std::map<std::pair<uint64_t, uint64_t>, size_t> seen;
        for (const Operation *grant : story.grants) {
            if (!grant->token)
                continue;
            if (story.lock->idempotent &&
                    !seen.emplace(std::pair{*grant->session, *grant->token}, 0).second)
                continue;
            story.firsts.push_back(grant);
        }
    }

    void report(const char *rule, std::string what, Operations operations)
    {
        int32_t lock = operations[0]->lock;
        for (const Operation *op : operations)
            lock = lock < 0 ? op->lock : lock;
        if (++counts_[{rule, lock}] > shown_of_each_rule)
            return;
        std::stable_sort(operations.begin(), operations.end(), call_before);
        found_.push_back({rule, std::move(what), lock, std::move(operations)});
    }

    /* Until when the holder is certainly entitled. */
    int64_t certain_end(const Story &story, const Operation &grant) const
    {
        const Session &session = sessions_.of(grant);
        Maybe<int64_t> ttl = grant.ttl     ? grant.ttl
                             : session.ttl ? session.ttl
                                           : story.lock->ttl;
        int64_t end = ttl ? grant.call + at_least(*ttl, rules_.drift_ppm) : never;
        if (grant.deadline)
            end = *grant.deadline;
        end = std::min(end, session.earliest);
        if (grant.token) {
            auto it = story.sequels.find(*grant.token);
            if (it != story.sequels.end())
                end = std::min(end, it->second.release);
        }
        auto it = story.releases.find(*grant.session);
        if (story.lock->model != Model::mutex || it == story.releases.end())
            return end;
        /* One that was called before, and was still on its way, may have come after. */
        for (const Operation *release : it->second) {
            if (release->ret >= grant.call)
                end = std::min(end, std::max(release->call, grant.ret));
        }
        /*
         * It is unknown what an unknown release or acquire of the session ended or began.
         */
        return has_unknown(*grant.session, grant.lock) ? std::min(end, grant.ret) : end;
    }

    bool has_unknown(uint64_t session, int32_t lock) const
    {
        if (unknowns_.empty()) {
            for (const Operation &op : history_.operations) {
                if (op.lock >= 0 && op.result == Result::info && op.session)
                    unknowns_[{*op.session, op.lock}] = true;
            }
            unknowns_[{UINT64_MAX, -1}] = true;
        }
        return unknowns_.count({session, lock}) > 0;
    }

    struct Span {
        int64_t begin;
        int64_t end;
        const Operation *grant;
    };

    std::vector<Span> certain_spans(const Story &story) const
    {
        std::vector<Span> spans;
        for (const Operation *grant : story.grants) {
            Span span{grant->ret, certain_end(story, *grant), grant};
            if (span.begin < span.end)
                spans.push_back(span);
        }
        std::sort(spans.begin(), spans.end(),
                [](const Span &a, const Span &b) { return a.begin < b.begin; });
        return spans;
    }

    /* Certain holds fit into the capacity at every instant. */
    void exclusion(const Story &story)
    {
        uint64_t capacity = story.lock->model == Model::semaphore ? story.lock->permits : 1;
        std::vector<Span> open;
        for (const Span &span : certain_spans(story)) {
            std::erase_if(open, [&](const Span &old) { return old.end <= span.begin; });
            uint64_t used = span.grant->permits;
            Operations shown = {span.grant};
            for (const Span &old : open) {
                bool same = story.lock->idempotent &&
                            old.grant->token == span.grant->token &&
                            old.grant->session == span.grant->session;
                bool both = old.grant->shared && span.grant->shared;
                if (same || both)
                    continue;
                used += old.grant->permits;
                shown.push_back(old.grant);
            }
            if (used > capacity && shown.size() > 1)
                report("exclusion",
                        capacity == 1 ? "two holders at the same time"
                                      : "more permits than there are at the same time",
                        shown);
            open.push_back(span);
        }
    }

    void token_unique(const Story &story)
    {
        std::unordered_map<uint64_t, const Operation *> seen;
        for (const Operation *grant : story.firsts) {
            auto [it, fresh] = seen.emplace(*grant->token, grant);
            if (!fresh)
                report("token-unique", "one token was given twice", {it->second, grant});
        }
    }

    /* A grant that returned before another was called has the smaller token. */
    void token_order(const Operations &by_call, const char *rule)
    {
        Largest largest(by_call);
        for (const Operation *grant : by_call) {
            const Operation *before = largest.before(grant->call);
            if (before && *before->token > *grant->token)
                report(rule, "a later grant has a smaller token", {before, grant});
        }
    }

    void global_tokens()
    {
        Operations grants;
        std::unordered_map<uint64_t, const Operation *> seen;
        for (const Story &story : stories_) {
            for (const Operation *grant : story.firsts) {
                grants.push_back(grant);
                auto [it, fresh] = seen.emplace(*grant->token, grant);
                const Operation *old = it->second;
                bool one_request = old->session == grant->session &&
                                   old->call == grant->call && old->ret == grant->ret;
                if (!fresh && old->lock != grant->lock && !one_request)
                    report("token-global", "two locks gave the same token", {old, grant});
            }
        }
        std::stable_sort(grants.begin(), grants.end(), call_before);
        token_order(grants, "token-global");
    }

    /* Nothing is accepted for a token after a larger exclusive one was given. */
    void overtaken(const Story &story)
    {
        if (story.lock->model == Model::semaphore)
            return;
        Operations exclusive = story.grants;
        std::erase_if(exclusive, [](const Operation *grant) { return grant->shared; });
        Largest largest(std::move(exclusive));
        for (const Operation *op : story.accepted) {
            const Operation *grant = largest.before(op->call);
            if (grant && *grant->token > *op->token)
                report("overtaken", "accepted for a token that was overtaken", {grant, op});
        }
    }

    /* What the client was told never exceeds its own call and the lease. */
    void lease_deadline()
    {
        for (const Operation &op : history_.operations) {
            if (!op.deadline || op.result != Result::ok)
                continue;
            Maybe<int64_t> ttl = op.ttl;
            if (!ttl && op.session)
                ttl = sessions_.of(op).ttl;
            if (!ttl)
                ttl = op.lock < 0 ? history_.defaults.ttl
                                  : history_.locks[static_cast<size_t>(op.lock)].ttl;
            if (ttl && *op.deadline > op.call + *ttl)
                report("lease-deadline", "the client relies on its lease for too long",
                        {&op});
        }
    }

    /* Reported as over while a lease was still running, and not closed. */
    void early_expiry()
    {
        for (const auto &[id, session] : sessions_.all()) {
            if (session.over && session.extended > session.latest &&
                    session.close > session.latest &&
                    session.extender->call <= session.latest)
                report("early-expiry", "a session was over before its lease was",
                        {session.extender, session.over});
        }
    }

    /*
     * If a lock was given to another holder without a release, its holder's session is
     * over, where the lease is the session's.
     */
    void given_on(const Story &story)
    {
        if (story.lock->model == Model::semaphore)
            return;
        Operations order = story.firsts;
        std::stable_sort(order.begin(), order.end(),
                [](auto *a, auto *b) { return *a->token < *b->token; });
        for (size_t i = 0; i + 1 < order.size(); i++) {
            const Operation *old = order[i];
            const Operation *next = order[i + 1];
            bool ended = (old->shared && next->shared) || *old->token == *next->token ||
                         story.sequels.count(*old->token) > 0;
            bool leased = !old->ttl && sessions_.of(*old).ttl;
            if (ended || !leased)
                continue;
            auto [it, fresh] = given_on_.emplace(*old->session, next);
            if (next->ret < it->second->ret)
                it->second = next;
        }
    }

    /* What shows first that a session is over. */
    const Operation *death_of(uint64_t id) const
    {
        const Operation *over = sessions_.of(id).over;
        auto it = given_on_.find(id);
        if (it != given_on_.end() && (!over || it->second->ret < over->ret))
            return it->second;
        return over;
    }

    void session_death()
    {
        std::unordered_map<uint64_t, const Operation *> closed;
        for (const Operation &op : history_.operations) {
            if (op.kind != Kind::close || op.result != Result::ok)
                continue;
            auto [it, fresh] = closed.emplace(*op.session, &op);
            bool overlap = it->second->call <= op.ret && op.call <= it->second->ret;
            if (!fresh && overlap)
                report("session-death", "closed twice", {it->second, &op});
        }
        for (const Operation &op : history_.operations) {
            if (!op.session || op.result != Result::ok || op.kind == Kind::query ||
                    op.kind == Kind::open)
                continue;
            const Operation *over = death_of(*op.session);
            if (over && over != &op && op.call > over->ret)
                report("session-death", "accepted for a session that was over",
                        {over, &op});
        }
    }

    /* One id is one session: it is opened once, and not when it is over. */
    void session_unique()
    {
        std::unordered_map<uint64_t, const Operation *> opened;
        for (const Operation &op : history_.operations) {
            if (op.kind != Kind::open || op.result != Result::ok || !op.session)
                continue;
            auto [it, fresh] = opened.emplace(*op.session, &op);
            if (!fresh)
                report("session-unique", "two sessions were opened with one id",
                        {it->second, &op});
            const Operation *over = sessions_.of(op).over;
            if (over && op.call > over->ret)
                report("session-unique", "a session was opened that was over", {over, &op});
        }
    }

    /* Nothing is accepted for a session before it is opened. */
    void session_begin()
    {
        std::unordered_map<uint64_t, const Operation *> opened;
        for (const Operation &op : history_.operations) {
            if (op.kind == Kind::open && op.result == Result::ok && op.session)
                opened.emplace(*op.session, &op);
        }
        for (const Operation &op : history_.operations) {
            if (!op.session || op.result != Result::ok || op.kind == Kind::query)
                continue;
            auto it = opened.find(*op.session);
            if (it != opened.end() && op.ret < it->second->call)
                report("session-begin", "accepted for a session before it was opened",
                        {&op, it->second});
        }
    }

    /*
     * An operation that was surely queued before another was called is granted before it.
     */
    void fifo(const Story &story)
    {
        Operations queued;
        for (const Operation *grant : story.firsts) {
            if (grant->queued)
                queued.push_back(grant);
        }
        std::sort(queued.begin(), queued.end(),
                [](auto *a, auto *b) { return *a->queued < *b->queued; });
        const Operation *largest = nullptr;
        size_t at = 0;
        for (const Operation *grant : story.firsts) {
            for (; at < queued.size() && *queued[at]->queued < grant->call; at++) {
                if (!largest || *queued[at]->token > *largest->token)
                    largest = queued[at];
            }
            if (largest && *grant->token < *largest->token)
                report("fifo", "granted before a process that queued earlier",
                        {largest, grant});
        }
    }

    const History &history_;
    const Rules &rules_;
    const Sessions &sessions_;
    std::vector<Story> stories_;
    std::unordered_map<uint64_t, const Operation *> given_on_;
    mutable std::map<std::pair<uint64_t, int32_t>, bool> unknowns_;
    std::map<std::pair<std::string, int32_t>, size_t> counts_;
    std::vector<Violation> found_;
};

} // namespace

std::vector<Violation> check_rules(
        const History &history, const Rules &rules, const Sessions &sessions)
{
    return Checker(history, rules, sessions).run();
}

} // namespace linear
