/*
 * Committed entries into the lock state, in order, on every node.
 *
 * The node that appended an entry, in the term that it has, owes the answers to its
 * commands; they stand in a ring in the order of the commands. Everybody else applies and
 * says nothing.
 */
#include "base/mark.h"
#include "node/replica.h"

/* The entry as this leader sealed it, or NULL if another did. */
static struct under_way *own_entry(struct node *node, struct entry_id id)
{
    if (ring_is_empty(&node->under_way_ring))
        return NULL;
    uint32_t oldest = ring_at(&node->under_way_ring, node->under_way_ring.begin);
    struct under_way *entry = &node->under_way[oldest];
    return entry_id_equal(entry->id, id) ? entry : NULL;
}

static void apply_founding(
        struct node *node, const struct entry_head *head, const unsigned char *body)
{
    struct founding founding = {0};
    struct wire wire = wire_reader(body, head->body_bytes);
    wire_founding(&wire, &founding);
    assert(wire_complete(&wire));
    if (!locks_fits(node->locks, &founding.settings)) {
        node_notice(node, NOTICE_PLAN_TOO_SMALL, 0, 0);
        node->failed = true;
        return;
    }
    locks_init(node->locks, &founding.settings);
    locks_begin(node->locks, head->id.index, head->kind, 0);
    locks_end(node->locks);
}

/* Everyone whose keepalive or command is in the entry is alive, before anything expires. */
static void renew_all(struct node *node, struct batch_reader *batch)
{
    struct renewal renewal;
    while (batch_next_renewal(batch, &renewal))
        locks_renew(node->locks, &renewal);
    bool nothing_due = locks_deadline(node->locks) > locks_time(node->locks);
    if (nothing_due && !locks_has_work(node->locks))
        return; /* Then a command's own renewal is soon enough. */
    MARK(apply_renews_before_expiry);
    /* The commands are walked again, to apply them. */
    struct batch_reader ahead = *batch;
    struct command *command;
    while (batch_next_command(&ahead, &command)) {
        renewal = (struct renewal){command->section.session, command->section.confirmed};
        locks_renew(node->locks, &renewal);
    }
}

static void answer_command(struct node *node, const struct locks_outcome *outcome)
{
    const struct owed *owed = &node->owed[ring_pop(&node->owed_ring)];
    assert(owed->number == outcome->answer.number);
    struct conn *conn = conn_if_alive(node, owed->conn, owed->serial);
    if (!conn)
        return;
    struct session_view view;
    bool opened =
            outcome->answer.kind == REQUEST_OPEN && outcome->answer.status == STATUS_OK;
    if (opened && locks_session(node->locks, outcome->session, &view))
        reply_route(node, &view, conn);
    reply_answer(node, conn, outcome, outcome->anchor ? locks_time(node->locks) : 0);
}

static void answer_keepalive(struct node *node, const struct keepalive *keepalive)
{
    struct conn *conn = conn_if_alive(node, keepalive->conn, keepalive->serial);
    if (!conn)
        return;
    struct locks_outcome outcome = {.session = keepalive->session};
    outcome.answer.kind = REQUEST_KEEPALIVE;
    outcome.answer.number = keepalive->stamp;
    struct session_view view;
    if (locks_session(node->locks, keepalive->session, &view)) {
        outcome.deadline = view.deadline;
        outcome.change = view.change;
        reply_answer(node, conn, &outcome, locks_time(node->locks));
    } else {
        outcome.answer.status = STATUS_LOST;
        outcome.answer.detail = LOST_UNKNOWN;
        reply_answer(node, conn, &outcome, 0);
    }
}

static void finish_own(struct node *node, const struct under_way *own)
{
    while (node->keepalive_ring.begin < own->keepalive_end) {
        uint32_t slot = ring_pop(&node->keepalive_ring);
        answer_keepalive(node, &node->keepalives[slot]);
    }
    histogram_add(node->commit_latency, node->now_ns - own->sealed_ns);
    if (own->command_count > 0)
        histogram_add(node->entry_commands, own->command_count);
    stages_finish(node, own);
    backlog_finished(node, own);
    ring_pop(&node->under_way_ring);
}

static void apply_batch(
        struct node *node, const struct entry_head *head, const unsigned char *body)
{
    struct batch_reader batch;
    bool good = batch_reader_init(&batch, body, head->body_bytes);
    assert(good);
    struct under_way *own = own_entry(node, head->id);
    locks_begin(node->locks, head->id.index, head->kind, batch.head.dt_ns);
    renew_all(node, &batch);
    locks_due(node->locks);
    struct command *command;
    while (batch_next_command(&batch, &command)) {
        struct locks_outcome outcome;
        locks_apply(node->locks, command, &outcome);
        if (own)
            answer_command(node, &outcome);
    }
    assert(batch_complete(&batch)); /* Or a broken node made it: others may apply it all. */
    locks_end(node->locks);
    if (own) {
        assert(node->owed_ring.begin == own->owed_end);
        finish_own(node, own);
    }
}

/* Tell the sessions what happened to them; a follower only forgets that it should. */
static void push_changes(struct node *node)
{
    bool leads = raft_is_leader(node->raft);
    uint64_t session;
    while (locks_next_changed(node->locks, &session)) {
        if (leads)
            reply_changes(node, session);
    }
}

void apply_entry(
        struct node *node, const unsigned char *entry, const struct entry_head *head)
{
    assert(head->id.index == node->applied + 1);
    const unsigned char *body = entry + ENTRY_HEAD_BYTES;
    if (head->kind == ENTRY_FOUND) {
        struct under_way *own = own_entry(node, head->id);
        apply_founding(node, head, body);
        if (own)
            ring_pop(&node->under_way_ring);
    } else {
        apply_batch(node, head, body);
    }
    node->applied = head->id.index;
    node->stages->sums[SUM_APPLIED]++;
    node->stages->applied = true;
    node->stages->busy = true;
    push_changes(node);
}

void apply_committed(struct node *node)
{
    uint64_t bytes = 0;
    while (node->applied < raft_commit(node->raft) && !node->failed) {
        struct entry_head head;
        const unsigned char *entry = wal_find(node->wal, node->applied + 1, &head);
        if (!entry) {
            node->apply_wants_disk = true;
            stages_applied_later(node);
            return;
        }
        if (bytes > APPLY_BYTES_PER_TURN) {
            MARK(apply_goes_on_next_turn);
            stages_applied_later(node);
            return;
        }
        bytes += entry_bytes(&head);
        apply_entry(node, entry, &head);
    }
}
