/*
 * Decides when a child under a lease must be told to end, and when it must be gone.
 *
 *     ... lease is renewed ...        TERM                     KILL     deadline
 *     --------------------------------|------- kill_after ------|- margin -|
 *
 * All times are counted backwards from the current deadline, so each keepalive moves all of
 * them. Once TERM was sent, the child ends even if the lease is renewed: KILL follows after
 * kill_after at the latest.
 *
 * The margin gives the kernel time to carry out the KILL. Times are CLOCK_BOOTTIME, so that
 * a machine decides correctly when it wakes from suspend. Pure.
 */
#ifndef LOCKCTL_LEASE_H
#define LOCKCTL_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEASE_MARGIN_NS UINT64_C(100000000)

enum lease_step {
    LEASE_KEEP, /* Let it run. */
    LEASE_TERM, /* It was told to end, or must be told now. */
    LEASE_KILL, /* Nothing may run now. */
};

struct lease {
    uint64_t kill_after_ns;
    uint64_t term_ns; /* When TERM was sent; 0: not yet */
};

/* `deadline_ns` from lk_deadline(): 0 when it is not certain that the lock is held. */
enum lease_step lease_decide(
        const struct lease *lease, uint64_t deadline_ns, uint64_t now_ns);

/* When to decide again, if the deadline stays as it is. */
uint64_t lease_wake(const struct lease *lease, uint64_t deadline_ns);

/* The default of kill_after, and the longest that still allows a late keepalive. */
uint64_t lease_kill_after_default(uint64_t ttl_ns);
uint64_t lease_kill_after_max(uint64_t ttl_ns);

#ifdef __cplusplus
}
#endif

#endif
