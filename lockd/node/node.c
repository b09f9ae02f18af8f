/*
 * The step: one event in; at the end of the turn, what io is to do.
 *
 * Within a turn events only change state and fill buffers. The end of the turn brings the
 * clocks and completes the effects, always in the order of end_turn().
 *
 * Only this file steps raft. A part that wants something from raft returns an event, and
 * raft is stepped here, where the turn calls step_raft(). So a step never begins within
 * another, and its effects are carried out once, in one place.
 */
#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"
#include "node/replica.h"

/* ---- Raft ---- */

/* Bytes that a step's effects are about, beside the event: each NULL if there are none. */
struct entry_bytes {
    const struct received *received; /* With RAFT_RECEIVE: what arrived */
    const struct chunk *chunk;       /* With RAFT_FETCHED: what was read */
};

/* This node is no longer leader: forget what was not appended, and what is owed. */
static void stop_leading(struct node *node)
{
    batcher_drop(&node->batcher);
    backlog_init(&node->backlog, node->settings.limits.owed_max);
    gather_init(&node->gather);
    ledger_drop(&node->ledger, &node->conns);
}

/* The effects of a step are carried out in the order that raft.h demands. */
static void carry_out(struct node *node, const struct raft_effects *effects,
        const struct entry_bytes *bytes)
{
    if (effects->truncate_from != 0)
        assert(effects->truncate_from > node->applier.applied);
    assert(effects->fetch_count <= RAFT_PEERS_MAX);
    assert(effects->read_count <= RAFT_READS_READY_MAX);
    journal_write(&node->journal, effects, bytes->received);
    received_learn(&node->configurations, effects, bytes->received);
    outbox_send(&node->outbox, effects, node->journal.written, bytes->chunk);
    for (uint32_t i = 0; i < effects->fetch_count; i++)
        fetch_want(&node->fetch, &effects->fetches[i]);
    for (uint32_t i = 0; i < effects->read_count; i++)
        reads_ready(&node->reads, &effects->reads[i]);
    if (effects->start_term) {
        batcher_begin_term(&node->batcher);
        node->notices.counters.elections++;
    }
    if (effects->notice == RAFT_NOTICE_LEADER || effects->notice == RAFT_NOTICE_NEW_LEADER)
        node->notices.counters.leader_changes++;
    if (effects->notice != RAFT_NOTICE_NONE)
        notices_tell(&node->notices, NOTICE_RAFT, effects->notice_peer, effects->notice);
}

/*
 * A message for which the log has no room is dropped: to raft it is a message lost. Room
 * for what is proposed was there when it was written.
 */
static void step_raft_with(
        struct node *node, struct raft_event *event, const struct entry_bytes *bytes)
{
    assert(!node->turn.raft_is_stepped);
    event->now_ns = node->times.now_ns;
    if (event->kind != RAFT_PROPOSE && !journal_takes(&node->journal, event)) {
        MARK(log_has_no_room);
        return;
    }
    node->turn.raft_is_stepped = true;
    bool led = raft_is_leader(node->raft);
    raft_forget(node->raft, wal_window_begin(node->wal));
    raft_step(node->raft, event, node->room.raft_effects);
    if (led && !raft_is_leader(node->raft))
        stop_leading(node);
    carry_out(node, node->room.raft_effects, bytes);
    node->turn.raft_is_stepped = false;
}

static void step_raft(struct node *node, struct raft_event *event)
{
    assert(event->kind != RAFT_RECEIVE && event->kind != RAFT_FETCHED);
    const struct entry_bytes none = {0};
    step_raft_with(node, event, &none);
}

/* ---- What arrived ---- */

static void on_peer_frame(struct node *node, struct conn *conn, const struct frame *frame)
{
    struct raft_event event;
    enum raft_objection objection =
            peers_decode(&node->peers, conn, frame, &node->room.received, &event);
    if (objection == RAFT_TERM_JUMPED)
        greet_object(&node->greet, conn, REFUSED_TERM);
    if (objection == RAFT_TAKES_BACK)
        greet_object(&node->greet, conn, REFUSED_HISTORY);
    if (objection == RAFT_UNSOUND && node->room.received.version_unknown != 0)
        greet_too_late(&node->greet, conn, node->room.received.version_unknown);
    if (objection != RAFT_SOUND)
        return;
    const struct entry_bytes bytes = {.received = &node->room.received};
    step_raft_with(node, &event, &bytes);
}

static void on_snapshot(struct node *node, struct conn *conn, const struct frame *frame)
{
    uint16_t unknown = receiver_frame(&node->upkeep.receiver, conn, frame);
    if (unknown != 0)
        greet_too_late(&node->greet, conn, unknown);
}

