#include "linear/search.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace linear {

namespace {

constexpr size_t configurations_max = 20000;
constexpr uint32_t ghost_base = 1u << 31; /* Holds from here on are ghosts */

using Numbers = std::vector<uint32_t>;

struct Configuration {
    uint32_t next = 0; /* With tokens: the next hold to begin */
    Numbers holds;
    Numbers undone; /* Observers that are open and still wait for their state */
    Numbers early;  /* Without tokens: open grants and releases that took effect */
    Numbers brief;  /* Without tokens: open grants that may have come and gone */
    Numbers used;   /* Ghosts that took effect */
    auto operator<=>(const Configuration &) const = default;
};

bool has(const Numbers &numbers, uint32_t wanted)
{
    return std::find(numbers.begin(), numbers.end(), wanted) != numbers.end();
}

void put(Numbers &numbers, uint32_t what)
{
    numbers.insert(std::lower_bound(numbers.begin(), numbers.end(), what), what);
}

bool drop(Numbers &numbers, uint32_t what)
{
    auto it = std::find(numbers.begin(), numbers.end(), what);
    if (it == numbers.end())
        return false;
    numbers.erase(it);
    return true;
}

bool covers(const Numbers &large, const Numbers &small)
{
    return std::includes(large.begin(), large.end(), small.begin(), small.end());
}

class Search {
public:
    Search(const Plan &plan, bool thorough) : plan_(plan), thorough_(thorough)
    {
        grant_of_.assign(plan.holds.size(), no_hold);
        release_of_.assign(plan.holds.size(), no_hold);
        for (uint32_t i = 0; i < plan.steps.size(); i++) {
            const Step &step = plan.steps[i];
            if (step.does == Does::grant)
                grant_of_[step.hold] = i;
            if (step.does == Does::release && step.hold != no_hold)
                release_of_[step.hold] = i;
        }
        for (uint32_t i = 0; i < plan.ghosts.size(); i++)
            ghosts_of_.emplace(plan.ghosts[i].session, i);
        is_open_.assign(plan.steps.size(), false);
    }

    Verdict run()
    {
        std::vector<Moment> moments = timeline();
        now_.push_back({});
        for (const Moment &moment : moments) {
            time_ = moment.when;
            if (moment.what != What::ret) {
                arrive(moment);
                continue;
            }
            leave(moment.number);
            if (overflow_ || (now_.empty() && plan_.vague))
                verdict_.decided = false;
            else if (now_.empty())
                verdict_.stuck = plan_.steps[moment.number].op;
            if (overflow_ || now_.empty())
                break;
            verdict_.most = std::max(verdict_.most, now_.size());
        }
        return verdict_;
    }

private:
    enum class What : uint8_t {
        call,
        waits,
        ghost,
        ghost_release,
        ghost_over, /* Its session will be over: what it explains, it explains now */
        ret,
        waited,
        ghost_gone
    };

    struct Moment {
        int64_t when;
        What what;
        uint32_t number;
    };

    std::vector<Moment> timeline() const
    {
        std::vector<Moment> moments;
        moments.reserve(plan_.steps.size() * 2);
        for (uint32_t i = 0; i < plan_.steps.size(); i++) {
            moments.push_back({plan_.steps[i].call, What::call, i});
            if (plan_.steps[i].ret != never)
                moments.push_back({plan_.steps[i].ret, What::ret, i});
        }
        bool shares = plan_.lock->model == Model::rwlock || plan_.capacity > 1;
        for (uint32_t i = 0; shares && i < plan_.waiters.size(); i++) {
            moments.push_back({plan_.waiters[i].call, What::waits, i});
            if (plan_.waiters[i].ret != never)
                moments.push_back({plan_.waiters[i].ret, What::waited, i});
        }
        for (uint32_t i = 0; i < plan_.ghosts.size(); i++) {
            moments.push_back({plan_.ghosts[i].call, What::ghost, i});
            if (plan_.ghosts[i].until == never)
                continue;
            moments.push_back({plan_.ghosts[i].until, What::ghost_over, i});
            moments.push_back({plan_.ghosts[i].until, What::ghost_gone, i});
        }
        for (uint32_t i = 0; i < plan_.ghost_releases.size(); i++)
            moments.push_back({plan_.ghost_releases[i].call, What::ghost_release, i});
        std::sort(moments.begin(), moments.end(), [](const Moment &a, const Moment &b) {
            return a.when != b.when ? a.when < b.when : a.what < b.what;
        });
        return moments;
    }

