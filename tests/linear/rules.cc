#include "linear/rules.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace linear {

namespace {

using Operations = std::vector<const Operation *>;

/* All that happened to one lock, by time of call. */
struct Story {
    const Lock *lock = nullptr;
    Operations all;
    Operations grants;
    std::unordered_map<uint64_t, Operations> by_token; /* Releases and renewals */
};

int64_t slower(int64_t duration, const Rules &rules)
{
    return duration - duration / 1000000 * rules.drift_ppm;
}

bool call_before(const Operation *a, const Operation *b)
{
    return a->call < b->call;
}

class Checker {
public:
    Checker(const History &history, const Rules &rules) : history_(history), rules_(rules)
    {
        stories_.resize(history.locks.size());
        for (size_t i = 0; i < stories_.size(); i++)
            stories_[i].lock = &history.locks[i];
        for (const Operation &op : history.operations)
            tell(op);
        for (Story &story : stories_) {
            std::sort(story.all.begin(), story.all.end(), call_before);
            std::sort(story.grants.begin(), story.grants.end(), call_before);
        }
    }

    std::vector<Violation> run()
    {
        for (const Story &story : stories_) {
            exclusion(story);
            token_unique(story);
            token_order(story.grants, "token-order");
            overtaken(story);
            if (story.lock->fifo)
                fifo(story);
        }
        if (history_.global_tokens)
            global_tokens();
        lease_deadline();
        session_death();
        return std::move(found_);
    }

private:
    void tell(const Operation &op)
    {
        if (op.session) {
            sessions_[*op.session].push_back(&op);
            if (op.kind == Kind::open && op.ttl)
                ttls_[*op.session] = *op.ttl;
        }
        if (op.lock < 0)
            return;
        Story &story = stories_[static_cast<size_t>(op.lock)];
        story.all.push_back(&op);
        if (op.is_grant())
            story.grants.push_back(&op);
        if ((op.kind == Kind::release || op.kind == Kind::renew) && op.token)
            story.by_token[*op.token].push_back(&op);
    }

    void report(const char *rule, std::string what, Operations operations)
    {
        found_.push_back({rule, std::move(what), std::move(operations)});
    }

    std::optional<int64_t> ttl_of(const Operation &op, const Lock &lock) const
    {
        if (op.ttl)
            return op.ttl;
        auto it = op.session ? ttls_.find(*op.session) : ttls_.end();
        if (it != ttls_.end())
            return it->second;
        return lock.ttl ? lock.ttl : history_.default_ttl;
    }

    /* Until when the holder is certainly entitled. */
    int64_t certain_end(const Story &story, const Operation &grant) const
    {
        int64_t end = never;
        if (auto ttl = ttl_of(grant, *story.lock))
            end = grant.call + slower(*ttl, rules_);
        if (grant.deadline)
            end = *grant.deadline;
        if (auto it = grant.token ? story.by_token.find(*grant.token)
                                  : story.by_token.end();
                it != story.by_token.end()) {
            for (const Operation *op : it->second) {
                if (op->kind == Kind::release)
                    end = std::min(end, op->call);
            }
        }
        auto it = grant.session ? sessions_.find(*grant.session) : sessions_.end();
        if (it == sessions_.end())
            return end;
        for (const Operation *op : it->second) {
            if (op->kind == Kind::close && op->call >= grant.call)
                end = std::min(end, op->call);
            bool tokenless =
                    op->kind == Kind::release && !op->token && op->lock == grant.lock;
            if (tokenless && op->call >= grant.ret)
                end = std::min(end, op->call);
        }
        return end;
    }

    struct Span {
        int64_t begin;
        int64_t end;
        const Operation *grant;
    };

    static bool conflict(const Lock &lock, const Operation &a, const Operation &b)
    {
        return lock.model != Model::rwlock || !a.shared || !b.shared;
    }

    /* Certain holds fit into the capacity at every instant. */
    void exclusion(const Story &story)
    {
        std::vector<Span> spans;
        for (const Operation *grant : story.grants) {
            Span span{grant->ret, certain_end(story, *grant), grant};
            if (span.begin < span.end)
                spans.push_back(span);
        }
        std::sort(spans.begin(), spans.end(),
                [](const Span &a, const Span &b) { return a.begin < b.begin; });
        std::vector<Span> open;
        for (const Span &span : spans) {
            std::erase_if(open, [&](const Span &old) { return old.end <= span.begin; });
            uint64_t used = span.grant->permits;
            Operations shown = {span.grant};
            for (const Span &old : open) {
                bool same = story.lock->idempotent && old.grant->token == span.grant->token;
                if (same || !conflict(*story.lock, *old.grant, *span.grant))
                    continue;
                used += old.grant->permits;
                shown.push_back(old.grant);
            }
            uint64_t capacity =
                    story.lock->model == Model::semaphore ? story.lock->permits : 1;
            if (used > capacity && shown.size() > 1)
                report("exclusion", "held twice at the same time: " + story.lock->name,
                        shown);
            open.push_back(span);
        }
    }

    void token_unique(const Story &story)
    {
        std::unordered_map<uint64_t, const Operation *> seen;
        for (const Operation *grant : story.grants) {
            if (!grant->token)
                continue;
            auto [it, fresh] = seen.emplace(*grant->token, grant);
            bool again = story.lock->idempotent && it->second->session == grant->session;
            if (!fresh && !again)
                report("token-unique", "a token was given twice: " + story.lock->name,
                        {it->second, grant});
        }
    }

