/*
 * What must be true of a cluster at any time, whatever happens to it.
 *
 *   election safety     at most one leader in a term
 *   commits stay        what one node says is committed, no node ever has otherwise, and
 *                       every later leader has it
 *   durability          a node comes back with all that it said was durable
 *   G1, G4              who believes that it holds a lock is the one whom the state names that
 *                       is furthest ahead in the log; so no two believe it
 *   G2                  tokens grow in the order of the log
 *   G10                 no two clients ever have the same session
 *   "stop before you send"  what was released is not believed in
 *   G3                  nobody is told that its session is over while it may believe in it
 *
 *   members             who counts, and how they change: members_oracle.h
 *   quotas              the counts of each address and label are what their sessions have:
 *                       quota_oracle.h
 *   duties              whose log is unfit does not stand, and what else duty_oracle.h lists
 *
 * Clocks beyond rho excuse breaches of G3 and G4 for a while: clock_oracle.h.
 * World::check compares digests at equal indexes besides, and walks each node's whole state.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include <map>
#include <string>
#include <vector>

#include "sim/oracles/clock_oracle.h"
#include "sim/oracles/duty_oracle.h"
#include "sim/oracles/members_oracle.h"
#include "sim/oracles/quota_oracle.h"
#include "sim/oracles/state_oracle.h"
#include "sim/oracles/version_oracle.h"
#include "sim/world/sim_client.h"

namespace sim {

class Oracle {
public:
    Oracle(World &world, std::vector<std::string> locks);

    void follow(const Client *client);
    void forget(const Client *client);
    void before_end(Machine &machine);
    void after_start(Machine &machine);
    /* Another log lies there now, durable up to this; up to where the one before was. */
    struct entry_id disk_changed(int id, struct entry_id durable);

    void look_at(Machine &machine); /* After each of its turns */
    /* What was sent, whoever these are. */
    void hear(int from, int to, const std::vector<uint8_t> &bytes);
    void look_at_clients(); /* After each of their steps */

    const MembersOracle &members() const
    {
        return members_;
    }
    ClockOracle &clocks()
    {
        return clocks_;
    }
    uint64_t grants() const
    {
        return grants_;
    }
    uint64_t terms() const
    {
        return leaders_.size();
    }
    uint64_t committed() const
    {
        return committed_.size() - 1;
    }
    /* Breaches found, in words. */
    std::vector<std::string> breaches;

private:
    struct Holder {
        uint64_t session = 0;
        uint64_t token = 0;
    };
    void found(const std::string &breach);
    void one_leader(const Machine &machine);
    void commits_stay(const Machine &machine);
    void has_all_commits(const Machine &machine);
    void move_front(const Machine &machine);
    void look_at_state(const Machine &machine);
    void look_at_belief(const Client &client);
    void one_owner(uint64_t session, const Client &client);

    World &world_;
    std::vector<std::string> locks_;
    std::vector<const Client *> clients_;
    std::map<uint64_t, uint8_t> leaders_; /* By term */
    struct Commit {
        uint64_t term; /* Of the entry */
        uint64_t seen; /* The term of the node that first called it committed */
    };
    std::vector<Commit> committed_;       /* By index */
    std::map<uint8_t, uint64_t> commits_; /* By node: up to where it was compared */
    std::map<uint8_t, uint64_t> leads_;   /* By node: the term that it was seen to lead */
    std::map<uint8_t, struct entry_id> durable_;
    uint64_t front_index_ = 0; /* The state that is furthest ahead */
    std::map<std::string, Holder> front_;
    StateOracle state_;
    ClockOracle clocks_;
    DutyOracle duties_;
    MembersOracle members_;
    VersionOracle versions_;
    QuotaOracle quotas_;
    std::map<const Client *, uint32_t> excused_; /* Sessions lost early */
    std::map<uint64_t, const Client *> owners_;  /* Of sessions, ever */
    uint64_t token_ = 0;                         /* The largest */
    uint64_t grants_ = 0;
};

} // namespace sim

#endif