    /* --- The state of the world, the same for all configurations --- */

    void arrive(const Moment &moment)
    {
        if (moment.what == What::ghost) {
            const Ghost &ghost = plan_.ghosts[moment.number];
            if (gone_.count(moment.number))
                return;
            ghosts_[{ghost.permits, ghost.shared}].insert({ghost.until, moment.number});
            ghost_permits_ += ghost.permits;
        } else if (moment.what == What::ghost_release) {
            ghost_releases_.push_back(moment.number);
        } else if (moment.what == What::waits) {
            const Waiter &waiter = plan_.waiters[moment.number];
            waiting_.insert({waiter.shared, waiter.permits});
            settle_all();
        } else if (moment.what == What::ghost_over) {
            use_in_time(plan_.ghosts[moment.number].session);
        } else if (moment.what == What::ghost_gone) {
            forget(moment.number);
        } else if (moment.what == What::waited) {
            use_in_time(std::nullopt);
            const Waiter &waiter = plan_.waiters[moment.number];
            waiting_.erase(waiting_.find({waiter.shared, waiter.permits}));
        } else {
            call(moment.number);
        }
    }

    void settle_all()
    {
        for (Configuration &config : now_) {
            if (!config.undone.empty())
                settle(config);
        }
    }

    bool has_open_release(uint64_t session) const
    {
        return std::any_of(open_releases_.begin(), open_releases_.end(),
                [&](uint32_t number) { return plan_.steps[number].session == session; });
    }

    /* Somebody goes who may explain what still waits for an explanation. */
    /* Of all ghosts that ended, none holds any more. */
    void forget(uint32_t number)
    {
        for (Configuration &config : now_) {
            if (drop(config.holds, number + ghost_base))
                settle(config);
            drop(config.used, number);
        }
        const Ghost &ghost = plan_.ghosts[number];
        ghosts_[{ghost.permits, ghost.shared}].erase({ghost.until, number});
        ghost_permits_ -= gone_.count(number) ? 0 : ghost.permits;
    }

    void use_in_time(std::optional<uint64_t> session)
    {
        std::vector<Configuration> more;
        bool released = !plan_.ordered && session && has_open_release(*session);
        for (const Configuration &config : now_) {
            if (!config.undone.empty() || released) {
                std::vector<Configuration> reached = every(config, no_hold);
                more.insert(more.end(), reached.begin(), reached.end());
            }
        }
        if (more.empty())
            return;
        now_.insert(now_.end(), more.begin(), more.end());
        thin_out();
    }

    void call(uint32_t number)
    {
        const Step &step = plan_.steps[number];
        is_open_[number] = true;
        if (step.does == Does::grant)
            open_grants_.push_back(number);
        else if (!step.observes() && step.does != Does::death)
            open_releases_.push_back(number);
        if (step.does == Does::grant)
            settle_all();
        if (step.observes()) {
            for (Configuration &config : now_) {
                if (!is_satisfied(config, step))
                    put(config.undone, number);
            }
        }
    }

    void close(uint32_t number)
    {
        is_open_[number] = false;
        drop(open_grants_, number);
        drop(open_releases_, number);
    }

    /* --- What a configuration allows --- */

    uint64_t session_of(uint32_t hold) const
    {
        return hold >= ghost_base ? plan_.ghosts[hold - ghost_base].session
                                  : plan_.holds[hold].session;
    }

    uint32_t permits_of(uint32_t hold) const
    {
        return hold >= ghost_base ? plan_.ghosts[hold - ghost_base].permits
                                  : plan_.holds[hold].permits;
    }

    bool is_shared(uint32_t hold) const
    {
        return hold >= ghost_base ? plan_.ghosts[hold - ghost_base].shared
                                  : plan_.holds[hold].shared;
    }

    bool conflicts(uint32_t hold, bool shared) const
    {
        return plan_.lock->model != Model::rwlock || !shared || !is_shared(hold);
    }

