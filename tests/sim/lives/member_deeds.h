/*
 * Members are added, removed, replaced and moved in a hostile life, and the lead is handed
 * over, while all else goes on. Requests may be under way side by side; the cluster makes one
 * change at a time.
 *
 * A machine whose log is damaged for good gives it up, and the cluster must replace it by
 * itself.
 *
 * A machine that is replaced leaves its old disk behind. Later that may be started once more,
 * beside the new one (a ghost): the cluster must not count it, and tells it that it is
 * removed.
 */
#ifndef SIM_MEMBER_DEEDS_H
#define SIM_MEMBER_DEEDS_H

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sim/lives/life_plan.h"
#include "sim/lives/operator.h"

namespace sim {

class Life;

class MemberDeeds {
public:
    MemberDeeds(Life &life, const struct prng &dice);
    bool act(Kind kind, int id); /* One of its kinds; false if it was not possible. */

    /* Part of the cluster at some time: else nobody has started it. */
    bool was_started(int id) const;
    bool is_member(int id) const;

    /* All is well: no errand is left, and no ghost. */
    void rest();
    /* Members change when asked to, and an old disk is told that it is replaced. */
    void test();

private:
    struct Old {
        int id;
        Disk::Content content;
    };
    bool add();
    bool remove(int id);
    bool replace(int id);
    bool repair(int id);
    bool move(int id);
    bool promote();
    bool transfer(int id);
    bool start_ghost();
    bool may_wipe(int id);
    bool is_spare(int id) const;
    void make_new(int id);
    std::string new_address(int id);
    uint64_t incarnation_of(int id) const;
    bool is_away(int id) const;
    void ask(uint8_t kind, int id, const std::string &what, const std::string &text = "",
            uint32_t flags = 0, uint64_t number = 0);
    void must(uint8_t kind, int id, const std::string &what, const std::string &text = "",
            uint64_t number = 0);
    Machine &ghost_of(Old old);
    void test_ghost();
    void test_repairs();

    Life &life_;
    Operator operator_;
    uint64_t addresses_ = 0;
    std::set<int> started_; /* Spares */
    std::map<int, uint64_t>
            wiped_; /* Members without their disks, until they are replaced */
    std::map<int, uint64_t>
            repairs_; /* Those of them that are to be replaced without being asked for */
    std::vector<Old> old_; /* Disks of machines that were replaced or removed */
    std::vector<std::unique_ptr<Machine>> ghosts_; /* Events may name them until the end. */
    /* Nobody is asked to add and to remove the same one at a time. */
    std::set<int> joining_or_going_;
    int removals_ = 0; /* Asked for, and not answered yet */
};

} // namespace sim

#endif
