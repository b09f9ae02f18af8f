/* Answers queries and lists, or holds them back: see reads.h. */
#include "node/reads.h"

#include "base/mark.h"

enum {
    ANSWER_HEAD_BYTES_MAX = 64,
    VIEW_BYTES_MAX = 512
};

void reads_carve(struct reads *reads, struct arena *arena, const struct node_limits *limits)
{
    reads->waiting = arena_take(
            arena, "node.reads", limits->reads_max, sizeof(struct waiting_read), 64);
}

void reads_init(struct reads *reads, const struct node_limits *limits)
{
    assert(limits->reads_max > 0);
    reads->max = limits->reads_max;
}

/* How many of the locks that the read wants the connection has room for. */
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
        const struct reads *reads, const struct conn *conn, const struct read *read)
{
    if (views_that_fit(conn, read) > 0)
        return false;
    if (reads->count > reads->max / 2)
        return false;
    MARK(read_held_back);
    return true;
}

static void put_views(const struct reads *reads, struct wire *wire,
        struct read_answer *answer, const struct read *read, uint16_t most)
{
    struct lock_view views[LIST_LOCKS_MAX];
    unsigned char scratch[LIST_LOCKS_MAX * VIEW_SCRATCH_BYTES];
    if (read->kind == READ_LOCK) {
        locks_view(reads->locks, read->name, &views[0], scratch);
        if (read->asker != 0)
            views[0].ahead = locks_ahead(reads->locks, read->name, read->asker);
        answer->count = 1;
    } else {
        answer->cursor = read->cursor;
        const struct view_page page = {.views = views, .scratch = scratch, .most = most};
        answer->count =
                (uint16_t)locks_list(reads->locks, read->prefix, &answer->cursor, &page);
    }
    wire_read_answer(wire, answer);
    for (uint16_t i = 0; i < answer->count; i++)
        wire_lock_view(wire, &views[i]);
}

static void answer(
        struct reads *reads, struct conn *conn, const struct read *read, enum status status)
{
    struct read_answer answer = {
            .stamp = read->stamp,
            .status = (uint8_t)status,
            .index = locks_index(reads->locks),
            .time = locks_time(reads->locks),
    };
    uint16_t views = status == STATUS_OK ? views_that_fit(conn, read) : 0;
    if (status == STATUS_OK && views == 0) {
        conn_cut_off(reads->conns, conn);
        return;
    }
    size_t bytes = ANSWER_HEAD_BYTES_MAX + (size_t)views * VIEW_BYTES_MAX;
    struct wire wire = conn_begin(conn, bytes);
    if (status == STATUS_OK)
        put_views(reads, &wire, &answer, read, views);
    else
        wire_read_answer(&wire, &answer);
    conn_end(reads->conns, conn, FRAME_READ_ANSWER, &wire);
}

static struct waiting_read *free_read(struct reads *reads)
{
    for (uint32_t i = 0; i < reads->max; i++) {
        if (!reads->waiting[i].taken)
            return &reads->waiting[i];
    }
    return NULL;
}

static struct span keep(unsigned char *room, struct span span)
{
    memcpy(room, span.bytes, span.count);
    return (struct span){room, span.count};
}

static struct waiting_read *wait(
        struct reads *reads, const struct conn *conn, const struct read *read)
{
    struct waiting_read *waiting = free_read(reads);
    assert(waiting && conn->role == CONN_CLIENT);
    waiting->taken = true;
    waiting->ready = false;
    waiting->conn = conn_slot(reads->conns, conn);
    waiting->serial = conn->serial;
    waiting->context = reads->context + 1;
    waiting->read = *read;
    if (read->name.count > 0)
        waiting->read.name = keep(waiting->name, read->name);
    if (read->prefix.count > 0)
        waiting->read.prefix = keep(waiting->prefix, read->prefix);
    reads->count++;
    return waiting;
}

/* At the leader's index. The end of the turn queries it. */
static void read_fresh(
        struct reads *reads, const struct conn *conn, const struct read *read)
{
    (void)wait(reads, conn, read);
    reads->ask_due = true;
}

static void read_stale(struct reads *reads, struct conn *conn, const struct read *read)
{
    if (!hold_back(reads, conn, read)) {
        answer(reads, conn, read, STATUS_OK);
        return;
    }
    struct waiting_read *waiting = wait(reads, conn, read);
    waiting->ready = true;
    waiting->index = 0;
}

void reads_frame(struct reads *reads, struct conn *conn, const struct frame *frame)
{
    assert(conn->role == CONN_CLIENT && frame->kind == FRAME_READ);
    struct read read = {0};
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_read(&wire, &read);
    if (!wire_complete(&wire))
        conn_nonsense(reads->conns, conn, 100 + FRAME_READ);
    else if (reads->closed)
        answer(reads, conn, &read, STATUS_NOT_LEADER);
    else if (read.stale)
        read_stale(reads, conn, &read);
    else if (reads->count == reads->max)
        answer(reads, conn, &read, STATUS_BUSY);
    else
        read_fresh(reads, conn, &read);
}

bool reads_ask(struct reads *reads, struct raft_event *event)
{
    if (!reads->ask_due)
        return false;
    assert(reads->count > 0);
    reads->ask_due = false;
    reads->context++;
    *event = (struct raft_event){.kind = RAFT_READ, .context = reads->context};
    return true;
}

static void finish(struct reads *reads, struct waiting_read *waiting, enum status status)
{
    struct conn *conn = conn_if_alive(reads->conns, waiting->conn, waiting->serial);
    if (conn && status == STATUS_OK && hold_back(reads, conn, &waiting->read))
        return;
    if (conn)
        answer(reads, conn, &waiting->read, status);
    assert(waiting->taken && reads->count > 0);
    waiting->taken = false;
    reads->count--;
}

void reads_ready(struct reads *reads, const struct raft_read_ready *ready)
{
    assert(ready->context <= reads->context);
    for (uint32_t i = 0; i < reads->max && reads->count > 0; i++) {
        struct waiting_read *waiting = &reads->waiting[i];
        if (!waiting->taken || waiting->ready || waiting->context != ready->context)
            continue;
        waiting->ready = ready->granted;
        waiting->index = ready->index;
        if (!ready->granted) {
            MARK(read_without_leader);
            finish(reads, waiting, STATUS_NOT_LEADER);
        }
    }
}

void reads_answer(struct reads *reads, uint64_t applied)
{
    if (reads->closed)
        return;
    for (uint32_t i = 0; i < reads->max && reads->count > 0; i++) {
        struct waiting_read *waiting = &reads->waiting[i];
        if (waiting->taken && waiting->ready && waiting->index <= applied)
            finish(reads, waiting, STATUS_OK);
    }
}

void reads_check(const struct reads *reads)
{
    assert(reads->count <= reads->max);
    uint32_t taken = 0;
    for (uint32_t i = 0; i < reads->max; i++) {
        const struct waiting_read *waiting = &reads->waiting[i];
        if (!waiting->taken)
            continue;
        taken++;
        assert(waiting->conn < reads->conns->max);
        assert(waiting->context <= reads->context + 1);
        if (waiting->context == reads->context + 1 && !waiting->ready)
            assert(reads->ask_due);
    }
    assert(taken == reads->count);
}
