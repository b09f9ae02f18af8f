/*
 * The step: one event in; at the end of the turn, what io is to do.
 *
 * Within a turn events only change state and fill buffers. Its end brings the clocks and
 * completes the effects, always in the order that stands in end_turn().
 */
#include "base/mark.h"
#include "base/units.h"
#include "node/replica.h"

void node_notice(
        struct node *node, enum node_notice_kind kind, uint8_t peer, uint64_t number)
{
    struct node_effects *effects = node->effects;
    if (effects->notice_count == NODE_NOTICES_MAX)
        return;
    effects->notices[effects->notice_count++] = (struct node_notice){
            .kind = kind,
            .peer = peer,
            .term = raft_term(node->raft),
            .number = number,
    };
}

struct peer *node_peer(struct node *node, uint8_t id)
{
    for (uint8_t i = 0; i < node->peer_count; i++) {
        if (node->peers[i].id == id)
            return &node->peers[i];
    }
    return NULL;
}

static void on_frame(struct node *node, struct conn *conn, const struct frame *frame)
{
    bool greeted_client = conn->role == CONN_CLIENT && conn->greeted;
    bool greeted_peer = conn->role == CONN_PEER && conn->greeted;
    gather_heard(node, conn);
    if (greeted_peer && frame->kind >= FRAME_PEER_VOTE)
        peers_frame(node, conn, frame);
    else if (greeted_client && frame->kind == FRAME_REQUESTS)
        admit_requests(node, conn, frame);
    else if (greeted_client && frame->kind == FRAME_READ)
        reads_frame(node, conn, frame);
    else if (greeted_client && frame->kind == FRAME_STATUS)
        own_status_frame(node, conn);
    else if (greeted_client && frame->kind == FRAME_STAGES)
        stages_frame(node, conn);
    else
        greet_frame(node, conn, frame);
}

static void on_received(struct node *node, const struct node_event *event)
{
    struct conn *conn = conn_at(node, event->conn);
    assert(conn->role != CONN_FREE);
    if (conn->closing)
        return;
    node->stages->sums[SUM_RECEIVED] += event->count;
    frame_reader_feed(&conn->reader, event->bytes, event->count);
    struct frame frame;
    while (!conn->closing && frame_reader_next(&conn->reader, &frame))
        on_frame(node, conn, &frame);
    if (conn->closing || conn->reader.fault == FRAME_FAULT_NONE)
        return;
    if (conn->reader.fault != FRAME_FAULT_VERSION) {
        conn_nonsense(node, conn, conn->reader.fault);
        return;
    }
    node->counters.bad_frames++;
    node_notice(node, NOTICE_BAD_FRAME, conn->peer, FRAME_FAULT_VERSION);
    greet_refuse(node, conn, REFUSED_VERSION);
}

static void on_segment_failed(struct node *node)
{
    MARK(segment_failed);
    if (node->segment_retry_ns == 0)
        node_notice(node, NOTICE_NO_SPACE, 0, wal_wanted_segment(node->wal));
    node->segment_retry_ns = node->now_ns + NS_PER_S;
    node->segment_asked = false;
}

static void on_segment_ready(struct node *node, uint64_t number)
{
    wal_segment_ready(node->wal, number);
    node->segment_retry_ns = 0;
    node->segment_asked = false;
}

/* Leave: a leader hands over first, so that nobody waits for an election. */
static void on_stop(struct node *node)
{
    if (node->stopping)
        return;
    node->stopping = true;
    node->stop_ns = node->now_ns;
    if (!raft_is_leader(node->raft) || node->peer_count == 0)
        return;
    node->handing_over = true;
    struct raft_event event = {.kind = RAFT_TRANSFER};
    consensus_step(node, &event);
}

static void on_event(struct node *node, const struct node_event *event)
{
    switch (event->kind) {
    case NODE_ACCEPTED:
        conn_open(node, event->conn, 0);
        break;
    case NODE_CONNECTED:
        greet_connected(node, event->conn, event->peer);
        break;
    case NODE_CONNECT_FAILED:
        greet_connect_failed(node, event->peer);
        break;
    case NODE_RECEIVED:
        on_received(node, event);
        break;
    case NODE_SENT:
        conn_sent(node, event->conn, event->count);
        reply_rest(node, event->conn);
        break;
    case NODE_CLOSED:
        conn_closed(node, event->conn, event->by_other);
        break;
    case NODE_WRITTEN:
        wal_written(node->wal, event->id);
        consensus_written(node);
        break;
    case NODE_READ:
        fetch_read(node, event);
        break;
    case NODE_SEGMENT_READY:
        on_segment_ready(node, event->id);
        break;
    case NODE_SEGMENT_FAILED:
        on_segment_failed(node);
        break;
    case NODE_STOP:
        on_stop(node);
        break;
    case NODE_TURN_END:
        break;
    }
}

static void tell_writes(struct node *node)
{
    struct node_effects *effects = node->effects;
    while (effects->write_count < NODE_WRITES_MAX &&
            wal_next_write(node->wal, &effects->writes[effects->write_count])) {
        node->stages->sums[SUM_WRITTEN] += effects->writes[effects->write_count].count;
        node->stages->sums[SUM_WRITES]++;
        effects->write_count++;
    }
    uint64_t wanted = wal_wanted_segment(node->wal);
    bool later = node->segment_retry_ns > node->now_ns;
    if (wanted != 0 && !node->segment_asked && !later) {
        node->segment_asked = true;
        effects->segment_wanted = wanted;
    }
}

