/*
 * Deeds of several acts, played with roles: each act begins when some node is what the play
 * waits for. What takes a certain order of elections and cuts is met so again and again, and
 * would hardly ever be met by luck. Of a correct node a play asks nothing.
 *
 *     old entries   Figure 3.7 of Raft's dissertation: a leader is cut off as it appends, the
 *                   next as it begins; the first (or who has its log) leads again, spreads
 *                   the old entries and is cut off when a majority has them but nothing of
 *                   its own term; the second may lead again, and throw them away.
 *     late votes    A leader dies. A candidate's vote is granted and comes late: when the
 *                   candidate stands again, in a later term, in which the others elect
 *                   somebody else. (Three nodes: there one such vote decides.)
 */
#ifndef SIM_PLAYS_H
#define SIM_PLAYS_H

#include <cstdint>
#include <optional>
#include <set>

#include "sim/lives/life_plan.h"
#include "sim/world/machine.h"

namespace sim {

class Life;

class Plays {
public:
    explicit Plays(Life &life) : life_(life) {}
    bool begin(Kind kind);        /* False: now is not the time. */
    void watch(Machine &machine); /* After each turn */

private:
    struct Play {
        Kind kind;
        uint64_t number;
        int act;
        int lead;            /* Who leads as it begins */
        std::set<int> party; /* Old entries: who has them at first */
        int rival;           /* ... who leads next; late votes: the candidate */
        uint64_t term;       /* In which the act before this one was played */
        uint64_t index;      /* Of the old entry */
    };
    std::set<int> all() const;
    std::set<int> all_but(const std::set<int> &some) const;
    bool all_are_well() const;
    void part(const std::set<int> &some, const std::set<int> &others);
    void end_within(uint64_t ns);
    void play_old_entries(Machine &machine);
    void play_late_votes(Machine &machine);
    bool is_time_to_part(const Machine &machine) const;
    void end_lead();
    void hold_votes(Machine &candidate);
    void let_votes_come(Machine &candidate);

    Life &life_;
    std::optional<Play> play_;
    uint64_t plays_ = 0;
};

} // namespace sim

#endif
