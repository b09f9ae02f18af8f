#include "lockcheck/search/search.h"

#include <algorithm>
#include <optional>

#include "lockcheck/model/lock_view.h"
#include "lockcheck/search/direct_way.h"
#include "lockcheck/search/dominance.h"
#include "lockcheck/search/every_way.h"
#include "lockcheck/search/timeline.h"
#include "lockcheck/search/worth.h"

namespace linear {

namespace {

constexpr size_t narrow_widths[] = {16, 256};

class Search {
public:
    Search(const Plan &plan, bool thorough, Effort &effort)
            : plan_(plan), effort_(effort), world_(plan, thorough, effort)
    {
    }

    Verdict run()
    {
        now_.push_back({});
        for (const Moment &moment : timeline(plan_)) {
            world_.time = moment.when;
            if (moment.what != What::ret) {
                arrive(moment);
                continue;
            }
            if (!plan_.ordered && plan_.steps[moment.number].does == Does::death)
                use_in_time(plan_.steps[moment.number].session);
            leave(moment.number);
            bool stop = effort_.must_stop();
            if (now_.empty() && !effort_.over && (!plan_.vague || world_.thorough))
                verdict_.stuck = plan_.steps[moment.number].op;
            verdict_.decided = verdict_.stuck || !(stop || now_.empty());
            if (stop || now_.empty())
                break;
            verdict_.most = std::max(verdict_.most, now_.size());
            effort_.spend(now_.size(), now_[0]);
        }
        return verdict_;
    }

private:
    void arrive(const Moment &moment)
    {
        switch (moment.what) {
        case What::call:
            call(moment.number);
            break;
        case What::waits:
            wait(plan_.waiters[moment.number]);
            break;
        case What::ghost:
            world_.add_ghost(moment.number);
            if (!plan_.ordered)
                settle_all();
            break;
        case What::ghost_release:
            world_.ghost_releases[plan_.ghost_releases[moment.number].session].push_back(
                    moment.number);
            break;
        case What::ghost_over:
            use_in_time(plan_.ghosts[moment.number].session);
            break;
        case What::waited:
            stop_waiting(plan_.waiters[moment.number]);
            break;
        case What::ghost_gone:
            forget(moment.number);
            break;
        case What::ret:
            break;
        }
    }

    void wait(const Waiter &waiter)
    {
        world_.waiting.insert({waiter.shared, waiter.permits});
        settle_all();
    }

    void stop_waiting(const Waiter &waiter)
    {
        use_in_time(std::nullopt);
        world_.waiting.erase(world_.waiting.find({waiter.shared, waiter.permits}));
    }

    void settle_all()
    {
        for (Configuration &config : now_) {
            if (!config.undone.empty())
                settle(world_, config);
        }
    }

    /* Of all ghosts that ended, none holds any longer. */
    void forget(uint32_t number)
    {
        for (Configuration &config : now_) {
            if (drop(config.holds, number + ghost_base))
                settle(world_, config);
            drop(config.used, number);
        }
        world_.remove_ghost(number);
    }

    /* A hold or ghost goes that may explain what still waits for an explanation. */
    void use_in_time(std::optional<uint64_t> session)
    {
        std::vector<Configuration> more;
        bool released = !plan_.ordered && session && world_.has_open_release(*session);
        for (const Configuration &config : now_) {
            if (!config.undone.empty() || released)
                try_every_way(world_, config, no_hold, more);
            bound(more);
        }
        if (more.empty())
            return;
        now_.insert(now_.end(), more.begin(), more.end());
        thin_out(world_, now_);
    }

    void call(uint32_t number)
    {
        const Step &step = plan_.steps[number];
        world_.open(number);
        if (step.does == Does::grant)
            settle_all();
        if (!step.observes())
            return;
        for (Configuration &config : now_) {
            if (!is_satisfied(world_, config, step))
                put(config.undone, number);
        }
    }

    /* --- A return --- */

    void extend(Configuration &&config, uint32_t number, std::vector<Configuration> &next)
    {
        if (!config.undone.empty() || !plan_.ordered)
            settle(world_, config);
        if (is_done(world_, config, number) && !is_open_question(world_, config, number)) {
            conclude(world_, std::move(config), number, next);
            return;
        }
        std::vector<Configuration> more;
        if (config.undone.empty() && !world_.thorough && !is_tricky(world_, config))
            more = direct_way(world_, config, number);
        if (more.empty())
            try_every_way(world_, config, number, more);
        for (Configuration &found : more)
            next.push_back(std::move(found));
    }

    void leave(uint32_t number)
    {
        std::vector<Configuration> next;
        for (Configuration &config : now_) {
            extend(std::move(config), number, next);
            bound(next);
        }
        world_.close(number);
        for (Configuration &config : next) {
            drop(config.early, number);
            drop(config.brief, number);
            if (!plan_.ordered && world_.is_many())
                forget_moot(world_, config);
        }
        now_ = std::move(next);
        thin_out(world_, now_);
        if (now_.size() == 1)
            forget_used();
    }

    /* Memory: what comes from many configurations is thinned out before it is too much. */
    void bound(std::vector<Configuration> &some)
    {
        if (some.size() > 4 * effort_.seen_max())
            thin_out(world_, some);
        if (effort_.must_stop())
            some.clear();
    }

    /*
     * What all configurations agree on need not be kept: ghosts that took effect are gone.
     */
    void forget_used()
    {
        for (uint32_t name : now_[0].used)
            world_.use_up(name);
        now_[0].used.clear();
    }

    const Plan &plan_;
    Effort &effort_;
    World world_;
    std::vector<Configuration> now_;
    Verdict verdict_;
};

} // namespace

/*
 * Nearly always few configurations lead to the end, the ones that hold most. What they find
 * is an order, so only if they find none, more are tried.
 */
Verdict search(const Plan &plan, bool thorough)
{
    for (size_t width : narrow_widths) {
        Effort effort{width, true};
        Verdict verdict = Search(plan, thorough, effort).run();
        if (verdict.decided || !effort.over)
            return verdict;
    }
    Effort effort;
    return Search(plan, thorough, effort).run();
}

} // namespace linear
