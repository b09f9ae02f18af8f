/*
 * The weather between endpoints: for each directed pair whether what is sent arrives, how late
 * and how often. Both kinds of wire ask here; whoever holds standard input decides.
 *
 * Commands, one a line, each answered by one line, `ok` or `error: WHY`:
 *
 *     link FROM TO [cut] [delay=US] [jitter=US] [loss=PPM] [twice=PPM] [shuffle]
 *     heal                    all links are as they were at the start
 *     reset NAME              connections of that endpoint are broken off (proxy only)
 *     count                   ok passed=N dropped=N cut=N delayed=N doubled=N reset=N
 *
 * FROM and TO are names of endpoints, or * for all. A link's rule is replaced as a whole.
 */
#ifndef JEPSEN_LINKS_H
#define JEPSEN_LINKS_H

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace wire {

using Nanoseconds = int64_t;

Nanoseconds monotonic_now();

struct Rule {
    bool cut = false;
    bool shuffle = false; /* Later packets may arrive before earlier ones. */
    Nanoseconds delay = 0;
    Nanoseconds jitter = 0; /* Up to so much is added */
    uint32_t loss_ppm = 0;
    uint32_t twice_ppm = 0;

    bool operator==(const Rule &) const = default;
};

struct Counts {
    uint64_t passed = 0;
    uint64_t dropped = 0; /* By chance */
    uint64_t cut = 0;     /* Met a cut */
    uint64_t delayed = 0;
    uint64_t doubled = 0;
    uint64_t reset = 0;
};

class Links {
public:
    /* The number of an endpoint, which is made known by this. */
    size_t endpoint(const std::string &name);

    const Rule &rule(size_t from, size_t to) const
    {
        return rules_[from * endpoints_max + to];
    }

    /* True once in 1,000,000 / ppm. */
    bool happens(uint32_t ppm);

    /* How late what is sent now arrives. */
    Nanoseconds lateness(const Rule &rule);

    /* Carry out a command; its answer, without a line feed. */
    std::string command(const std::string &line);

    Counts counts;
    std::vector<size_t> resets; /* Asked for and not yet done: endpoints */

private:
    static constexpr size_t endpoints_max = 16;

    std::vector<size_t> matching(const std::string &name) const;
    std::string set_link(const std::vector<std::string> &words);

    std::vector<std::string> names_;
    std::vector<Rule> rules_ = std::vector<Rule>(endpoints_max * endpoints_max);
    std::mt19937_64 dice_{1};
};

} // namespace wire

#endif
