#include "core/core_anchor.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

/* 1 - 2ρ is one part less than this, of this. */
enum {
    RATE_PARTS = 100
};

/* How far an anchor is from now, on the clock that ran more. */
static uint64_t elapsed_ns(struct clocks sent, struct clocks now)
{
    uint64_t boot_ns = now.boot_ns - sent.boot_ns;
    uint64_t raw_ns = now.raw_ns - sent.raw_ns;
    return u64_max(boot_ns, raw_ns);
}

/* The part of a span of cluster time that is safe to use: (1 - 2ρ) of it, rounded down. */
static uint64_t reliable_ns(uint64_t span_ns)
{
    return span_ns - span_ns / RATE_PARTS - (span_ns % RATE_PARTS != 0);
}

/* Which of two anchors places cluster time later: largest s - T·(1 - 2ρ). */
static bool is_better(const struct anchor *a, const struct anchor *b, struct clocks now)
{
    uint64_t a_ns = elapsed_ns(a->sent, now);
    uint64_t b_ns = elapsed_ns(b->sent, now);
    if (a->applied >= b->applied)
        return u64_sum(a_ns, reliable_ns(a->applied - b->applied)) < b_ns;
    return a_ns < u64_sum(b_ns, reliable_ns(b->applied - a->applied));
}

void anchor_take(
        struct anchor *anchor, struct clocks sent, uint64_t applied, struct clocks now)
{
    if (anchor->applied == applied && anchor->sent.boot_ns == sent.boot_ns &&
            anchor->sent.raw_ns == sent.raw_ns)
        return; /* Most answers of a frame are like this. */
    struct anchor found = {.set = true, .sent = sent, .applied = applied};
    if (!anchor->set || is_better(&found, anchor, now))
        *anchor = found;
}

/*
 * s + (D - T)·(1 - 2ρ) - guard, on both clocks; s at the least. D is at most a ttl past
 * cluster time. A node that sends a greater D is broken, and is believed only for a ttl
 * from now.
 */
struct clocks anchor_window(
        const struct anchor *anchor, uint64_t deadline, uint64_t ttl_ns, struct clocks now)
{
    struct clocks until = anchor->sent;
    if (deadline <= anchor->applied)
        return until;
    uint64_t guard = u64_max(ttl_ns / 50, 50 * NS_PER_MS);
    uint64_t window = u64_rest(reliable_ns(deadline - anchor->applied), guard);
    uint64_t most = u64_sum(elapsed_ns(anchor->sent, now), ttl_ns);
    if (window > most) {
        MARK(client_deadline_too_far);
        window = most;
    }
    until.boot_ns = u64_sum(until.boot_ns, window);
    until.raw_ns = u64_sum(until.raw_ns, window);
    return until;
}
