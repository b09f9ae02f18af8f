/*
 * Which node the client uses.
 *
 * The nodes are tried in turn until one says who leads. The leader's connection is kept
 * until it closes, is silent though it owes an answer, or another node leads. The first
 * round of tries has no pauses, because another node usually works. Then pauses double,
 * with jitter, so that a cluster that comes back is not overloaded.
 *
 * A client stays for a while with a node that knows no leader: in an election that node is
 * the first to know who won, and tells it. So after the death of a leader a client finds
 * the next one as soon as there is one.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

/* Stay this long with a node that knows no leader: it will tell. */
#define FOLLOW_NS        (150 * NS_PER_MS)
/* Between two tries when the nodes belong to another cluster */
#define FOREIGN_PAUSE_NS (4 * NS_PER_S)

static void notice(struct core *core, enum core_notice_kind kind, uint64_t number)
{
    nodes_notice(&core->nodes, (struct core_notice){kind, core->link.node, number});
}

static void start(struct core *core)
{
    struct link *link = &core->link;
    assert(link->state == LINK_IDLE);
    link->state = LINK_CONNECTING;
    link->serial++;
    link->node_id = 0;
    core->owed.count = 0;
    link->deadline_ns = u64_sum(core->now.boot_ns, core->settings.connect_wait_ns);
    core->connect_wanted = true;
    notice(core, CORE_NOTICE_CONNECTING, 0);
}

/* Requests without a number are sent anew; numbered requests stay where they are. */
static void take_back(struct core *core)
{
    struct list_node *node;
    while ((node = list_first(&core->opens_sent)) != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        if (session_at(core, request->session)->phase == PHASE_ENDED)
            session_forget_opening(core, request);
        else
            request_move(core, request, &core->opens, PLACE_WAITING);
    }
    while ((node = list_first(&core->reads_sent)) != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        request_move(core, request, &core->reads, PLACE_WAITING);
    }
}