    bool has_room(const Configuration &config, uint32_t permits, bool shared) const
    {
        uint64_t used = 0;
        for (uint32_t hold : config.holds)
            used += conflicts(hold, shared) ? permits_of(hold) : 0;
        return used + permits <= plan_.capacity;
    }

    bool is_there(const Configuration &config, const Step &step) const
    {
        if (plan_.ordered)
            return step.hold != no_hold && has(config.holds, step.hold);
        return hold_of_session(config, step.session) != no_hold;
    }

    uint32_t hold_of_session(const Configuration &config, uint64_t session) const
    {
        for (uint32_t hold : config.holds) {
            if (session_of(hold) == session)
                return hold;
        }
        return no_hold;
    }

    /* Does somebody who waits keep a request out that would fit? */
    bool is_behind(const Configuration &config, const Operation &op) const
    {
        if (config.holds.empty())
            return false;
        auto keeps_out = [&](bool shared, uint32_t permits) {
            return (plan_.lock->model == Model::rwlock ? op.shared && !shared : true) &&
                   !has_room(config, permits, shared);
        };
        for (const auto &[shared, permits] : waiting_) {
            if (keeps_out(shared, permits))
                return true;
        }
        for (uint32_t number : open_grants_) {
            const Hold &hold = plan_.holds[plan_.steps[number].hold];
            if (plan_.steps[number].hold >= config.next &&
                    keeps_out(hold.shared, hold.permits) && hold.op != &op)
                return true;
        }
        return false;
    }

    bool shows(const Configuration &config, const Operation &op) const
    {
        bool rw = plan_.lock->model == Model::rwlock;
        if (op.used) {
            uint64_t used = 0;
            for (uint32_t hold : config.holds)
                used += rw ? 1 : permits_of(hold);
            if (used > *op.used || *op.used > used + ghost_permits_)
                return false;
        }
        if (!op.holder_said)
            return true;
        bool found = false;
        bool any = false;
        for (uint32_t hold : config.holds) {
            if (rw && is_shared(hold))
                continue;
            any = true;
            bool token = !op.token || !plan_.ordered ||
                         (hold < ghost_base && plan_.holds[hold].token == *op.token);
            found = found || (op.holder && session_of(hold) == *op.holder && token);
        }
        return op.holder ? found : !any;
    }

    bool is_satisfied(const Configuration &config, const Step &step) const
    {
        switch (step.does) {
        case Does::renew:
            return is_there(config, step);
        case Does::absent:
            return !is_there(config, step);
        case Does::held:
            return !has_room(config, step.op->permits, step.op->shared) ||
                   (plan_.lock->model != Model::mutex &&
                           plan_.lock->model != Model::fenced &&
                           is_behind(config, *step.op));
        case Does::query:
            return shows(config, *step.op);
        case Does::grant:
        case Does::release:
        case Does::death:
            break;
        }
        return false;
    }

    void settle(Configuration &config) const
    {
        std::erase_if(config.undone,
                [&](uint32_t number) { return is_satisfied(config, plan_.steps[number]); });
        if (!plan_.ordered && config.holds.empty())
            note_brief(config);
    }

    /* Without tokens: an open grant whose hold can be over by now may have been in between. */
    void note_brief(Configuration &config) const
    {
        for (uint32_t number : open_grants_) {
            const Hold &hold = plan_.holds[plan_.steps[number].hold];
            bool brief = hold.alone <= time_ || (hold.ends <= time_ && !plan_.vague);
            if (brief && !hold.must && !has(config.early, number) &&
                    !has(config.brief, number))
                put(config.brief, number);
        }
    }

    /* Is all done that is open of this session? Then it can be over. */
    bool is_finished(const Configuration &config, uint64_t session) const
    {
        for (uint32_t number : open_grants_) {
            if (plan_.steps[number].session == session && !is_done(config, number) &&
                    plan_.steps[number].ret != never)
                return false;
        }
        for (uint32_t number : open_releases_) {
            if (plan_.steps[number].session == session && !is_done(config, number))
                return false;
        }
        return true;
    }

    bool is_done(const Configuration &config, uint32_t number) const
    {
        const Step &step = plan_.steps[number];
        if (step.observes())
            return !has(config.undone, number);
        if (step.does == Does::death)
            return hold_of_session(config, step.session) == no_hold &&
                   is_finished(config, step.session);
        if (!plan_.ordered)
            return has(config.early, number) || has(config.brief, number);
        if (step.hold == no_hold || step.hold >= config.next)
            return false;
        return step.does == Does::grant || !has(config.holds, step.hold);
    }

