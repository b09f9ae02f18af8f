/*
 * Where cluster time is, as far as this client knows.
 *
 * An anchor is a sending (when, on our clocks) and the cluster time T of the entry in which
 * it was applied. Cluster time runs at most a little faster than real time, so any deadline
 * D is at least (D - T)·(1 - 2ρ) after the sending; with ρ = 0.5 % that is 99 parts of 100,
 * and a guard is taken off besides. An anchor belongs to no session in particular: the
 * client keeps the one that places cluster time latest, and each session has its D.
 */
#ifndef CORE_CORE_ANCHOR_H
#define CORE_CORE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/belief.h"

#ifdef __cplusplus
extern "C" {
#endif

struct anchor {
    bool set;
    struct clocks sent;
    uint64_t applied;
};

/*
 * What was sent at that time was applied at that cluster time: keep the anchor if it places
 * T later.
 */
void anchor_take(
        struct anchor *anchor, struct clocks sent, uint64_t applied, struct clocks now);

/* Until when a session with this D and ttl may be believed. The anchor is set. */
struct clocks anchor_window(
        const struct anchor *anchor, uint64_t deadline, uint64_t ttl_ns, struct clocks now);

#ifdef __cplusplus
}
#endif

#endif
