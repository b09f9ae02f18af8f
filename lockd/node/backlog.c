/* The limit follows the time that entries take: see backlog.h. */
#include "node/backlog.h"

#include "base/mark.h"
#include "base/units.h"
#include "protocol/request.h"

#define WAIT_NS  (30 * NS_PER_MS)
#define US_PER_S (NS_PER_S / NS_PER_US)

enum {
    OWED_LEAST = 256
};

void backlog_init(struct backlog *backlog, uint32_t owed_max)
{
    assert(owed_max > 0);
    *backlog = (struct backlog){
            .owed_max = owed_max, .owed_limit = owed_max, .least_ns = UINT64_MAX};
}

static uint32_t least_limit(const struct backlog *backlog)
{
    uint32_t part = backlog->owed_max / 16;
    return part < OWED_LEAST ? part : OWED_LEAST;
}

static uint32_t clamp(const struct backlog *backlog, uint64_t limit)
{
    uint32_t most = backlog->owed_max;
    uint32_t least = least_limit(backlog);
    if (limit > most)
        return most;
    return limit < least ? least : (uint32_t)limit;
}

/* That many commands came and went in that time, which was too long or not. */
static void note_rate(
        struct backlog *backlog, uint64_t passed, uint64_t waited_ns, bool too_long)
{
    uint64_t rate = passed * US_PER_S / (waited_ns / NS_PER_US + 1);
    uint64_t before = backlog->best_rate - backlog->best_rate / (too_long ? 2 : 8);
    backlog->best_rate = rate > before ? rate : before;
}

void backlog_finished(struct backlog *backlog, const struct finished_entry *entry,
        uint32_t owed_count, uint64_t now_ns)
{
    assert(owed_count <= backlog->owed_max);
    uint64_t took_ns = now_ns - entry->sealed_ns;
    if (took_ns < backlog->least_ns)
        backlog->least_ns = took_ns;
    if (entry->command_count == 0)
        return;
    uint64_t waited_ns = now_ns - entry->stages.admitted_ns;
    uint64_t allowed_ns = WAIT_NS + 2 * backlog->least_ns;
    uint64_t passed = owed_count + entry->command_count;
    bool too_long = waited_ns > allowed_ns && passed > least_limit(backlog);
    note_rate(backlog, passed, waited_ns, too_long);
    if (too_long) {
        MARK(backlog_shortened);
        uint64_t limit = backlog->best_rate * (allowed_ns / NS_PER_US) / US_PER_S;
        if (limit < backlog->owed_limit)
            backlog->owed_limit = clamp(backlog, limit);
    } else if (waited_ns <= allowed_ns - allowed_ns / 4) {
        uint64_t grown = (uint64_t)backlog->owed_limit + backlog->owed_limit / 4 + 1;
        backlog->owed_limit = clamp(backlog, grown);
    }
}

bool backlog_takes(
        const struct backlog *backlog, const struct ring *owed, uint8_t request_kind)
{
    if (ring_room(owed) == 0)
        return false;
    return request_kind != REQUEST_ACQUIRE || ring_count(owed) < backlog->owed_limit;
}

void backlog_check(const struct backlog *backlog)
{
    assert(backlog->owed_limit <= backlog->owed_max);
    assert(backlog->owed_limit >= least_limit(backlog));
}
