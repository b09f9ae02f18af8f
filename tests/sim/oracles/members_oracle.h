/*
 * What must be true while the members change.
 *
 *   majorities      what a leader calls committed lies on the disks of a majority of the voters
 *                   of its newest configuration, and such a majority has voted for it. It is
 *                   the directory that counts, (id, incarnation): neither a learner nor one
 *                   that was removed or replaced
 *   one at a time   a leader begins a change when the one before, and an entry of its own
 *                   term, are committed; it adds or removes one voter at most
 *   same for all    what is committed at an index is the same configuration on every node,
 *                   and no node counts by an older one than those that it knows to be committed
 */
#ifndef SIM_MEMBERS_ORACLE_H
#define SIM_MEMBERS_ORACLE_H

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/member_list.h"
#include "sim/world/world.h"

namespace sim {

class MembersOracle {
public:
    using Directory = std::pair<uint8_t, uint64_t>; /* Id, incarnation */

    std::optional<std::string> look(Machine &machine); /* After each of its turns */
    void before_end(const Machine &machine);

    /* The newest configuration that is committed; none: the cluster was not bootstrapped. */
    const configuration *newest() const;
    std::set<int> voters() const; /* ... and its voters, by id */

    /* That one, and later ones that some node has in its log: each may come to count. */
    std::vector<configuration> possible() const;

private:
    struct Seen {
        uint64_t configuration = 0;
        uint64_t commit = 0;
        uint64_t led = 0; /* The last term that it was seen to lead */
    };
    struct Votes {
        std::map<uint64_t, uint8_t> by_term;
        uint64_t latest = 0;
    };
    std::optional<std::string> look_at_change(const Machine &machine);
    std::optional<std::string> look_at_history(const Machine &machine);
    std::optional<std::string> look_at_election(const Machine &machine);
    std::optional<std::string> look_at_commit(const Machine &machine, bool has_changed);
    void note_proposal(const Machine &machine);
    bool voted(const member &voter, uint64_t term, uint8_t candidate) const;
    bool has(const member &voter, const Machine &leader, uint64_t index) const;
    template <class Does>
    bool is_majority(const configuration &configuration, Does does) const;

    std::map<Directory, Machine *> up_;
    std::map<Directory, Seen> seen_;
    std::map<Directory, Votes> votes_;
    std::map<Directory, struct entry_id> durable_; /* Of those that ended */
    std::map<uint64_t, configuration> committed_;  /* By index */
    /* Not committed when they were seen, by index and term; those that cannot count are gone. */
    std::map<std::pair<uint64_t, uint64_t>, configuration> proposed_;
};

} // namespace sim

#endif
