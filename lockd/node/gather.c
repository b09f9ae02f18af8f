/*
 * Waiting for those who are about to come back.
 *
 * Clients that are answered together mostly ask again together: programs in a loop, or the two
 * of a handoff, of whom one hears that its lock is free and the other that it is its own. The
 * first to arrive would get an entry for itself and the others the next: two writes beside each
 * other where one would do, and from then on they come in two groups. So the leader counts the
 * connections that it has told something and not heard from since, and keeps the entry open
 * while they keep coming: until all are back, half an entry's time went by without any, or a
 * whole one since the entry was opened.
 *
 * It is a guess, so it is checked: while fewer than half of those that were told come back in
 * time, nobody is waited for. And a client alone never waits: it is the one that came.
 *
 * An entry's time is what one takes at the least: the way to the peers and a write. Where that
 * is long it is the spacing of entries instead, which over a distance they wait anyway.
 */
#include "node/replica.h"

enum {
    TOLD_REMEMBERED = 256 /* So many are judged by; what was before counts half. */
};

static uint64_t entry_ns(const struct node *node)
{
    uint64_t least_ns = node->backlog.least_ns;
    uint64_t spacing_ns = node->settings.entry_spacing_ns;
    return least_ns < spacing_ns ? least_ns : spacing_ns;
}

void gather_init(struct node *node)
{
    node->gather = (struct gather){.round = node->gather.round + 1};
}

static bool is_awaited(const struct node *node, const struct conn *conn)
{
    return conn->awaited_in == node->gather.round;
}

/* Nobody came for so long that nobody is expected. */
static bool is_over(const struct node *node)
{
    return node->now_ns >= node->gather.over_ns;
}

static void remember_told(struct gather *gather)
{
    gather->told_count++;
    if (gather->told_count < 2 * TOLD_REMEMBERED)
        return;
    gather->told_count /= 2;
    gather->back_count /= 2;
}

void gather_told(struct node *node, struct conn *conn)
{
    struct gather *gather = &node->gather;
    if (is_over(node)) {
        gather->round++;
        gather->awaited = 0;
    }
    gather->over_ns = node->now_ns + entry_ns(node);
    if (is_awaited(node, conn))
        return;
    conn->awaited_in = gather->round;
    gather->awaited++;
    remember_told(gather);
}

void gather_gone(struct node *node, struct conn *conn)
{
    if (!is_awaited(node, conn))
        return;
    conn->awaited_in = 0;
    node->gather.awaited--;
}

void gather_heard(struct node *node, struct conn *conn)
{
    struct gather *gather = &node->gather;
    bool in_time = is_awaited(node, conn) && !is_over(node);
    gather_gone(node, conn);
    if (!in_time)
        return;
    gather->back_count++;
    gather->heard_ns = node->now_ns;
    gather->over_ns = node->now_ns + entry_ns(node);
}

uint64_t gather_until_ns(const struct node *node)
{
    const struct gather *gather = &node->gather;
    bool come_back = 2 * gather->back_count >= gather->told_count;
    if (node->batch.command_count == 0 || gather->awaited == 0 || is_over(node) ||
            !come_back)
        return 0;
    uint64_t gap_over_ns = gather->heard_ns + entry_ns(node) / 2;
    uint64_t entry_over_ns = node->batch.opened_ns + entry_ns(node);
    return gap_over_ns < entry_over_ns ? gap_over_ns : entry_over_ns;
}
