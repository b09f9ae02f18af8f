/*
 * Lives through seeds until one of them breaks a promise: what planted.py runs for each
 * planted bug.
 *
 *     sim_hunt FROM COUNT [BREACH]
 *
 * Prints `caught SEED: what` and answers 3, or `clean COUNT` and answers 0; below that, which
 * rare branches of the product no life has reached, and what was done (lives_report.h).
 * Whatever ends the process on the way, an assertion or worse, is said to have been caught in
 * its seed. With BREACH only what contains it counts: could that oracle do it without all the
 * others?
 */
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sim/lives/life.h"
#include "sim/lives/lives_report.h"
#include "sim/lives/shrink.h"

namespace {

enum {
    CAUGHT = 3
};

unsigned long long seed_now;

void caught(int number)
{
    char line[100];
    int count = snprintf(line, sizeof(line), "caught %llu: signal %d\n", seed_now, number);
    if (write(STDOUT_FILENO, line, static_cast<size_t>(count)) == count)
        _exit(CAUGHT);
    _exit(1);
}

/* Lives that others end early, by an assertion, are passed over. */
int hunt_by_one(unsigned long long begin, unsigned long long count, const char *oracle)
{
    for (unsigned long long seed = begin; seed < begin + count; seed++) {
        for (const std::string &breach : sim::live_apart(sim::draw_plan(seed)).breaches) {
            size_t at = breach.find(oracle);
            if (at == std::string::npos)
                continue;
            printf("caught %llu: %s\n", seed, breach.c_str() + at);
            return CAUGHT;
        }
    }
    printf("clean %llu\n", count);
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: sim_hunt FROM COUNT [BREACH]\n");
        return 2;
    }
    unsigned long long begin = std::strtoull(argv[1], nullptr, 10);
    unsigned long long count = std::strtoull(argv[2], nullptr, 10);
    if (argc == 4)
        return hunt_by_one(begin, count, argv[3]);
    for (int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE})
        signal(number, caught);
    sim::LivesReport report;
    for (seed_now = begin; seed_now < begin + count; seed_now++) {
        sim::Life life(sim::draw_plan(seed_now));
        life.run();
        report.add(life);
        if (life.all_is_well())
            continue;
        for (const std::string &breach : life.oracle().breaches)
            printf("caught %llu: %s\n", seed_now, breach.c_str());
        return CAUGHT;
    }
    printf("clean %llu\n%s", count, report.text().c_str());
    return 0;
}