static void on_greeting(struct node *node, struct conn *conn, const struct frame *frame)
{
    struct raft_event event;
    if (greet_frame(&node->greet, conn, frame, &event))
        step_raft(node, &event);
}

/* Answered when all connections for clients are taken, too. */
static bool is_for_operators(enum frame_kind kind)
{
    return kind == FRAME_STATUS || kind == FRAME_STAGES || kind == FRAME_ADMIN ||
           kind == FRAME_BACKUP;
}

static void on_member(struct node *node, struct conn *conn, const struct frame *frame)
{
    if (frame->kind >= FRAME_PEER_VOTE && frame->kind <= FRAME_PEER_READ_ANSWER)
        on_peer_frame(node, conn, frame);
    else if (frame->kind == FRAME_PEER_SNAPSHOT)
        on_snapshot(node, conn, frame);
    else if (frame->kind == FRAME_PEER_SNAPSHOT_ANSWER)
        sender_frame(&node->upkeep.sender, conn, frame);
    else if (frame->kind == FRAME_PEER_MEMBERS)
        whereabouts_frame(&node->whereabouts, conn, frame);
    else
        on_greeting(node, conn, frame);
}

static void on_client(struct node *node, struct conn *conn, const struct frame *frame)
{
    uint64_t up_ns = node->times.now_ns - node->times.start_ns;
    if (conn->guest && !is_for_operators(frame->kind))
        greet_refuse(&node->greet, conn, conn->crowded ? REFUSED_CROWDED : REFUSED_FULL);
    else if (frame->kind == FRAME_REQUESTS)
        admit_requests(&node->admit, conn, frame);
    else if (frame->kind == FRAME_READ)
        reads_frame(&node->reads, conn, frame);
    else if (frame->kind == FRAME_STATUS)
        own_status_frame(node, conn);
    else if (frame->kind == FRAME_ADMIN)
        admin_frame(&node->admin, conn, frame);
    else if (frame->kind == FRAME_BACKUP)
        backups_frame(&node->upkeep.backups, conn, frame);
    else if (frame->kind == FRAME_STAGES)
        stages_frame(node->stages, &node->conns, conn, up_ns);
    else
        on_greeting(node, conn, frame);
}

static void on_frame(struct node *node, struct conn *conn, const struct frame *frame)
{
    gather_heard(&node->gather, conn, node->times.now_ns);
    conn->framed = true;
    if (conn->role == CONN_PEER && conn->greeted)
        on_member(node, conn, frame);
    else if (conn->role == CONN_CLIENT && conn->greeted)
        on_client(node, conn, frame);
    else
        on_greeting(node, conn, frame);
}

static void on_received(struct node *node, const struct node_event *event)
{
    struct conn *conn = conn_at(&node->conns, event->conn);
    assert(conn->role != CONN_FREE);
    if (conn->closing)
        return;
    if (conn->waiting) {
        greet_waits_no_more(&node->greet, conn);
        conn_nonsense(&node->conns, conn, 100 + FRAME_HELLO);
        return;
    }
    node->stages->sums[SUM_RECEIVED] += event->count;
    frame_reader_feed(&conn->reader, event->bytes, event->count);
    struct frame frame;
    while (!conn->closing && frame_reader_next(&conn->reader, &frame))
        on_frame(node, conn, &frame);
    if (conn->closing || conn->reader.fault == FRAME_FAULT_NONE) {
        door_heard(&node->door, conn);
        return;
    }
    if (conn->reader.fault != FRAME_FAULT_VERSION) {
        conn_nonsense(&node->conns, conn, conn->reader.fault);
        return;
    }
    node->notices.counters.bad_frames++;
    const struct node_notice notice = {
            .kind = NOTICE_BAD_FRAME, .peer = conn->peer, .number = FRAME_FAULT_VERSION};
    notices_tell_of(&node->notices, &notice, conn->from);
    greet_refuse(&node->greet, conn, REFUSED_VERSION);
}

/*
 * A connection drained: tell the parts that count bytes, time answers or have more to send.
 */
static void on_sent(struct node *node, const struct node_event *event)
{
    struct conn *conn = conn_at(&node->conns, event->conn);
    node->stages->sums[SUM_SENT] += event->count;
    if (conn_sent(&node->conns, event->conn, event->count))
        stages_sent(node->stages, conn, node->times.now_ns);
    reply_rest(&node->replies, conn);
}

/*
 * The parts that have the connection in a list or a count remove it first; raft learns
 * about a peer's.
 */