    /* --- Effects --- */

    bool can_begin(const Configuration &config, uint32_t number) const
    {
        const Step &step = plan_.steps[number];
        const Hold &hold = plan_.holds[step.hold];
        return !hold.late && has_room(config, hold.permits, hold.shared);
    }

    void begin(Configuration &config, uint32_t number) const
    {
        uint32_t hold = plan_.steps[number].hold;
        put(config.holds, hold);
        if (plan_.ordered) {
            config.next++;
        } else {
            put(config.early, number);
            drop(config.brief, number);
        }
        settle(config);
    }

    /* A hold ends in an open release, or by itself. False: it does not. */
    bool end(Configuration &config, uint32_t hold) const
    {
        if (hold >= ghost_base) {
            drop(config.holds, hold);
        } else if (uint32_t release = open_release(config, hold); release != no_hold) {
            drop(config.holds, hold);
            if (!plan_.ordered)
                put(config.early, release);
        } else if (!can_end(config, hold)) {
            if (plan_.ordered || !end_unknown(config, plan_.holds[hold].session))
                return false;
        } else if (plan_.holds[hold].alone <= time_) {
            drop(config.holds, hold);
        } else {
            bury(config, plan_.holds[hold].session);
        }
        settle(config);
        return true;
    }

    /* Without tokens: by a release without an answer, of which each is good for one hold. */
    bool end_unknown(Configuration &config, uint64_t session) const
    {
        for (uint32_t number : ghost_releases_) {
            uint32_t name = number + ghost_base;
            if (plan_.ghost_releases[number].session != session || has(config.used, name))
                continue;
            drop(config.holds, hold_of_session(config, session));
            put(config.used, name);
            return true;
        }
        return false;
    }

    void bury(Configuration &config, uint64_t session) const
    {
        std::erase_if(
                config.holds, [&](uint32_t hold) { return session_of(hold) == session; });
        auto [begin, end] = ghosts_of_.equal_range(session);
        for (auto it = begin; it != end; ++it) {
            if (!has(config.used, it->second))
                put(config.used, it->second);
        }
    }

    bool can_end(const Configuration &config, uint32_t hold) const
    {
        const Hold &about = plan_.holds[hold];
        if (about.must || about.ends > time_ || about.renewed > time_)
            return false;
        return about.alone <= time_ || is_finished(config, about.session);
    }

    uint32_t open_release(const Configuration &config, uint32_t hold) const
    {
        if (plan_.ordered) {
            uint32_t release = release_of_[hold];
            bool open = release != no_hold && is_open_[release];
            return open && plan_.holds[hold].renewed <= time_ ? release : no_hold;
        }
        for (uint32_t number : open_releases_) {
            if (plan_.steps[number].session == plan_.holds[hold].session &&
                    !has(config.early, number))
                return number;
        }
        return no_hold;
    }

    /* --- The direct way --- */

    /* The hold to end for room: of open releases the one that returns first. */
    void choose_ends(
            const Configuration &config, const Hold &wanted, Numbers &choices) const
    {
        struct Choice {
            int64_t ret;
            uint32_t hold;
        };
        std::unordered_map<uint32_t, Choice> best; /* By permits */
        for (uint32_t hold : config.holds) {
            if (!conflicts(hold, wanted.shared))
                continue;
            uint32_t release = hold >= ghost_base ? no_hold : open_release(config, hold);
            int64_t ret = release != no_hold ? plan_.steps[release].ret : never;
            if (release == no_hold && hold < ghost_base && !can_end(config, hold))
                continue;
            auto [it, fresh] = best.emplace(permits_of(hold), Choice{ret, hold});
            if (!fresh && ret < it->second.ret)
                it->second = {ret, hold};
        }
        for (const auto &[permits, choice] : best)
            choices.push_back(choice.hold);
    }

