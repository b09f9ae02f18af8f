/*
 * Nodes that change their program, in lives of upgrades: to the next version and back, while
 * the cluster has not finished the upgrade; afterwards only to the next. Now and then an
 * operator asks one of them to finish it.
 *
 * Who has the version of the cluster in its log and is started with the old program must not
 * start. Whose log does not have it yet, starts and is kept out by the others until it gets
 * the next program. Which of the two it is, the node's log decides, and here it is known when
 * the entry was durable there.
 */
#ifndef SIM_UPGRADES_H
#define SIM_UPGRADES_H

#include <map>
#include <set>

#include "node/node.h"
#include "sim/lives/finisher.h"

namespace sim {

class Life;
class Machine;

class Upgrades {
public:
    explicit Upgrades(Life &life);
    /* The node ends and starts with the other program. */
    bool act(int id);
    /* It is about to end: what must its log have? */
    void note(const Machine &machine);
    /* It was started, and this is what became of it; true: it starts with the next program. */
    bool judge(int id, enum node_boot boot);
    /* The next program, for good. */
    void run_next(int id);
    /* All nodes run it, and are well: the upgrade is finished, and what was said of it holds. */
    void finish();
    bool is_old(int id) const
    {
        return next_.count(id) == 0;
    }

private:
    void run(int id, bool next);

    bool is_finished() const;

    Life &life_;
    Finisher operator_;
    std::set<int> next_;   /* Nodes whose program knows the next version */
    std::set<int> raised_; /* Nodes whose log must have the version */
};

} // namespace sim

#endif