static void on_closed(struct node *node, const struct node_event *event)
{
    struct conn *conn = conn_at(&node->conns, event->conn);
    greet_waits_no_more(&node->greet, conn);
    reply_forget(conn);
    gather_gone(&node->gather, conn);
    assert(conn->awaited_in != node->gather.round);
    struct conn last;
    conn_closed(&node->conns, event->conn, &last);
    if (last.role != CONN_PEER)
        return;
    bool by_other = event->by_other && !last.closing;
    struct raft_event lost;
    if (greet_lost(&node->greet, &last, by_other, &lost))
        step_raft(node, &lost);
}

static void on_written(struct node *node, uint64_t id)
{
    wal_written(node->wal, id);
    if (!journal_advance(&node->journal, node->times.now_ns))
        return;
    uint64_t written = node->journal.written;
    struct raft_event event = {.kind = RAFT_WRITTEN, .write = written};
    step_raft(node, &event);
    outbox_release(&node->outbox, written);
}

static void on_read(struct node *node, const struct node_event *event)
{
    struct reading reading = reader_take(&node->reader, event);
    if (reading.user == READER_SCRUB)
        scrubber_read(&node->upkeep.scrubber, &reading);
    if (reading.user >= READER_PROBE || reading.user == READER_APPLY)
        return; /* What is to be applied is kept: the end of the turn applies it. */
    struct chunk chunk;
    struct raft_event fetched;
    if (!fetch_collect(&node->fetch, &reading, &chunk, &fetched))
        return;
    const struct entry_bytes bytes = {.chunk = &chunk};
    step_raft_with(node, &fetched, &bytes);
}

static void hand_over(struct node *node)
{
    struct raft_event event;
    if (leaving_hand_over(&node->leaving, &event))
        step_raft(node, &event);
}

static void on_stop(struct node *node)
{
    if (!leaving_begin(&node->leaving))
        return;
    node->dial.stopping = true;
    hand_over(node);
}

static void on_event(struct node *node, const struct node_event *event)
{
    switch (event->kind) {
    case NODE_ACCEPTED:
        door_accepted(&node->door, event);
        break;
    case NODE_CONNECTED:
        greet_connected(&node->greet, event);
        break;
    case NODE_CONNECT_FAILED:
        dial_failed(&node->dial, event->peer);
        break;
    case NODE_RECEIVED:
        on_received(node, event);
        break;
    case NODE_SENT:
        on_sent(node, event);
        break;
    case NODE_CLOSED:
        on_closed(node, event);
        break;
    case NODE_WRITTEN:
        on_written(node, event->id);
        break;
    case NODE_READ:
        on_read(node, event);
        break;
    case NODE_SEGMENT_READY:
        segments_ready(&node->segments, event->id);
        break;
    case NODE_SEGMENT_FAILED:
        segments_failed(&node->segments);
        break;
    case NODE_FILE_DONE:
        upkeep_file_done(&node->upkeep, event);
        break;
    case NODE_STOP:
        on_stop(node);
        break;
    case NODE_TURN_END:
        break;
    }
}

/* ---- The end of the turn ---- */

static void tell_writes(struct node *node, struct node_effects *effects)
{
    while (effects->write_count < NODE_WRITES_MAX &&
            wal_next_write(node->wal, &effects->writes[effects->write_count])) {
        node->stages->sums[SUM_WRITTEN] += effects->writes[effects->write_count].count;
        node->stages->sums[SUM_WRITES]++;
        effects->write_count++;
    }
    segments_want(&node->segments, effects);
}

/*
 * When raft wants the time. Where it would write and the log has no room, it waits for the
 * disk; a leader writes nothing for the time, so its heartbeats and its own end never wait.
 */
static uint64_t raft_wants_time_ns(const struct node *node)
{
    uint64_t deadline_ns = raft_deadline(node->raft);
    struct raft_event time = {
            .kind = RAFT_TIME, .now_ns = u64_max(deadline_ns, node->times.now_ns)};
    return journal_takes(&node->journal, &time) ? deadline_ns : UINT64_MAX;
}

static uint64_t next_deadline(const struct node *node)
{
    uint64_t now_ns = node->times.now_ns;
    uint64_t deadline_ns = raft_wants_time_ns(node);
    deadline_ns = u64_min(deadline_ns, batcher_deadline(&node->batcher));
    deadline_ns = u64_min(deadline_ns, segments_deadline(&node->segments));
    if (node->leaving.begun || node->leaving.removed_ns != 0)
        deadline_ns = u64_min(deadline_ns, now_ns + 10 * NS_PER_MS);
    if (!receiver_is_freezing(&node->upkeep.receiver))
        deadline_ns = u64_min(deadline_ns, reader_deadline(&node->reader));
    if (apply_has_more(&node->applier))
        deadline_ns = now_ns;
    deadline_ns = u64_min(deadline_ns, upkeep_deadline(&node->upkeep));
    deadline_ns = u64_min(deadline_ns, door_deadline(&node->door));
    deadline_ns = u64_min(deadline_ns, rivals_deadline(&node->rivals));
    return u64_min(deadline_ns, dial_deadline(&node->dial));
}

