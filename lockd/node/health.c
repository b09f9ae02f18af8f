/* What is wrong with this node's own log, and who is told: see health.h. */
#include "node/health.h"

#include "base/units.h"

enum {
    LOOK_AGAIN_MS = 100,
    TELL_AGAIN_S = 10, /* A condition that ended is not logged again before */
};

static bool has_room(const struct health *health)
{
    return journal_segments_have_room(health->journal, 1, health->entry_bytes_max);
}

/* No room, and neither a full disk nor too many segments is the cause. */
static bool waits_for_segment(const struct health *health)
{
    return health->roomless_ns != 0 && wal_end(health->wal) > 0 &&
           health->times->now_ns - health->roomless_ns >= health->stall_ns;
}

static bool is_stalled(const struct health *health)
{
    return raft_write_age_ns(health->raft) >= health->stall_ns || waits_for_segment(health);
}

enum condition health_of_log(const struct health *health)
{
    bool has = has_room(health);
    bool no_space = health->segments->retry_ns != 0;
    bool full = wal_is_full(health->wal);
    if (health->reader->unreadable)
        return CONDITION_READ_ERROR;
    if (no_space && !has)
        return CONDITION_DISK_FULL;
    if (full && !has)
        return CONDITION_LOG_FULL;
    if (is_stalled(health))
        return CONDITION_DISK_STALLED;
    if (no_space)
        return CONDITION_NO_SPACE;
    return full ? CONDITION_LOG_NEARLY_FULL : CONDITION_HEALTHY;
}

static enum peer_fitness judge(const struct health *health, bool has)
{
    bool known = health->segments->retry_ns != 0 || wal_is_full(health->wal);
    if (!has && (known || waits_for_segment(health))) {
        bool votes = journal_segments_have_room(health->journal, 0, 0);
        return votes ? PEER_NO_ROOM : PEER_CANNOT_WRITE;
    }
    bool cannot_lead = health->reader->unreadable || health->lacks_state;
    return cannot_lead ? PEER_CANNOT_LEAD : PEER_FIT;
}

bool health_judge(struct health *health, struct raft_event *event)
{
    bool has = has_room(health);
    if (has)
        health->roomless_ns = 0;
    else if (health->roomless_ns == 0)
        health->roomless_ns = health->times->now_ns;
    enum peer_fitness fitness = judge(health, has);
    if (fitness == health->fitness)
        return false;
    health->fitness = fitness;
    *event = (struct raft_event){.kind = RAFT_FITNESS, .fitness = fitness};
    return true;
}

/* Conditions with a line of their own are told where they begin. */
static bool is_told_here(enum condition condition)
{
    return condition >= CONDITION_DISK_STALLED;
}

/* One that was told not long ago is not told again, neither its beginning nor its end. */
static void begin(struct health *health, enum condition now)
{
    struct told_condition *told = &health->told;
    uint64_t now_ns = health->times->now_ns;
    uint64_t before_ns = told->told_ns[now];
    if (before_ns != 0 && now_ns - before_ns < TELL_AGAIN_S * NS_PER_S)
        return;
    told->now = now;
    told->told_ns[now] = now_ns;
    notices_tell(health->notices, NOTICE_CONDITION, 0, now);
}

bool health_tell_is_due(const struct health *health)
{
    return health->times->now_ns - health->told.looked_ns >= LOOK_AGAIN_MS * NS_PER_MS;
}

void health_tell(struct health *health, enum condition now)
{
    struct told_condition *told = &health->told;
    told->looked_ns = health->times->now_ns;
    if (now == told->now)
        return;
    if (told->now != CONDITION_HEALTHY) {
        notices_tell(health->notices, NOTICE_CONDITION_OVER, 0, told->now);
        told->told_ns[told->now] = health->times->now_ns;
        told->now = CONDITION_HEALTHY;
    }
    if (is_told_here(now))
        begin(health, now);
}

void health_check(const struct health *health)
{
    assert(health->stall_ns > 0 && health->entry_bytes_max > 0);
    assert(health->roomless_ns <= health->times->now_ns);
    assert(health->told.looked_ns <= health->times->now_ns);
    assert(health->told.now == CONDITION_HEALTHY || is_told_here(health->told.now));
}