    /* Begin all holds up to `last`. */
    void begin_up_to(
            Configuration config, uint32_t last, std::vector<Configuration> &out) const
    {
        while (config.next <= last) {
            uint32_t grant = grant_of_[config.next];
            if (!is_open_[grant])
                return;
            if (can_begin(config, grant)) {
                begin(config, grant);
                continue;
            }
            Numbers choices;
            choose_ends(config, plan_.holds[config.next], choices);
            if (choices.empty())
                return;
            for (size_t i = 1; i < choices.size(); i++) {
                Configuration other = config;
                if (end(other, choices[i]))
                    begin_up_to(std::move(other), last, out);
            }
            if (!end(config, choices[0]))
                return;
        }
        out.push_back(std::move(config));
    }

    /* Without tokens: make room by what can end, and begin. */
    void begin_now(
            Configuration config, uint32_t number, std::vector<Configuration> &out) const
    {
        while (!can_begin(config, number)) {
            if (config.holds.empty() || !end(config, config.holds[0]))
                return;
        }
        begin(config, number);
        out.push_back(std::move(config));
    }

    void bury_now(
            Configuration config, uint64_t session, std::vector<Configuration> &out) const
    {
        uint32_t hold = no_hold;
        while ((hold = hold_of_session(config, session)) != no_hold) {
            if (!end(config, hold))
                return;
        }
        if (is_finished(config, session))
            out.push_back(std::move(config));
    }

    std::vector<Configuration> direct(const Configuration &config, uint32_t number) const
    {
        const Step &step = plan_.steps[number];
        std::vector<Configuration> out;
        if (step.does == Does::grant) {
            if (plan_.ordered)
                begin_up_to(config, step.hold, out);
            else
                begin_now(config, number, out);
        } else if (step.does == Does::death) {
            bury_now(config, step.session, out);
        } else if (step.does == Does::release && plan_.ordered && step.hold != no_hold) {
            if (step.hold >= config.next)
                begin_up_to(config, step.hold, out);
            else
                out.push_back(config);
            std::erase_if(out, [&](Configuration &next) {
                return !has(next.holds, step.hold) || !end(next, step.hold);
            });
        }
        return out;
    }

    /* --- Every way --- */

    void try_grants(const Configuration &config, std::vector<Configuration> &out) const
    {
        auto attempt = [&](uint32_t number) {
            if (!is_open_[number] || !can_begin(config, number))
                return;
            out.push_back(config);
            begin(out.back(), number);
        };
        if (plan_.ordered) {
            if (config.next < plan_.holds.size())
                attempt(grant_of_[config.next]);
            return;
        }
        for (uint32_t number : open_grants_) {
            if (!has(config.early, number))
                attempt(number);
        }
    }

    /* Of permits that are alike one is as good as another, but for who asks for it. */
    Numbers ends_to_try(const Configuration &config) const
    {
        if (thorough_ || (plan_.capacity == 1 && plan_.lock->model != Model::rwlock))
            return config.holds;
        Numbers some;
        choose_ends(config, Hold{}, some);
        for (uint32_t number : config.undone) {
            const Step &step = plan_.steps[number];
            if (step.does == Does::absent && has(config.holds, step.hold))
                some.push_back(step.hold);
        }
        return some;
    }

    void try_ends(const Configuration &config, std::vector<Configuration> &out) const
    {
        for (uint32_t hold : ends_to_try(config)) {
            out.push_back(config);
            if (!end(out.back(), hold))
                out.pop_back();
            if (plan_.ordered || hold >= ghost_base)
                continue;
            /* Without tokens it is open which release, or whether it ended by itself. */
            if (can_end(config, hold)) {
                out.push_back(config);
                drop(out.back().holds, hold);
                settle(out.back());
            }
        }
        if (!plan_.ordered)
            try_session_releases(config, out);
    }

    /* Without tokens: releases end whatever hold the session has. */
    void try_session_releases(
            const Configuration &config, std::vector<Configuration> &out) const
    {
        for (uint32_t number : open_releases_) {
            uint32_t hold = hold_of_session(config, plan_.steps[number].session);
            if (hold == no_hold || has(config.early, number))
                continue;
            out.push_back(config);
            drop(out.back().holds, hold);
            put(out.back().early, number);
            settle(out.back());
        }
        for (uint32_t number : ghost_releases_) {
            uint32_t hold = hold_of_session(config, plan_.ghost_releases[number].session);
            uint32_t name = number + ghost_base;
            if (hold == no_hold || has(config.used, name))
                continue;
            out.push_back(config);
            drop(out.back().holds, hold);
            put(out.back().used, name);
            settle(out.back());
        }
    }