/* The time goes to raft, and to the parts that decide by it. */
static void take_time(struct node *node, const struct node_clocks *clocks)
{
    node->times.now_ns = clocks->monotonic_ns;
    struct raft_event time = {.kind = RAFT_TIME};
    step_raft(node, &time);
    served_read(&node->served, clocks);
    ledger_read(&node->ledger, node->served.total_ns);
    node->times.clocks = *clocks;
    struct raft_event event;
    if (health_judge(&node->health, &event))
        step_raft(node, &event);
    if (guard_judge(&node->guard, &event))
        step_raft(node, &event);
}

static void tell_members(struct node *node)
{
    struct configurations *configurations = &node->configurations;
    if (configurations->newest.index > 0)
        notices_tell(&node->notices, NOTICE_MEMBERS, 0, configurations->newest.index);
    uint64_t unlisted = configurations_unlisted(configurations);
    if (unlisted != 0)
        notices_tell(&node->notices, NOTICE_LIST_DIFFERS, 0, unlisted);
}

/* The newest configuration is another than before: who is connected may be none of it. */
static void settle_members(struct node *node)
{
    struct configurations *configurations = &node->configurations;
    if (configurations->changed) {
        configurations->changed = !roster_adopt(&node->roster, &configurations->newest.is);
        tell_members(node);
    }
    struct raft_event event;
    if (node->greet.join_due)
        node->greet.can_join = journal_has_room(&node->journal, 0, 0);
    while (greet_membership(&node->greet, &event))
        step_raft(node, &event);
    whereabouts_turn(&node->whereabouts);
}

/* Connections: those that are overdue, and those that waited for one that is gone. */
static void settle_connections(struct node *node)
{
    door_time(&node->door);
    rivals_time(&node->rivals);
    struct raft_event event;
    while (greet_waiting(&node->greet, &event))
        step_raft(node, &event);
}

static void apply(struct node *node)
{
    apply_committed(&node->applier);
    raft_tell_applied(node->raft, node->applier.applied);
    uint64_t commit = raft_commit_heard(node->raft);
    bool current = commit > 0 && node->applier.applied + RAFT_APPLIED_NEAR >= commit;
    if (current && !node->caught_up) {
        node->caught_up = true;
        locks_forget_figures(node->locks);
    }
}

/* The reads and commands of the turn go to raft. */
static void ask_reads(struct node *node)
{
    struct raft_event event;
    if (reads_ask(&node->reads, &event))
        step_raft(node, &event);
}

static void propose_batch(struct node *node)
{
    struct raft_event event;
    if (batcher_seal(&node->batcher, &event)) {
        node->stages->sums[SUM_LOGGED] += event.entry.bytes;
        step_raft(node, &event);
    }
    if (batcher_seal_wish(&node->batcher, &event)) {
        node->stages->sums[SUM_LOGGED] += event.entry.bytes;
        step_raft(node, &event);
    }
}

/* A configuration is an entry of its own: what is in the open batch goes before it. */
static void propose_change(struct node *node)
{
    struct configuration after;
    if (!changes_next(&node->changes, &after))
        return;
    struct raft_event event;
    if (batcher_flush(&node->batcher, &event))
        step_raft(node, &event);
    if (!batcher_seal_configuration(&node->batcher, &after, &event))
        return;
    uint8_t lost = changes_proposed(&node->changes);
    if (lost != 0)
        notices_tell(&node->notices, NOTICE_REPLACES, lost, 0);
    step_raft(node, &event);
}

/* It is no longer a member. */
static bool is_removed(struct node *node)
{
    uint64_t index = node->greet.removed_at;
    if (index == 0)
        index = changes_removed_at(&node->changes, node->applier.applied);
    return index > node->greet.member_at && leaving_for_good(&node->leaving, index);
}

