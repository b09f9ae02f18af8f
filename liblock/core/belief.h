/*
 * What may be believed, in memory that any thread reads while the core writes.
 *
 * A session's record says until when the session certainly lives, on two clocks: the bound
 * is reached when either of them reaches it. BOOTTIME counts a suspend of the machine, RAW
 * is free of slewing; a holder must go by the one that ran more. A hold's record says which
 * token it has. A reader reads the clocks first and the records afterwards: if the records
 * then say yes, they would have said yes at the time of the clock reading.
 *
 * The two deadlines of a session must be seen together, so its record is a sequence lock:
 * the count is odd while it is written. Stores release and loads acquire, one by one, so
 * that no fence is needed. There is one writer at a time.
 */
#ifndef CORE_BELIEF_H
#define CORE_BELIEF_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are those of enum lk_state. */
enum belief_state {
    BELIEF_HELD = 0,
    BELIEF_SUSPENDED = 1,
    BELIEF_LOST = 2
};

/* Two readings made together, ns. */
struct clocks {
    uint64_t boot_ns; /* CLOCK_BOOTTIME */
    uint64_t raw_ns;  /* CLOCK_MONOTONIC_RAW */
};

/* Only the functions below may read or write it. */
struct session_belief {
    uint32_t sequence;
    uint32_t state; /* enum belief_state */
    uint64_t boot_ns;
    uint64_t raw_ns;
};

struct hold_belief {
    uint64_t token; /* 0: nothing held here */
};

/* What a record says. */
struct belief {
    enum belief_state state;
    struct clocks until; /* Believe nothing from this time on */
};

static inline void belief_write(struct session_belief *record, const struct belief *belief)
{
    uint32_t sequence = __atomic_load_n(&record->sequence, __ATOMIC_RELAXED);
    __atomic_store_n(&record->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&record->state, (uint32_t)belief->state, __ATOMIC_RELEASE);
    __atomic_store_n(&record->boot_ns, belief->until.boot_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&record->raw_ns, belief->until.raw_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&record->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/*
 * A signal handler may have interrupted the writer itself, and then the write never
 * finishes: after a while the answer is that nothing is certain.
 */
enum {
    BELIEF_TRIES = 100000
};

static inline struct belief belief_read(const struct session_belief *record)
{
    struct belief belief = {BELIEF_SUSPENDED, {0, 0}};
    for (int tries = 0; tries < BELIEF_TRIES; tries++) {
        uint32_t before = __atomic_load_n(&record->sequence, __ATOMIC_ACQUIRE);
        belief.state = (enum belief_state)__atomic_load_n(&record->state, __ATOMIC_ACQUIRE);
        belief.until.boot_ns = __atomic_load_n(&record->boot_ns, __ATOMIC_ACQUIRE);
        belief.until.raw_ns = __atomic_load_n(&record->raw_ns, __ATOMIC_ACQUIRE);
        uint32_t after = __atomic_load_n(&record->sequence, __ATOMIC_RELAXED);
        if (before == after && (before & 1) == 0)
            return belief;
    }
    belief.state = BELIEF_SUSPENDED;
    return belief;
}

/* How long it may still be believed; 0: not at all. Either clock ends it. */
static inline uint64_t belief_left_ns(const struct belief *belief, struct clocks now)
{
    if (belief->state != BELIEF_HELD)
        return 0;
    if (now.boot_ns >= belief->until.boot_ns || now.raw_ns >= belief->until.raw_ns)
        return 0;
    uint64_t boot_ns = belief->until.boot_ns - now.boot_ns;
    uint64_t raw_ns = belief->until.raw_ns - now.raw_ns;
    return boot_ns < raw_ns ? boot_ns : raw_ns;
}

static inline void hold_write(struct hold_belief *record, uint64_t token)
{
    __atomic_store_n(&record->token, token, __ATOMIC_RELEASE);
}

static inline uint64_t hold_read(const struct hold_belief *record)
{
    return __atomic_load_n(&record->token, __ATOMIC_ACQUIRE);
}

#ifdef __cplusplus
}
#endif

#endif
