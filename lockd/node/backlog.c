/* The limit follows the time that entries take: see backlog.h. */
#include "node/backlog.h"

#include "base/mark.h"
#include "base/units.h"
#include "protocol/request.h"

#define WAIT_NS (30 * NS_PER_MS)

void backlog_init(struct backlog *backlog, uint32_t owed_max)
{
    assert(owed_max > 0);
    *backlog = (struct backlog){
            .owed_max = owed_max, .owed_limit = owed_max, .least_ns = UINT64_MAX};
}

static uint32_t clamp(const struct backlog *backlog, uint64_t limit)
{
    uint32_t most = backlog->owed_max;
    uint32_t least = most / 16;
    if (limit > most)
        return most;
    return limit < least ? least : (uint32_t)limit;
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
    if (waited_ns > allowed_ns) {
        MARK(backlog_shortened);
        uint64_t limit = passed * (allowed_ns / NS_PER_US) / (waited_ns / NS_PER_US);
        if (limit < backlog->owed_limit)
            backlog->owed_limit = clamp(backlog, limit);
    } else {
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
    assert(backlog->owed_limit >= backlog->owed_max / 16);
}
