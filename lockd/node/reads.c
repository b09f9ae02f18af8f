/*
 * Queries and lists, on any node.
 *
 * A stale read is answered from the state at hand. Any other waits until raft says what
 * index is surely behind everything committed before it, and until that index is applied;
 * all reads of a turn share one question. (G8)
 *
 * A page is cut at what its connection can take now; where not even one lock fits, the read
 * is held back until something was sent. So a client that lists more than its output holds
 * gets all of it, at its own pace.
 */
#include "base/mark.h"
#include "node/replica.h"

enum {
    ANSWER_HEAD_BYTES_MAX = 64,
    VIEW_BYTES_MAX = 512
};

/* How many locks the connection has room for, of those that the read asks for. */
static uint16_t views_that_fit(const struct conn *conn, const struct read *read)
{
    size_t wanted = read->kind == READ_LOCK ? 1 : read->limit;
    size_t head = FRAME_HEAD_BYTES + ANSWER_HEAD_BYTES_MAX;
    size_t room = conn_room(conn);
    size_t fit = room > head ? (room - head) / VIEW_BYTES_MAX : 0;
    return (uint16_t)(fit < wanted ? fit : wanted);
}

/*
 * Wait until the client has taken something? Only while others find room to wait beside
 * it: one that never reads is cut off then.
 */
static bool hold_back(
        const struct node *node, const struct conn *conn, const struct read *read)
{
    if (views_that_fit(conn, read) > 0)
        return false;
    if (node->reads_waiting > node->settings.limits.reads_max / 2)
        return false;
    MARK(read_held_back);
    return true;
}

static void put_views(const struct node *node, struct wire *wire,
        struct read_answer *answer, const struct read *read, uint16_t most)
{
    struct lock_view views[LIST_LOCKS_MAX];
    unsigned char scratch[LIST_LOCKS_MAX * VIEW_SCRATCH_BYTES];
    if (read->kind == READ_LOCK) {
        locks_view(node->locks, read->name, &views[0], scratch);
        answer->count = 1;
    } else {
        answer->cursor = read->cursor;
        const struct view_page page = {.views = views, .scratch = scratch, .most = most};
        answer->count =
                (uint16_t)locks_list(node->locks, read->prefix, &answer->cursor, &page);
    }
    wire_read_answer(wire, answer);
    for (uint16_t i = 0; i < answer->count; i++)
        wire_lock_view(wire, &views[i]);
}

static void answer(
        struct node *node, struct conn *conn, const struct read *read, enum status status)
{
    struct read_answer answer = {
            .stamp = read->stamp,
            .status = (uint8_t)status,
            .index = locks_index(node->locks),
            .time = locks_time(node->locks),
    };
    uint16_t views = status == STATUS_OK ? views_that_fit(conn, read) : 0;
    if (status == STATUS_OK && views == 0) {
        conn_cut_off(node, conn);
        return;
    }
    size_t bytes = ANSWER_HEAD_BYTES_MAX + (size_t)views * VIEW_BYTES_MAX;
    struct wire wire = conn_begin(node, conn, bytes);
    if (status == STATUS_OK)
        put_views(node, &wire, &answer, read, views);
    else
        wire_read_answer(&wire, &answer);
    conn_end(node, conn, FRAME_READ_ANSWER, &wire);
}

static struct waiting_read *free_read(struct node *node)
{
    for (uint32_t i = 0; i < node->settings.limits.reads_max; i++) {
        if (!node->reads[i].taken)
            return &node->reads[i];
    }
    return NULL;
}

static struct span keep(unsigned char *room, struct span span)
{
    memcpy(room, span.bytes, span.count);
    return (struct span){room, span.count};
}

static struct waiting_read *wait(
        struct node *node, const struct conn *conn, const struct read *read)
{
    struct waiting_read *waiting = free_read(node);
    assert(waiting);
    waiting->taken = true;
    waiting->ready = false;
    waiting->conn = conn_slot(node, conn);
    waiting->serial = conn->serial;
    waiting->context = node->read_context + 1;
    waiting->read = *read;
    if (read->name.count > 0)
        waiting->read.name = keep(waiting->name, read->name);
    if (read->prefix.count > 0)
        waiting->read.prefix = keep(waiting->prefix, read->prefix);
    node->reads_waiting++;
    return waiting;
}

/* At the leader's index, which the end of the turn asks for. */
static void read_fresh(struct node *node, const struct conn *conn, const struct read *read)
{
    (void)wait(node, conn, read);
    node->read_asked = true;
}

static void read_stale(struct node *node, struct conn *conn, const struct read *read)
{
    if (!hold_back(node, conn, read)) {
        answer(node, conn, read, STATUS_OK);
        return;
    }
    struct waiting_read *waiting = wait(node, conn, read);
    waiting->ready = true;
    waiting->index = 0;
}

void reads_frame(struct node *node, struct conn *conn, const struct frame *frame)
{
    struct read read = {0};
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_read(&wire, &read);
    if (!wire_complete(&wire))
        conn_nonsense(node, conn, 100 + FRAME_READ);
    else if (read.stale)
        read_stale(node, conn, &read);
    else if (node->reads_waiting == node->settings.limits.reads_max)
        answer(node, conn, &read, STATUS_BUSY);
    else
        read_fresh(node, conn, &read);
}

void reads_ask(struct node *node)
{
    if (!node->read_asked)
        return;
    node->read_asked = false;
    node->read_context++;
    struct raft_event event = {.kind = RAFT_READ, .context = node->read_context};
    consensus_step(node, &event);
}

static void finish(struct node *node, struct waiting_read *waiting, enum status status)
{
    struct conn *conn = conn_if_alive(node, waiting->conn, waiting->serial);
    if (conn && status == STATUS_OK && hold_back(node, conn, &waiting->read))
        return;
    if (conn)
        answer(node, conn, &waiting->read, status);
    waiting->taken = false;
    node->reads_waiting--;
}

void reads_ready(struct node *node, const struct raft_read_ready *ready)
{
    for (uint32_t i = 0; i < node->settings.limits.reads_max && node->reads_waiting > 0;
            i++) {
        struct waiting_read *waiting = &node->reads[i];
        if (!waiting->taken || waiting->ready || waiting->context != ready->context)
            continue;
        waiting->ready = ready->granted;
        waiting->index = ready->index;
        if (!ready->granted) {
            MARK(read_without_leader);
            finish(node, waiting, STATUS_NOT_LEADER);
        }
    }
}

void reads_answer(struct node *node)
{
    for (uint32_t i = 0; i < node->settings.limits.reads_max && node->reads_waiting > 0;
            i++) {
        struct waiting_read *waiting = &node->reads[i];
        if (waiting->taken && waiting->ready && waiting->index <= node->applied)
            finish(node, waiting, STATUS_OK);
    }
}
