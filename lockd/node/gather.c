/* Whom the open batch waits for: see gather.h. */
#include "node/gather.h"

#include "base/numbers.h"

enum {
    TOLD_REMEMBERED = 256 /* This many are counted; what came before counts half. */
};

static uint64_t entry_ns(const struct gather *gather)
{
    return u64_min(gather->backlog->least_ns, gather->spacing_ns);
}

void gather_init(struct gather *gather)
{
    assert(gather->backlog);
    *gather = (struct gather){
            .backlog = gather->backlog,
            .spacing_ns = gather->spacing_ns,
            .round = gather->round + 1,
    };
}

static bool is_awaited(const struct gather *gather, const struct conn *conn)
{
    return conn->awaited_in == gather->round;
}

/* No connection came back for this long, so none is expected. */
static bool is_over(const struct gather *gather, uint64_t now_ns)
{
    return now_ns >= gather->over_ns;
}

static void remember_told(struct gather *gather)
{
    gather->told_count++;
    if (gather->told_count < 2 * TOLD_REMEMBERED)
        return;
    gather->told_count /= 2;
    gather->back_count /= 2;
}

void gather_told(struct gather *gather, struct conn *conn, uint64_t now_ns)
{
    if (is_over(gather, now_ns)) {
        gather->round++;
        gather->awaited = 0;
    }
    gather->over_ns = now_ns + entry_ns(gather);
    if (is_awaited(gather, conn))
        return;
    conn->awaited_in = gather->round;
    gather->awaited++;
    remember_told(gather);
}

void gather_gone(struct gather *gather, struct conn *conn)
{
    if (!is_awaited(gather, conn))
        return;
    assert(gather->awaited > 0);
    conn->awaited_in = 0;
    gather->awaited--;
}

void gather_heard(struct gather *gather, struct conn *conn, uint64_t now_ns)
{
    bool in_time = is_awaited(gather, conn) && !is_over(gather, now_ns);
    gather_gone(gather, conn);
    if (!in_time)
        return;
    gather->back_count++;
    gather->heard_ns = now_ns;
    gather->over_ns = now_ns + entry_ns(gather);
}

uint64_t gather_until_ns(const struct gather *gather, uint64_t opened_ns, uint64_t now_ns)
{
    bool come_back = 2 * gather->back_count >= gather->told_count;
    if (gather->awaited == 0 || is_over(gather, now_ns) || !come_back)
        return 0;
    uint64_t gap_over_ns = gather->heard_ns + entry_ns(gather) / 2;
    uint64_t entry_over_ns = opened_ns + entry_ns(gather);
    return u64_min(gap_over_ns, entry_over_ns);
}

void gather_check(const struct gather *gather)
{
    assert(gather->round > 0);
    assert(gather->told_count < 2 * TOLD_REMEMBERED);
    if (gather->told_count == 0)
        assert(gather->back_count == 0 && gather->awaited == 0);
    if (gather->heard_ns != 0)
        assert(gather->heard_ns <= gather->over_ns);
}
