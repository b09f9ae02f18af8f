/*
 * What is done to a cluster besides killing, pausing and cutting off (deeds.cc).
 *
 * A minority of the nodes at most is without its log at a time: damaged, or its directory is
 * not there. Such a node must refuse to start, or keep out of votes; what it had comes back
 * later, and then it must take part again.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <map>
#include <set>
#include <string>

#include "sim/lives/life_plan.h"

namespace sim {

class Life;

class Faults {
public:
    explicit Faults(Life &life) : life_(life) {}
    /* One of its kinds; false if it was not possible. */
    bool act(Kind kind, int id);

    /* Without its log, or not to be relied upon to be there. */
    bool is_away(int id) const
    {
        return away_.count(id) > 0;
    }
    void come_back(int id);
    /* All is well with its disk again, and it may have as many segments as ever. */
    void repair_disk(int id);
    /* From now on its disk is of no use, in one way or another; it is up and connected. */
    void spoil_disk(int id);

private:
    bool slow(int id);
    bool lose(int id);
    bool break_frame(int id);
    bool half_open(int id);
    bool bridge(int id);
    bool end_amid(int id);
    bool end_at_start(int id);
    bool damage(int id);
    bool rot(int id);
    void become_readable(int id);
    bool empty(int id);
    bool jump_wall(int id);
    bool stick_disk(int id);
    bool fill_log(int id);
    bool replay_slowly(int id);
    void read_slowly(int id);
    bool hand_over_amid_replay();
    void restart(int id);
    int other_end(int id);
    bool may_go_away(int id);

    Life &life_;
    std::set<int> away_;
    std::set<int> spoilt_;                   /* For good, until they are repaired */
    std::map<int, struct entry_id> durable_; /* Of logs that are not mounted */
};

} // namespace sim

#endif