    /* A grant that returned before another was called has the smaller token. */
    void token_order(const Operations &by_call, const char *rule)
    {
        Operations by_return = by_call;
        std::sort(by_return.begin(), by_return.end(),
                [](const Operation *a, const Operation *b) { return a->ret < b->ret; });
        const Operation *largest = nullptr;
        size_t at = 0;
        for (const Operation *grant : by_call) {
            for (; at < by_return.size() && by_return[at]->ret < grant->call; at++) {
                if (!largest || by_return[at]->token > largest->token)
                    largest = by_return[at];
            }
            if (!largest || !grant->token || largest->token < grant->token)
                continue;
            bool same =
                    largest->token == grant->token && largest->session == grant->session;
            if (!same)
                report(rule, "a later grant has no larger token", {largest, grant});
        }
    }

    void global_tokens()
    {
        Operations grants;
        std::unordered_map<uint64_t, const Operation *> seen;
        for (const Story &story : stories_) {
            for (const Operation *grant : story.grants) {
                grants.push_back(grant);
                if (!grant->token)
                    continue;
                auto [it, fresh] = seen.emplace(*grant->token, grant);
                const Operation *old = it->second;
                bool one_request = old->session == grant->session &&
                                   old->call == grant->call && old->ret == grant->ret;
                if (!fresh && old->lock != grant->lock && !one_request)
                    report("token-global", "two locks gave the same token", {old, grant});
            }
        }
        std::sort(grants.begin(), grants.end(), call_before);
        token_order(grants, "token-global");
    }

    /* Nothing is accepted for a token after a larger exclusive one was given. */
    void overtaken(const Story &story)
    {
        Operations by_return;
        for (const Operation *grant : story.grants) {
            if (!grant->shared && story.lock->model != Model::semaphore && grant->token)
                by_return.push_back(grant);
        }
        std::sort(by_return.begin(), by_return.end(),
                [](const Operation *a, const Operation *b) { return a->ret < b->ret; });
        const Operation *largest = nullptr;
        size_t at = 0;
        for (const Operation *op : story.all) {
            for (; at < by_return.size() && by_return[at]->ret < op->call; at++) {
                if (!largest || by_return[at]->token > largest->token)
                    largest = by_return[at];
            }
            bool presents = op->kind == Kind::release || op->kind == Kind::renew;
            bool accepted = presents && op->result == Result::ok && op->token;
            if (accepted && largest && *largest->token > *op->token)
                report("overtaken", "accepted for a token that was overtaken",
                        {largest, op});
        }
    }

    /*
     * What a client believes never exceeds what its lease allows: the last sending that can
     * have extended it lies before the return.
     */
    void lease_deadline()
    {
        for (const Operation &op : history_.operations) {
            if (!op.deadline || op.result != Result::ok || op.ret == never)
                continue;
            const Lock &lock = op.lock < 0 ? history_.defaults
                                           : history_.locks[static_cast<size_t>(op.lock)];
            std::optional<int64_t> ttl = ttl_of(op, lock);
            if (ttl && *op.deadline > op.ret + *ttl)
                report("lease-deadline", "the client believes longer than its lease",
                        {&op});
        }
    }

    /* The moment from which a session is certainly over, and what shows it. */
    std::optional<std::pair<int64_t, const Operation *>> death(const Operations &own) const
    {
        std::optional<std::pair<int64_t, const Operation *>> found;
        for (const Operation *op : own) {
            bool closed = op->kind == Kind::close && op->result == Result::ok;
            if (!closed && op->result != Result::expired)
                continue;
            if (!found || op->ret < found->first)
                found = {op->ret, op};
        }
        return found;
    }

    void session_death()
    {
        for (const auto &[session, own] : sessions_) {
            auto over = death(own);
            if (!over)
                continue;
            for (const Operation *op : own) {
                bool accepted = op->result == Result::ok && op->kind != Kind::query &&
                                op->kind != Kind::open;
                if (accepted && op->call > over->first)
                    report("session-death", "accepted for a session that was over",
                            {over->second, op});
            }
        }
    }

    /* Who was surely queued before another was called is granted before it. */
    void fifo(const Story &story)
    {
        Operations queued;
        for (const Operation *grant : story.grants) {
            if (grant->queued && grant->token)
                queued.push_back(grant);
        }
        std::sort(queued.begin(), queued.end(), [](const Operation *a, const Operation *b) {
            return *a->queued < *b->queued;
        });
        const Operation *largest = nullptr;
        size_t at = 0;
        for (const Operation *grant : story.grants) {
            for (; at < queued.size() && *queued[at]->queued < grant->call; at++) {
                if (!largest || queued[at]->token > largest->token)
                    largest = queued[at];
            }
            if (largest && grant->token && *grant->token < *largest->token)
                report("fifo", "passed somebody who was queued before", {largest, grant});
        }
    }

    const History &history_;
    const Rules &rules_;
    std::vector<Story> stories_;
    std::unordered_map<uint64_t, Operations> sessions_;
    std::unordered_map<uint64_t, int64_t> ttls_;
    std::vector<Violation> found_;
};

} // namespace

std::vector<Violation> check_rules(const History &history, const Rules &rules)
{
    return Checker(history, rules).run();
}

} // namespace linear
