#include "lockctl/lease.h"

#include "base/numbers.h"

static uint64_t kill_time(const struct lease *lease, uint64_t deadline_ns)
{
    uint64_t latest = u64_rest(deadline_ns, LEASE_MARGIN_NS);
    uint64_t after_term = lease->term_ns + lease->kill_after_ns;
    return lease->term_ns != 0 && after_term < latest ? after_term : latest;
}

static uint64_t term_time(const struct lease *lease, uint64_t deadline_ns)
{
    return u64_rest(kill_time(lease, deadline_ns), lease->kill_after_ns);
}

enum lease_step lease_decide(
        const struct lease *lease, uint64_t deadline_ns, uint64_t now_ns)
{
    if (now_ns >= kill_time(lease, deadline_ns))
        return LEASE_KILL;
    if (lease->term_ns != 0 || now_ns >= term_time(lease, deadline_ns))
        return LEASE_TERM;
    return LEASE_KEEP;
}

uint64_t lease_wake(const struct lease *lease, uint64_t deadline_ns)
{
    return lease->term_ns != 0 ? kill_time(lease, deadline_ns)
                               : term_time(lease, deadline_ns);
}

/*
 * Keepalives are sent every third of the ttl, a leader lets them wait for a twentieth of it,
 * at least 100 ms, and the library trusts slightly less than the ttl: of the shortest ttl, a
 * second, half is left when the next answer comes. Three tenths and the margin leave a tenth.
 */
uint64_t lease_kill_after_default(uint64_t ttl_ns)
{
    return ttl_ns / 5;
}

uint64_t lease_kill_after_max(uint64_t ttl_ns)
{
    return ttl_ns * 3 / 10;
}
