#include "lockcheck/search/search.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>

#include "lockcheck/model/lock_view.h"
#include "lockcheck/search/direct_way.h"
#include "lockcheck/search/dominance.h"
#include "lockcheck/search/every_way.h"
#include "lockcheck/search/greedy.h"
#include "lockcheck/search/timeline.h"
#include "lockcheck/search/worth.h"

namespace linear {

namespace {

/*
 * How a narrow search goes on when it is stuck: it goes back to the place before the last
 * this many, and is this wide from there until the difficulty is behind it.
 */
struct Retry {
    size_t back;
    size_t width;
};
constexpr Retry retries[] = {{0, 2}, {1, 16}, {3, 64}, {7, 256}};
constexpr size_t places_max = 8;
constexpr size_t place_interval = 4096; /* Moments */

/* Where a narrow search can go back to. */
struct Place {
    size_t moment;
    World world;
    std::vector<Configuration> now;
};

class Search {
public:
    Search(const Plan &plan, bool thorough, Effort &effort)
            : plan_(plan), effort_(effort), index_(plan), moments_(timeline(plan))
    {
        world_.emplace(plan, index_, thorough, effort);
        now_.push_back({});
    }

    Verdict run()
    {
        for (at_ = 0; at_ < moments_.size(); at_++) {
            if (effort_.narrow)
                remember();
            if (!visit(moments_[at_]) && !go_back())
                return give_up();
        }
        verdict_.work = effort_.work;
        return verdict_;
    }

private:
    /* False: nothing leads on from here, or the effort is used up. */
    bool visit(const Moment &moment)
    {
        world_->time = moment.when;
        if (moment.what != What::ret) {
            arrive(moment);
            return true;
        }
        if (!plan_.ordered && plan_.steps[moment.number].does == Does::death)
            use_in_time(plan_.steps[moment.number].session);
        leave(moment.number);
        if (now_.empty() || effort_.must_stop())
            return false;
        verdict_.most = std::max(verdict_.most, now_.size());
        effort_.spend(now_.size(), now_[0]);
        return true;
    }

    Verdict give_up()
    {
        bool proves = now_.empty() && !effort_.over && (!plan_.vague || world_->thorough);
        verdict_.decided = proves;
        verdict_.work = effort_.work;
        /* A wider try may have ended before the place that was the difficulty. */
        size_t furthest = std::max(at_, furthest_);
        verdict_.stuck = plan_.steps[moments_[furthest].number].op;
        return verdict_;
    }

    /* --- A narrow search --- */

    void remember()
    {
        if (retries_ > 0 && at_ > furthest_ + place_interval) {
            retries_ = 0;
            effort_.width = retries[0].width;
        }
        if (!places_.empty() && at_ < places_.back().moment + place_interval)
            return;
        places_.push_back({at_, *world_, now_});
        if (places_.size() > places_max)
            places_.pop_front();
    }

    /* False: it was tried often enough, or nothing was left out that could be tried. */
    bool go_back()
    {
        if (!effort_.narrow || !effort_.over || effort_.must_stop() ||
                ++retries_ == std::size(retries))
            return false;
        furthest_ = std::max(furthest_, at_);
        effort_.width = retries[retries_].width;
        for (size_t i = 0; i < retries[retries_].back && places_.size() > 1; i++)
            places_.pop_back();
        const Place &place = places_.back();
        world_.emplace(place.world);
        now_ = place.now;
        at_ = place.moment;
        /* This moment is visited again. */
        return visit(moments_[at_]);
    }

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
            world_->add_ghost(moment.number);
            if (!plan_.ordered)
                settle_all();
            break;
        case What::ghost_release:
            world_->ghost_releases[plan_.ghost_releases[moment.number].session].push_back(
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
        world_->waiting[{waiter.shared, waiter.permits}]++;
        settle_all();
    }

    void stop_waiting(const Waiter &waiter)
    {
        use_in_time(std::nullopt);
        auto kind = world_->waiting.find({waiter.shared, waiter.permits});
        if (--kind->second == 0)
            world_->waiting.erase(kind);
    }

    void settle_all()
    {
        for (Configuration &config : now_) {
            if (!config.undone.empty())
                settle(*world_, config);
        }
    }

    /* Of all ghosts that ended, none holds any longer. */
    void forget(uint32_t number)
    {
        for (Configuration &config : now_) {
            if (drop(config.holds, number + ghost_base))
                settle(*world_, config);
            drop(config.used, number);
        }
        world_->remove_ghost(number);
    }

