/*
 * Members with different programs: what the leader may put into the log.
 *
 *   finish    the version of the cluster is raised only if each member has run a program that
 *             knows it, not long ago
 *   kinds     an entry of a kind that only a later version has is made only by a leader that
 *             has applied that version
 *
 * An old program would refuse such an entry, and clients would wait. So no other oracle need
 * see it, and what the product asserts about itself is not asked.
 */
#ifndef SIM_VERSION_ORACLE_H
#define SIM_VERSION_ORACLE_H

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/entry.h"
#include "sim/world/machine.h"

namespace sim {

class VersionOracle {
public:
    explicit VersionOracle(World &world) : world_(world) {}
    /* After each turn of a node. */
    void look(const Machine &machine);
    /* What one node says to another. A breach, in words. */
    std::optional<std::string> hear(const Machine &from, const std::vector<uint8_t> &bytes);

private:
    std::optional<std::string> judge(
            const Machine &from, const entry_head &head, const unsigned char *body);
    std::optional<std::string> judge_raise(const Machine &from, uint16_t version) const;
    bool has_known(int id, uint16_t version) const;

    World &world_;
    std::map<int, std::map<uint16_t, uint64_t>>
            knew_;                                 /* By node and version: last seen so */
    std::set<std::pair<uint64_t, uint64_t>> seen_; /* Entries: term, index */
};

} // namespace sim

#endif