/* Forget the connection: nothing of it counts any longer. */
static void drop(struct core *core)
{
    if (core->connect_wanted)
        core->connect_wanted = false; /* It was not begun. */
    else if (core->link.state != LINK_IDLE)
        core->close_wanted = true;
    if (core->link.state == LINK_READY)
        core->link.left_ns = core->now.boot_ns;
    core->link.state = LINK_IDLE;
    core->owed.count = 0;
    core->hush_until_ns = 0; /* The next may have less to do. */
    take_back(core);
    output_drop(&core->output);
    frame_reader_init(&core->reader, core->input, FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
}

/* How long to pause before the next try. */
static uint64_t draw_pause(struct core *core)
{
    uint32_t tries = core->link.tries;
    if (tries < core->nodes.count)
        return 0;
    uint32_t doublings = tries - core->nodes.count;
    uint64_t pause = core->settings.retry_max_ns;
    if (core->foreign != 0) /* Nobody waits: only to notice if it was a mistake. */
        return prng_between(&core->prng, FOREIGN_PAUSE_NS / 2, FOREIGN_PAUSE_NS);
    if (doublings < 20 && core->settings.retry_min_ns < pause >> doublings)
        pause = core->settings.retry_min_ns << doublings;
    return prng_between(&core->prng, pause / 2, pause);
}

/* Leave this node; try the next in the list. */
static void try_next(struct core *core)
{
    drop(core);
    struct link *link = &core->link;
    link->told_bytes = 0;
    link->tries++;
    link->redirects = 0;
    link->node = (link->node + 1) % core->nodes.count;
    link->deadline_ns = u64_sum(core->now.boot_ns, draw_pause(core));
}

static void note_trouble(struct core *core, enum core_notice_kind why, uint64_t number)
{
    nodes_trouble(&core->nodes, (struct core_notice){why, core->link.node, number},
            core->now.boot_ns);
}

/*
 * Connect at once, as a node said. Nodes that send a client round in a circle are tried like
 * others that do not work: with pauses.
 */
static void go_to(struct core *core, uint32_t node)
{
    struct link *link = &core->link;
    if (link->redirects > core->nodes.count) {
        MARK(client_redirected_in_circles);
        try_next(core);
        return;
    }
    drop(core);
    link->redirects++;
    link->node = node;
    link->deadline_ns = core->now.boot_ns;
}

/*
 * Another node named this one, and it is not where this client knew it. It may have moved: go
 * where the other one says it is.
 */
static bool go_where_told(struct core *core)
{
    struct link *link = &core->link;
    if (link->told_bytes == 0)
        return false;
    MARK(client_goes_where_told);
    uint8_t id = core->nodes.all[link->node].node.id;
    struct span address = {(const unsigned char *)link->told, link->told_bytes};
    uint32_t node = nodes_find(&core->nodes, id, address);
    core->nodes.all[node].node.id = id;
    link->told_bytes = 0;
    go_to(core, node);
    return true;
}

void link_on_failed(struct core *core, enum core_notice_kind why, uint64_t number)
{
    note_trouble(core, why, number);
    if (why != CORE_NOTICE_CONNECT_FAILED || !go_where_told(core))
        try_next(core);
}

/* ---- Another cluster ---- */

static void finish_all(struct core *core, struct list *list)
{
    struct list_node *node;
    while ((node = list_first(list)) != NULL)
        request_finish(
                core, LIST_OWNER(node, struct core_request, link), STATUS_WRONG_CLUSTER);
}

/*
 * The nodes belong to another cluster now: that of this client's sessions is not there any more.
 * Whoever believes in a lock of it must stop at once, because the new cluster may give that
 * lock to others.
 */
static void become_foreign(struct core *core, uint64_t cluster)
{
    MARK(client_foreign);
    core->foreign = cluster;
    for (uint32_t at = pool_next(&core->sessions, 0); at != 0;
            at = pool_next(&core->sessions, at)) {
        struct core_session *session = session_at(core, at);
        session->verdict = STATUS_WRONG_CLUSTER;
        session->close_wanted = false;
        if (session->phase != PHASE_ENDED)
            session_end(core, session, CORE_REASON_WRONG_CLUSTER, false);
        else
            session_settle(core, session);
    }
    finish_all(core, &core->reads);
    finish_all(core, &core->reads_sent);
    finish_all(core, &core->reads_resting);
}

/* This node belongs to that cluster, which is not ours. */
static void on_foreign(struct core *core, uint64_t cluster)
{
    MARK(client_wrong_cluster);
    link_on_failed(core, CORE_NOTICE_WRONG_CLUSTER, cluster);
    if (core->foreign == 0 && core->cluster != 0 &&
            nodes_foreign(&core->nodes, core->settings.node_count, core->link.left_ns))
        become_foreign(core, cluster);
}

/* The client belongs to the cluster of the first node that leads one. */
static void join(struct core *core, uint64_t cluster)
{
    core->cluster = cluster;
    core->nodes.all[core->link.node].cluster = cluster;
    nodes_tell_foreign(&core->nodes, cluster, core->now.boot_ns);
}

void link_on_connected(struct core *core, const unsigned char *random)
{
    struct link *link = &core->link;
    if (link->state != LINK_CONNECTING)
        return;
    memcpy(link->random, random, SECRET_BYTES);
    link->told_bytes = 0;
    link->state = LINK_GREETING;
    link->deadline_ns = u64_sum(core->now.boot_ns, core->settings.connect_wait_ns);
    send_hello(core);
}

static void become_ready(struct core *core)
{
    struct link *link = &core->link;
    link->state = LINK_READY;
    core->owed.count = 0;
    core->nodes.all[link->node].troubled = false;
    notice(core, CORE_NOTICE_LEADER, link->node_id);
    for (uint32_t at = pool_next(&core->sessions, 0); at != 0;
            at = pool_next(&core->sessions, at))
        session_link_ready(core, session_at(core, at));
}

/* Stay with this node for a moment: it says as soon as it knows who leads. */
static void become_following(struct core *core)
{
    MARK(client_follows);
    core->link.state = LINK_FOLLOWING;
    core->link.deadline_ns = core->now.boot_ns + FOLLOW_NS;
}

/* Go to the node that leads, as this one says. */
static void follow(struct core *core, uint8_t id, struct span address)
{
    uint32_t node = nodes_find(&core->nodes, id, address);
    core->nodes.all[node].node.id = id;
    if (node == core->link.node ||
            nodes_refused_lately(&core->nodes, node, core->now.boot_ns)) {
        MARK(client_redirect_refused);
        become_following(core);
        return;
    }
    notice(core, CORE_NOTICE_REDIRECT, id);
    go_to(core, node);
    const char *known = core->nodes.all[node].node.address;
    bool same = strlen(known) == address.count &&
                memcmp(known, address.bytes, address.count) == 0;
    if (same || core->link.node != node)
        return;
    core->link.told_bytes = address.count;
    memcpy(core->link.told, address.bytes, address.count);
}

/* What a node says about the leader: it is itself, another, or unknown. */
static void on_word(struct core *core, uint8_t leader, struct span address, bool fresh)
{
    struct link *link = &core->link;
    if (leader == link->node_id && leader != 0) {
        if (fresh) {
            become_ready(core);
        } else if (link->state == LINK_FOLLOWING) {
            /*
             * Numbers go once per connection, so a leader that comes back gets a new one.
             */
            MARK(client_leader_again);
            go_to(core, link->node);
        }
    } else if (leader == 0 || address.count == 0) {
        if (fresh || link->state == LINK_READY) {
            note_trouble(core, CORE_NOTICE_NO_LEADER, 0);
            become_following(core);
        }
    } else {
        follow(core, leader, address);
    }
}

void link_on_welcome(struct core *core, const struct welcome *welcome)
{
    struct link *link = &core->link;
    if (link->state != LINK_GREETING) {
        link_on_failed(core, CORE_NOTICE_NONSENSE, 0);
        return;
    }
    if (core->cluster != 0 && welcome->cluster != 0 && welcome->cluster != core->cluster) {
        on_foreign(core, welcome->cluster);
        return;
    }
    core->nodes.all[link->node].cluster = welcome->cluster;
    if (welcome->cluster != 0 && welcome->leader == welcome->node)
        join(core, welcome->cluster);
    if (welcome->cluster != 0)
        core->foreign = 0;
    if (welcome->ttl_max_ns != 0) {
        core->ttl_min_ns = welcome->ttl_min_ns;
        core->ttl_max_ns = welcome->ttl_max_ns;
    }
    link->node_id = welcome->node;
    core->nodes.all[link->node].node.id = welcome->node;
    on_word(core, welcome->leader, welcome->leader_address, true);
}

void link_on_refused(struct core *core, const struct refused *refused)
{
    if (refused->why == REFUSED_CLUSTER)
        on_foreign(core, refused->cluster);
    else if (refused->why == REFUSED_VERSION)
        link_on_failed(core, CORE_NOTICE_VERSION,
                (uint64_t)refused->versions.least << 16 | refused->versions.most);
    else
        link_on_failed(core, CORE_NOTICE_REFUSED, refused->why);
}

void link_on_leader(struct core *core, const struct leader *leader)
{
    if (core->link.state == LINK_FOLLOWING || core->link.state == LINK_READY)
        on_word(core, leader->leader, leader->address, false);
    else
        link_on_failed(core, CORE_NOTICE_NONSENSE, 0);
}

void link_on_not_leader(struct core *core)
{
    if (core->link.state == LINK_READY) {
        note_trouble(core, CORE_NOTICE_NO_LEADER, 0);
        become_following(core);
    }
}

static uint64_t silence_limit(const struct core *core)
{
    uint64_t limit = core->settings.silence_min_ns;
    for (uint32_t i = 0; i < core->link.silences && limit < core->settings.silence_max_ns;
            i++)
        limit = u64_sum(limit, limit);
    return u64_min(limit, core->settings.silence_max_ns);
}

static uint64_t silence_deadline(const struct core *core)
{
    return u64_sum(core->owed.since_ns, silence_limit(core));
}

void link_heard(struct core *core)
{
    core->owed.since_ns = core->now.boot_ns;
}

void link_answered(struct core *core)
{
    owed_answered(&core->owed);
    core->link.tries = 0;
    core->link.silences = 0;
    core->link.redirects = 0;
}

uint64_t link_deadline(const struct core *core)
{
    if (core->link.state != LINK_READY)
        return core->link.deadline_ns;
    return core->owed.count == 0 ? UINT64_MAX : silence_deadline(core);
}

void link_on_time(struct core *core)
{
    struct link *link = &core->link;
    bool due = core->now.boot_ns >= link_deadline(core);
    if (!due)
        return;
    switch (link->state) {
    case LINK_IDLE:
        start(core);
        break;
    case LINK_CONNECTING:
    case LINK_GREETING:
        MARK(client_connect_timeout);
        link_on_failed(core, CORE_NOTICE_CONNECT_FAILED, 0);
        break;
    case LINK_FOLLOWING:
        try_next(core);
        break;
    case LINK_READY:
        MARK(client_leaves_silent);
        link->silences++;
        link_on_failed(core, CORE_NOTICE_SILENT, 0);
        break;
    }
}