    /* A hold or ghost goes that may explain what still waits for an explanation. */
    void use_in_time(std::optional<uint64_t> session)
    {
        std::vector<Configuration> more;
        bool released = !plan_.ordered && session && world_->has_open_release(*session);
        for (const Configuration &config : now_) {
            if (is_greedy() && !config.undone.empty()) {
                relieve(*world_, config, more);
                effort_.over = true;
            } else if (!config.undone.empty() || released) {
                try_every_way(*world_, config, no_hold, more);
            }
            bound(more);
        }
        if (more.empty())
            return;
        now_.insert(now_.end(), more.begin(), more.end());
        thin_out(*world_, now_);
    }

    void call(uint32_t number)
    {
        const Step &step = plan_.steps[number];
        world_->open(number);
        if (step.does == Does::grant)
            settle_all();
        if (!step.observes())
            return;
        for (Configuration &config : now_) {
            if (!is_satisfied(*world_, config, step))
                put(config.undone, number);
        }
    }

    /* --- A return --- */

    /* A narrow search tries everything only where it is in difficulty. */
    bool is_greedy() const
    {
        return effort_.narrow && plan_.ordered && retries_ == 0;
    }

    std::vector<Configuration> cheap_ways(const Configuration &config, uint32_t number)
    {
        std::vector<Configuration> from = {config};
        std::vector<Configuration> found;
        relieve(*world_, config, from);
        effort_.over = true; /* There are other ways. */
        for (Configuration &some : from) {
            if (is_done(*world_, some, number)) {
                found.push_back(std::move(some));
                continue;
            }
            for (Configuration &to : direct_way(*world_, some, number))
                found.push_back(std::move(to));
        }
        return found;
    }

    void extend(Configuration &&config, uint32_t number, std::vector<Configuration> &next)
    {
        if (!config.undone.empty() || !plan_.ordered)
            settle(*world_, config);
        if (is_done(*world_, config, number) &&
                !is_open_question(*world_, config, number)) {
            conclude(*world_, std::move(config), number, next);
            return;
        }
        std::vector<Configuration> more;
        if (config.undone.empty() && !world_->thorough && !is_tricky(*world_, config))
            more = direct_way(*world_, config, number);
        else if (is_greedy())
            more = cheap_ways(config, number);
        if (more.empty())
            try_every_way(*world_, config, number, more);
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
        world_->close(number);
        for (Configuration &config : next) {
            drop(config.early, number);
            drop(config.brief, number);
            if (!plan_.ordered && world_->is_many())
                forget_moot(*world_, config);
        }
        now_ = std::move(next);
        thin_out(*world_, now_);
        if (now_.size() == 1)
            forget_used();
    }

    /* Memory: what comes from many configurations is thinned out before it is too much. */
    void bound(std::vector<Configuration> &some)
    {
        if (some.size() > 4 * effort_.seen_max())
            thin_out(*world_, some);
        if (effort_.must_stop())
            some.clear();
    }

    /*
     * What all configurations agree on need not be kept: ghosts that took effect are gone.
     */
    void forget_used()
    {
        for (uint32_t name : now_[0].used)
            world_->use_up(name);
        now_[0].used.clear();
    }

    const Plan &plan_;
    Effort &effort_;
    Index index_;
    std::optional<World> world_; /* Optional so that another can take its place */
    std::vector<Configuration> now_;
    Verdict verdict_;
    std::vector<Moment> moments_;
    size_t at_ = 0; /* The moment that is visited */
    std::deque<Place> places_;
    size_t retries_ = 0; /* Of the present difficulty */
    size_t furthest_ = 0;
};

} // namespace

/*
 * Nearly always one configuration leads to the end, the one that holds most. What a narrow
 * search finds is an order, so only if it finds none, everything is tried.
 */
Verdict search_narrowly(const Plan &plan)
{
    Effort effort{retries[0].width, true, short_work_max + 16 * plan.steps.size()};
    return Search(plan, false, effort).run();
}

Verdict search_widely(const Plan &plan, bool thorough, uint64_t most)
{
    Effort effort;
    effort.most = most;
    return Search(plan, thorough, effort).run();
}

Verdict search(const Plan &plan, bool thorough)
{
    Verdict narrow;
    if (!thorough)
        narrow = search_narrowly(plan);
    if (!thorough && narrow.decided)
        return narrow;
    Verdict verdict = search_widely(plan, thorough);
    verdict.work += narrow.work;
    return verdict;
}

} // namespace linear