static void end_turn(
        struct node *node, const struct node_event *event, struct node_effects *effects)
{
    assert(effects->write_count == 0 && !effects->read_wanted);
    take_time(node, &event->clocks);
    settle_members(node);
    settle_connections(node);
    apply(node);
    ask_reads(node);
    upgrade_time(&node->upgrade);
    propose_change(node);
    propose_batch(node);
    admin_settle(&node->admin);
    reads_answer(&node->reads, node->applier.applied);
    if (reader_is_due(&node->reader) && !receiver_is_freezing(&node->upkeep.receiver))
        reader_next(&node->reader, fetch_able(&node->fetch), effects);
    dial_turn(&node->dial, effects);
    greet_leader_changed(&node->greet);
    if (health_tell_is_due(&node->health)) {
        if (restart_is_repaired(&node->restart))
            notices_tell(&node->notices, NOTICE_REPAIRED, 0, 0);
        health_tell(&node->health, own_condition(node));
        report_look(node);
    }
    hand_over(node);
    struct raft_event transfer;
    if (changes_handover(&node->changes, &transfer))
        step_raft(node, &transfer);
    upkeep_turn(&node->upkeep, effects);
    effects->stopped = leaving_is_done(&node->leaving);
    conns_send(&node->conns, effects);
    tell_writes(node, effects);
    effects->deadline_ns = next_deadline(node);
    effects->failed = is_removed(node) || node->applier.failed;
}

/* The effects of the turn before were handed on; until then everything in it took. */
static void begin_turn(
        struct node *node, const struct node_event *event, struct node_effects *effects)
{
    effects->send_count = 0;
    effects->close_count = 0;
    effects->connect_count = 0;
    effects->write_count = 0;
    effects->read_wanted = false;
    effects->segment_wanted = 0;
    effects->file_wanted = false;
    effects->notice_count = 0;
    struct stages *stages = node->stages;
    uint64_t ended_ns = node->times.clocks.monotonic_ns;
    uint64_t handed_ns = u64_max(event->handed_ns, ended_ns);
    if (stages->busy) {
        journal_handed(&node->journal, handed_ns);
        ledger_handed(&node->ledger, handed_ns);
        stages_end_turn(stages, ended_ns, handed_ns);
    }
    stages->begun_ns = event->now_ns;
}

void node_step(
        struct node *node, const struct node_event *event, struct node_effects *effects)
{
    assert(node->turn.booted);
    if (!node->turn.open)
        begin_turn(node, event, effects);
    node->turn.open = event->kind != NODE_TURN_END;
    node->notices.effects = effects;
    node->times.now_ns = event->now_ns;
    if (event->kind == NODE_TURN_END)
        end_turn(node, event, effects);
    else
        on_event(node, event);
}

void node_effects_init(struct node *node, struct node_effects *effects)
{
    assert(node->room.sends && node->room.closes);
    *effects =
            (struct node_effects){.sends = node->room.sends, .closes = node->room.closes};
}

unsigned char *node_input_space(struct node *node, uint32_t conn, size_t *room)
{
    return frame_reader_space(&conn_at(&node->conns, conn)->reader, room);
}

bool node_conn_is_peer(const struct node *node, uint32_t conn)
{
    assert(conn < node->conns.max);
    return node->conns.slots[conn].role == CONN_PEER;
}

bool node_conn_is_client(const struct node *node, uint32_t conn)
{
    assert(conn < node->conns.max);
    return node->conns.slots[conn].role == CONN_CLIENT;
}

const unsigned char *node_log_buffer(const struct node *node, uint64_t *bytes)
{
    return wal_buffer(node->wal, bytes);
}

struct loop_figures *node_loop_figures(struct node *node)
{
    return &node->stages->loop;
}

bool node_is_loading(const struct node *node)
{
    return receiver_is_loading(&node->upkeep.receiver);
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
    assert(node->turn.booted && !node->turn.raft_is_stepped);
    times_check(&node->times);
    notices_check(&node->notices);
    configurations_check(&node->configurations);
    assert(raft_configuration_index(node->raft) == node->configurations.newest.index);
    roster_check(&node->roster);
    conns_check(&node->conns);
    stages_check(node->stages);
    backlog_check(&node->backlog);
    gather_check(&node->gather);
    served_check(&node->served);
    ledger_check(&node->ledger);
    reader_check(&node->reader);
    journal_check(&node->journal);
    outbox_check(&node->outbox, node->journal.written);
    replies_check(&node->replies);
    apply_check(&node->applier);
    batcher_check(&node->batcher);
    guard_check(&node->guard);
    health_check(&node->health);
    commit_times_check(&node->commit_times);
    door_check(&node->door);
    rivals_check(&node->rivals);
    greet_check(&node->greet);
    reads_check(&node->reads);
    upgrade_check(&node->upgrade);
    admin_check(&node->admin);
    upkeep_check(&node->upkeep);
    wal_check(node->wal);
}
