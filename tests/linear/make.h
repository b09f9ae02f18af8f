/*
 * Valid histories from a model: a simulated lock service with known moments of effect, leases
 * that run out, answers that get lost and clients that die; and the ways to spoil one.
 */
#ifndef LINEAR_MAKE_H
#define LINEAR_MAKE_H

#include "lockcheck/history/history.h"

namespace linear {

struct Recipe {
    uint64_t seed = 1;
    uint64_t operations = 1000;
    Model model = Model::fenced;
    uint32_t permits = 1;
    uint32_t procs = 8;
    uint32_t locks = 1;
    uint32_t unknown_percent = 5; /* Answers that get lost */
    uint32_t death_percent = 1;   /* Of decisions: the client stops for good */
    bool session_leases = true;   /* Or each hold has its own */
    bool commands_renew = true;   /* Or only keepalives extend a session's lease */
    int64_t ttl = 1000000;
};

History make_history(const Recipe &recipe);

/* The ways, by name; false: this history has no place for it. */
std::vector<std::string> mutations();
bool mutate(History &history, const std::string &how, uint64_t seed);

} // namespace linear

#endif
