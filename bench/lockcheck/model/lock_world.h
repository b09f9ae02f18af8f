/*
 * What is the same for all configurations: the time, the open operations, the ghosts. The
 * walk changes it; everything else reads it.
 */
#ifndef LINEAR_LOCK_WORLD_H
#define LINEAR_LOCK_WORLD_H

#include <map>
#include <set>
#include <unordered_map>

#include "lockcheck/model/configuration.h"
#include "lockcheck/model/lock_plan.h"

namespace linear {

/*
 * What a search may spend, and what it has spent. A narrow search drops what is over the
 * limits: what it finds is an order, but if it finds none, that proves nothing. Any other
 * search stops there, undecided.
 */
struct Effort {
    size_t width = configurations_max;
    bool narrow = false;
    uint64_t most = work_max;
    bool over = false; /* A limit was met: something was dropped, or the search stops */
    uint64_t work = 0; /* Configurations that were made or compared, by their size */

    void spend(uint64_t count, const Configuration &config)
    {
        work += count * (4 + config.holds.size()) / 4;
        over = over || work > most;
    }

    /* Configurations on the ways from one moment to the next. */
    size_t seen_max() const
    {
        return narrow ? 16 * width : configurations_max;
    }

    bool must_stop() const
    {
        return over && (!narrow || work > most);
    }
};

/* Of a plan, what a search looks up and never changes. */
struct Index {
    explicit Index(const Plan &plan);

    Numbers grant_of;                            /* By hold: its step */
    Numbers release_of;                          /* By hold; no_hold: it has none */
    Numbers turn_of;                             /* By step; no_hold: it has none */
    std::multimap<uint64_t, uint32_t> ghosts_of; /* By session, called or not */
};

/* A copy is what a search can go back to. */
struct World {
    World(const Plan &plan, const Index &index, bool thorough, Effort &effort);

    void open(uint32_t number);
    void close(uint32_t number);
    void add_ghost(uint32_t number);
    void remove_ghost(uint32_t number);
    /* Every configuration agrees that this one took effect. */
    void use_up(uint32_t name);

    bool has_open_release(uint64_t session) const;
    /* Those that were called and not used up; by number. */
    const Numbers &ghost_releases_of(uint64_t session) const;
    /* Without tokens: some acquire without an answer may be what happens now. */
    bool has_ghost(const Configuration &config) const;
    /* Can this grant's hold have come and gone? */
    bool is_brief(uint32_t number) const;
    /* May this grant be the next, as far as the turns tell? */
    bool is_next(const Configuration &config, uint32_t number) const;
    /* With many ghosts it is not tracked which ones were used up. */
    bool is_many() const;

    /* It was called, its session may live, and it is not used up. */
    bool is_about(uint32_t ghost) const;

    /* Without tokens: a grant may be of the hold that the session has. */
    bool is_entered_again() const;

    uint64_t session_of(uint32_t hold) const;
    uint32_t permits_of(uint32_t hold) const;
    bool is_shared(uint32_t hold) const;
    bool conflicts(uint32_t hold, bool shared) const;

    const Plan &plan;
    const Index &index;
    bool thorough;
    Effort &effort;
    int64_t time = 0;
    std::vector<bool> is_open;
    Numbers open_grants;
    Numbers open_releases;
    std::unordered_map<uint64_t, Numbers> ghost_releases; /* By session */
    /* By permits and mode; of each kind, whose session is over first. */
    std::map<std::pair<uint32_t, bool>, std::set<std::pair<int64_t, uint32_t>>> ghosts;
    std::set<uint32_t> gone; /* Ghosts that took effect, or never will, before their call */
    /* Of all that were called, because a count cannot be trusted. */
    uint64_t ghost_permits = 0;
    std::map<std::pair<bool, uint32_t>, uint32_t> waiting; /* How many want the same */
    uint32_t turn = 0; /* The first that has not returned */
};

} // namespace linear

#endif