    void haunt(const Configuration &config, uint32_t ghost,
            std::vector<Configuration> &out) const
    {
        out.push_back(config);
        put(out.back().holds, ghost + ghost_base);
        put(out.back().used, ghost);
        settle(out.back());
    }

    /* It explains what it can, and is not used up: which of many it was is not tried. */
    void haunt_briefly(const Configuration &config, uint32_t ghost,
            std::vector<Configuration> &out) const
    {
        haunt(config, ghost, out);
        drop(out.back().holds, ghost + ghost_base);
        drop(out.back().used, ghost);
        if (out.back().undone == config.undone)
            out.pop_back();
    }

    /*
     * Ghosts: who is asked for by name; and of those that nobody will ask for, the one whose
     * session is over first. If there is none, or many, one of them, without using it up.
     */
    void try_ghosts(const Configuration &config, std::vector<Configuration> &out) const
    {
        for (const auto &[kind, called] : ghosts_) {
            if (!has_room(config, kind.first, kind.second))
                continue;
            Numbers named;
            bool found = false;
            for (auto it = called.lower_bound({time_, 0}); it != called.end() && !found;
                    ++it) {
                if (has(config.used, it->second))
                    continue;
                found = !is_many() && plan_.ghosts[it->second].named < time_;
                if (found)
                    haunt(config, it->second, out);
                else if (named.empty() ||
                         is_wanted(config, plan_.ghosts[it->second].session))
                    named.push_back(it->second);
            }
            for (uint32_t ghost : named) {
                if (!is_wanted(config, plan_.ghosts[ghost].session))
                    continue;
                if (is_many() && plan_.ordered)
                    haunt_briefly(config, ghost, out);
                else
                    haunt(config, ghost, out);
            }
            if (!found && !named.empty())
                haunt_briefly(config, named[0], out);
        }
    }

    /* Which of many ghosts were used up is too much to tell apart. */
    bool is_many() const
    {
        return plan_.ghosts.size() > 8 && !thorough_;
    }

    /* Does something open ask for this session by name? */
    bool is_wanted(const Configuration &config, uint64_t session) const
    {
        for (uint32_t number : config.undone) {
            const Step &step = plan_.steps[number];
            bool renews = step.does == Does::renew && step.session == session;
            if (step.op->holder == Maybe<uint64_t>(session) || renews)
                return true;
        }
        for (uint32_t number : open_releases_) {
            if (plan_.steps[number].session == session)
                return true;
        }
        return false;
    }

    /* What may have come and gone may as well come now, and stay. */
    void conclude(
            Configuration &&config, uint32_t number, std::vector<Configuration> &out) const
    {
        if (has(config.brief, number))
            begin_now(config, number, out);
        out.push_back(std::move(config));
    }

    /* All ways to where this step is done; all ways to anywhere for no step. */
    std::vector<Configuration> every(const Configuration &config, uint32_t number)
    {
        std::set<Configuration> seen = {config};
        std::vector<Configuration> todo = {config};
        std::vector<Configuration> out;
        while (!todo.empty() && !overflow_) {
            Configuration from = std::move(todo.back());
            todo.pop_back();
            if (number == no_hold)
                out.push_back(from);
            if (number != no_hold && is_done(from, number)) {
                conclude(std::move(from), number, out);
                continue;
            }
            std::vector<Configuration> next;
            try_grants(from, next);
            try_ends(from, next);
            try_ghosts(from, next);
            for (Configuration &to : next) {
                if (seen.insert(to).second)
                    todo.push_back(std::move(to));
            }
            overflow_ = seen.size() > configurations_max;
        }
        return out;
    }

    /* --- A return --- */