/* Stopped when nobody is owed anything: not leading any more, or nobody took over in time. */
static bool has_stopped(struct node *node)
{
    if (!node->stopping)
        return false;
    uint64_t waited_ns = node->now_ns - node->stop_ns;
    bool overdue = waited_ns >= 4 * node->settings.raft.election_max_ns;
    if (node->handing_over && !overdue) {
        bool handed_over = !raft_is_leader(node->raft) && raft_leader(node->raft) != 0;
        if (!handed_over)
            return false;
        node->handing_over = false;
        node_notice(node, NOTICE_HANDED_OVER, raft_leader(node->raft), 0);
    }
    for (uint32_t slot = 0; slot < node->settings.limits.connections_max; slot++) {
        const struct conn *conn = &node->conns[slot];
        bool owes = conn->role == CONN_CLIENT && !conn->closing &&
                    (conn->output.sending != 0 || conn->output.filled != 0);
        if (owes && !overdue)
            return false;
    }
    return true;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * When raft wants the time. Where it would write and the log has no room, it waits for the
 * disk; a leader writes nothing for the time, so its heartbeats and its own end never wait.
 */
static uint64_t consensus_deadline(const struct node *node)
{
    uint64_t deadline_ns = raft_deadline(node->raft);
    struct raft_event time = {.kind = RAFT_TIME, .now_ns = deadline_ns};
    if (time.now_ns < node->now_ns)
        time.now_ns = node->now_ns;
    bool stuck = raft_may_write(node->raft, &time) && !consensus_has_room(node, 0, 0);
    return stuck ? UINT64_MAX : deadline_ns;
}

static uint64_t next_deadline(const struct node *node)
{
    uint64_t deadline_ns = earliest(consensus_deadline(node), batcher_deadline(node));
    if (node->segment_retry_ns != 0 && !node->segment_asked)
        deadline_ns = earliest(deadline_ns, node->segment_retry_ns);
    if (node->stopping)
        deadline_ns = earliest(deadline_ns, node->now_ns + 10 * NS_PER_MS);
    struct entry_head head;
    bool more = node->applied < raft_commit(node->raft) && !node->apply_wants_disk &&
                wal_find(node->wal, node->applied + 1, &head) != NULL;
    if (more)
        deadline_ns = node->now_ns;
    return earliest(deadline_ns, greet_deadline(node));
}

static void end_turn(struct node *node, const struct node_event *event)
{
    struct node_effects *effects = node->effects;
    node->wall_ns = event->clocks.wall_ns;
    node->now_ns = event->clocks.monotonic_ns;
    struct raft_event time = {.kind = RAFT_TIME};
    consensus_step(node, &time);
    served_read(node, &event->clocks);
    node->clocks = event->clocks;
    guard_judge(node);
    apply_committed(node);
    reads_ask(node);
    batcher_seal(node);
    reads_answer(node);
    fetch_next(node);
    greet_dial(node);
    greet_leader_changed(node);
    effects->stopped = has_stopped(node);
    conn_sends(node);
    tell_writes(node);
    effects->deadline_ns = next_deadline(node);
    effects->failed = node->failed;
}

static void begin_turn(struct node_effects *effects)
{
    effects->send_count = 0;
    effects->close_count = 0;
    effects->connect_count = 0;
    effects->write_count = 0;
    effects->read_wanted = false;
    effects->segment_wanted = 0;
    effects->notice_count = 0;
}

void node_step(
        struct node *node, const struct node_event *event, struct node_effects *effects)
{
    assert(node->booted);
    if (!node->in_turn) {
        begin_turn(effects);
        stages_begin_turn(node, event);
    }
    node->in_turn = event->kind != NODE_TURN_END;
    node->effects = effects;
    node->now_ns = event->now_ns;
    if (event->kind == NODE_TURN_END)
        end_turn(node, event);
    else
        on_event(node, event);
}

void node_effects_init(struct node *node, struct node_effects *effects)
{
    *effects = (struct node_effects){.sends = node->sends, .closes = node->closes};
}

unsigned char *node_input_space(struct node *node, uint32_t conn, size_t *room)
{
    return frame_reader_space(&conn_at(node, conn)->reader, room);
}

bool node_conn_is_peer(const struct node *node, uint32_t conn)
{
    return node->conns[conn].role == CONN_PEER;
}

const unsigned char *node_log_buffer(const struct node *node, uint64_t *bytes)
{
    return wal_buffer(node->wal, bytes);
}

struct loop_figures *node_loop_figures(struct node *node)
{
    return &node->stages->loop;
}

const struct raft *node_raft(const struct node *node)
{
    return node->raft;
}

const struct locks *node_locks(const struct node *node)
{
    return node->locks;
}

void node_check(const struct node *node)
{
    assert(node->applied <= raft_commit(node->raft));
    assert(node->applied == locks_index(node->locks));
    assert(node->keepalive_ring.begin <= node->keepalives_sealed);
    assert(node->keepalives_sealed <= node->keepalive_ring.end);
    if (node->batch.open) {
        assert(raft_is_leader(node->raft));
        assert(wal_entry_is_open(node->wal));
    }
    uint32_t taken = 0;
    for (uint32_t i = 0; i < node->settings.limits.connections_max; i++)
        taken += node->conns[i].role != CONN_FREE;
    assert(taken == node->conn_count);
    wal_check(node->wal);
}
