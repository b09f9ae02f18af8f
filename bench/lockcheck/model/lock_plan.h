/*
 * One lock's operations as the search needs them: what is known before any order is tried.
 *
 * A *hold* is one grant and all operations on it. With tokens, the order of the holds is
 * known; a hold that is given back by an accepted release does not end in any other way;
 * and the earliest moment at which it can end by itself (lease, death of the session, a
 * release without an answer) is a fact of the history, not of the order. A *ghost* is an
 * acquire without an answer: it may have held for a while, once, at any time from its call
 * on, and what it won may have been given back at any time. So is an acquire that came to
 * nothing, until its return. A ghost whose token a process presented or saw did take place:
 * it becomes a hold.
 *
 * Without tokens some order is known as well: of two holds that both last beyond the return
 * of their grant, the one whose grant returned first was first, or they would overlap. Such
 * grants have a *turn*. The others may have been over before any process was told.
 */
#ifndef LINEAR_PLAN_H
#define LINEAR_PLAN_H

#include "lockcheck/history/session_lives.h"

namespace linear {

constexpr uint32_t no_hold = UINT32_MAX;

struct Hold {
    const Operation *op = nullptr;
    uint64_t session = 0;
    uint64_t token = 0;
    uint32_t permits = 1;
    bool shared = false;
    bool must = false;     /* Ended by an accepted release, and in no other way */
    bool ghost = false;    /* It may end at any time */
    bool late = false;     /* It can never begin */
    int64_t until = never; /* Its session is over from then on: it cannot begin */
    int64_t alone = never; /* May end by itself from here on, without its session's end */
    int64_t ends = never;  /* The same, the session's end included */
    int64_t renewed = INT64_MIN; /* The last accepted renewal was called */
};

enum class Does : uint8_t {
    grant,
    release,
    death, /* The session is over: it holds nothing, and gets nothing more */
    /* Those below change nothing. */
    renew,  /* The hold is there */
    absent, /* The hold is not there */
    held,   /* There was no room */
    query
};

struct Step {
    const Operation *op = nullptr;
    int64_t call = 0;
    int64_t ret = never;
    uint64_t session = 0;
    uint32_t hold = no_hold;
    Does does = Does::query;

    bool observes() const
    {
        return does >= Does::renew;
    }
};

struct Ghost {
    const Operation *op = nullptr;
    uint64_t session = 0;
    uint32_t permits = 1;
    bool shared = false;
    int64_t call = 0;
    int64_t until = never; /* Its session is over */
    /*
     * Until then an operation may name this session; for a release: it may hold until then.
     */
    int64_t named = INT64_MIN;
};

struct Waiter {
    int64_t call = 0;
    int64_t ret = never;
    uint32_t permits = 1;
    bool shared = false;
};

struct Plan {
    const Lock *lock = nullptr;
    bool ordered = true; /* There are tokens */
    bool vague = false;  /* No tokens, and a session that does several things at once */
    uint64_t capacity = 1;
    std::vector<Hold> holds; /* In the order of tokens; without tokens by call */
    std::vector<Step> steps;
    std::vector<Ghost> ghosts;         /* Acquires without an answer */
    std::vector<Ghost> ghost_releases; /* Releases without an answer and without a token */
    std::vector<Waiter> waiters;       /* That were never granted, or may not have been */
    /* Without tokens: grants whose holds last beyond their return, in the order of it. */
    std::vector<uint32_t> turns;
};

Plan make_plan(const Lock &lock, const std::vector<const Operation *> &operations,
        const Sessions &sessions, int64_t drift_ppm);

} // namespace linear

#endif