    /* Without tokens: an open grant may have come and gone at the cost of something. */
    bool is_tricky(const Configuration &config) const
    {
        if (plan_.ordered)
            return false;
        for (uint32_t release : open_releases_) {
            uint32_t hold = hold_of_session(config, plan_.steps[release].session);
            if (hold >= ghost_base && !has(config.early, release))
                return true; /* None, or a ghost's */
        }
        for (uint32_t number : open_grants_) {
            const Hold &hold = plan_.holds[plan_.steps[number].hold];
            if (hold.must || has(config.early, number) || has(config.brief, number))
                continue;
            for (uint32_t release : ghost_releases_) {
                if (plan_.ghost_releases[release].session == hold.session)
                    return true;
            }
            bool ends = plan_.vague && hold.ends <= time_;
            if (ends || has_open_release(hold.session))
                return true;
        }
        return false;
    }

    void extend(Configuration &&config, uint32_t number, std::vector<Configuration> &next)
    {
        if (!config.undone.empty() || !plan_.ordered)
            settle(config);
        if (is_done(config, number)) {
            conclude(std::move(config), number, next);
            return;
        }
        std::vector<Configuration> more;
        if (config.undone.empty() && !thorough_ && !is_tricky(config))
            more = direct(config, number);
        if (more.empty())
            more = every(config, number);
        for (Configuration &found : more)
            next.push_back(std::move(found));
    }

    void leave(uint32_t number)
    {
        std::vector<Configuration> next;
        for (Configuration &config : now_)
            extend(std::move(config), number, next);
        close(number);
        for (Configuration &config : next) {
            drop(config.early, number);
            drop(config.brief, number);
        }
        now_ = std::move(next);
        if (now_.size() > 1)
            thin_out();
        if (now_.size() == 1)
            forget_used();
    }

    /* With tokens, what ended in b can end in a: its release is open, or its time is over. */
    bool can_catch_up(const Configuration &a, const Configuration &b) const
    {
        for (uint32_t hold : a.holds) {
            bool extra = !plan_.ordered && hold < ghost_base && !has(b.holds, hold);
            if (extra && !can_end(a, hold))
                return false;
        }
        return true;
    }

    bool is_enough(const Configuration &a, const Configuration &b) const
    {
        return can_catch_up(a, b) && a.next == b.next && a.early == b.early &&
               covers(a.brief, b.brief) && covers(b.undone, a.undone) &&
               covers(a.holds, b.holds) && covers(b.used, a.used);
    }

    void thin_out()
    {
        std::sort(now_.begin(), now_.end());
        now_.erase(std::unique(now_.begin(), now_.end()), now_.end());
        if (now_.size() > configurations_max / 10)
            overflow_ = overflow_ || now_.size() > configurations_max;
        if (now_.size() > 200 || thorough_)
            return;
        std::vector<Configuration> kept;
        for (size_t i = 0; i < now_.size(); i++) {
            bool needless = false;
            for (size_t j = 0; j < now_.size() && !needless; j++)
                needless = i != j && is_enough(now_[j], now_[i]);
            if (!needless)
                kept.push_back(now_[i]);
        }
        now_ = std::move(kept);
    }

    /* What all agree on need not be carried: ghosts that took effect are gone. */
    void forget_used()
    {
        for (uint32_t name : now_[0].used) {
            if (name >= ghost_base) {
                drop(ghost_releases_, name - ghost_base);
            } else {
                const Ghost &ghost = plan_.ghosts[name];
                ghosts_[{ghost.permits, ghost.shared}].erase({ghost.until, name});
                if (ghost.call > time_)
                    gone_.insert(name);
            }
        }
        now_[0].used.clear();
    }

    const Plan &plan_;
    bool thorough_;
    int64_t time_ = 0;
    std::vector<Configuration> now_;
    Verdict verdict_;
    bool overflow_ = false;
    Numbers grant_of_;
    Numbers release_of_;
    std::vector<bool> is_open_;
    Numbers open_grants_;
    Numbers open_releases_;
    Numbers ghost_releases_;
    std::map<std::pair<uint32_t, bool>, std::set<std::pair<int64_t, uint32_t>>> ghosts_;
    std::multimap<uint64_t, uint32_t> ghosts_of_; /* By session, called or not */
    std::set<uint32_t>
            gone_; /* Ghosts that took effect, or never will, before their call */
    uint64_t ghost_permits_ =
            0; /* Of all that were called: a count is not taken at its word */
    std::multiset<std::pair<bool, uint32_t>> waiting_;
};

} // namespace

Verdict search(const Plan &plan, bool thorough)
{
    return Search(plan, thorough).run();
}

} // namespace linear
