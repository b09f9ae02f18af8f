/*
 * What was done to many lives, and what it made the product do.
 *
 * Faults by kind, with how often they were done and in how many lives; the rare branches of
 * the product (base/mark.h), with how often and in how many lives each was passed. The marks
 * stand in a section of the program, so those that no life has passed are known, too: they are
 * what the simulator cannot find wrong, and come first.
 */
#ifndef SIM_LIVES_REPORT_H
#define SIM_LIVES_REPORT_H

#include <map>
#include <string>

#include "sim/lives/life.h"

namespace sim {

class LivesReport {
public:
    /* Before the first life, and after each: marks are counted by process. */
    LivesReport();
    void add(Life &life);

    /*
     * Lines that nightly.sh adds up: `mark TIMES in LIVES NAME`, `fault TIMES in LIVES
     * KIND`.
     */
    std::string text() const;

private:
    struct Met {
        uint64_t times = 0;
        uint64_t lives = 0;

        void add(uint64_t more);
    };

    static std::map<std::string, uint64_t> passed();

    std::map<std::string, uint64_t> passed_; /* By the process so far */
    std::map<std::string, Met> marks_;
    std::map<std::string, Met> faults_;
    uint64_t lives_ = 0;
    uint64_t simulated_ns_ = 0;
    uint64_t turns_ = 0;
    uint64_t entries_ = 0;
    uint64_t grants_ = 0;
};

} // namespace sim

#endif
