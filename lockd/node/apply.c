/* Applies committed entries and gives their answers: see apply.h. */
#include "node/apply.h"

#include "base/mark.h"
#include "protocol/batch.h"
#include "protocol/settings.h"
#include "protocol/status.h"

enum {
    BYTES_PER_TURN = 4 * 1024 * 1024
};

static void apply_bootstrap(
        struct applier *applier, const struct entry_head *head, const unsigned char *body)
{
    struct bootstrap bootstrap = {0};
    struct wire wire = wire_reader(body, head->body_bytes);
    wire_bootstrap(&wire, &bootstrap);
    assert(!wire.failed);
    if (!locks_fits(applier->locks, &bootstrap.settings)) {
        notices_tell(applier->notices, NOTICE_PLAN_TOO_SMALL, 0, 0);
        applier->failed = true;
        return;
    }
    locks_init(applier->locks, &bootstrap.settings);
    locks_begin(applier->locks, head->id.index, head->kind, 0);
    locks_end(applier->locks);
}

static void apply_settings(
        struct applier *applier, const struct entry_head *head, const unsigned char *body)
{
    uint16_t before = locks_settings(applier->locks)->version;
    struct settings_change change;
    struct wire wire = wire_reader(body, head->body_bytes);
    wire_settings_change(&wire, &change);
    assert(!wire.failed); /* peers.c has seen that it can be applied. */
    locks_begin(applier->locks, head->id.index, head->kind, 0);
    locks_change_settings(applier->locks, &change);
    locks_end(applier->locks);
    uint16_t after = locks_settings(applier->locks)->version;
    if (after != before)
        notices_tell(applier->notices, NOTICE_UPGRADED, 0, after);
}

static void apply_trial(struct applier *applier, const struct entry_head *head)
{
    locks_begin(applier->locks, head->id.index, head->kind, 0);
    locks_count_trial(applier->locks);
    locks_end(applier->locks);
}

/* Everyone whose keepalive or command is in the entry is alive, before anything expires. */
static void renew_all(struct applier *applier, struct batch_reader *batch)
{
    struct keepalive keepalive;
    while (batch_next_keepalive(batch, &keepalive))
        locks_renew(applier->locks, &keepalive);
    bool nothing_due = locks_deadline(applier->locks) > locks_time(applier->locks);
    if (nothing_due && !locks_has_work(applier->locks))
        return; /* Then a command renews soon enough by itself. */
    MARK(apply_renews_before_expiry);
    /* The commands are walked again, to apply them. */
    struct batch_reader ahead = *batch;
    struct command *command;
    while (batch_next_command(&ahead, &command)) {
        locks_renew_by(applier->locks, &command->section);
    }
}

static void answer_command(struct applier *applier, const struct locks_outcome *outcome)
{
    const struct owed *owed = ledger_settle(applier->ledger);
    assert(owed->number == outcome->answer.number);
    struct conn *conn = conn_if_alive(applier->conns, owed->conn, owed->serial);
    if (!conn)
        return;
    struct session_view view;
    bool opened =
            outcome->answer.kind == REQUEST_OPEN && outcome->answer.status == STATUS_OK;
    if (opened && locks_session(applier->locks, outcome->session, &view))
        reply_route(applier->replies, &view, conn);
    reply_answer(applier->replies, conn, outcome,
            outcome->anchor ? locks_time(applier->locks) : 0);
}

static void answer_keepalive(
        struct applier *applier, const struct pending_keepalive *keepalive)
{
    struct conn *conn = conn_if_alive(applier->conns, keepalive->conn, keepalive->serial);
    if (!conn)
        return;
    struct locks_outcome outcome = {.session = keepalive->session};
    outcome.answer.kind = REQUEST_KEEPALIVE;
    outcome.answer.number = keepalive->stamp;
    struct session_view view;
    if (locks_session(applier->locks, keepalive->session, &view)) {
        outcome.deadline = view.deadline;
        outcome.change = view.change;
        reply_answer(applier->replies, conn, &outcome, locks_time(applier->locks));
    } else {
        outcome.answer.status = STATUS_LOST;
        outcome.answer.detail = LOST_UNKNOWN;
        reply_answer(applier->replies, conn, &outcome, 0);
    }
}

/* The connection that the entry's last answer went to, if there is one. */
static struct conn *last_answered(struct applier *applier, const struct under_way *own)
{
    if (own->entry.command_count == 0)
        return NULL;
    const struct owed *last = ledger_last_settled(applier->ledger, own);
    return conn_if_alive(applier->conns, last->conn, last->serial);
}

static void finish_own(struct applier *applier, const struct under_way *own)
{
    struct ledger *ledger = applier->ledger;
    uint64_t now_ns = applier->times->now_ns;
    const struct pending_keepalive *keepalive;
    while ((keepalive = ledger_settle_keepalive(ledger, own)) != NULL)
        answer_keepalive(applier, keepalive);
    stages_finish(applier->stages, &own->entry, last_answered(applier, own), now_ns);
    uint32_t owed_count = ring_count(&ledger->owed_ring);
    backlog_finished(applier->backlog, &own->entry, owed_count, now_ns);
    ledger_finish(ledger, own);
}

static void apply_batch(
        struct applier *applier, const struct entry_head *head, const unsigned char *body)
{
    assert(head->kind == ENTRY_BATCH || head->kind == ENTRY_TERM_START);
    struct batch_reader batch;
    bool good = batch_reader_init(&batch, body, head->body_bytes);
    assert(good);
    const struct under_way *own = ledger_own(applier->ledger, head->id);
    locks_begin(applier->locks, head->id.index, head->kind, batch.head.dt_ns);
    renew_all(applier, &batch);
    locks_due(applier->locks);
    struct command *command;
    while (batch_next_command(&batch, &command)) {
        struct locks_outcome outcome;
        locks_apply(applier->locks, command, &outcome);
        if (own)
            answer_command(applier, &outcome);
    }
    /* Otherwise a broken node made it, and others may apply all of it. */
    assert(batch_complete(&batch));
    locks_end(applier->locks);
    if (own)
        finish_own(applier, own);
}

/* Tell the sessions what happened to them; a follower only forgets that it should. */
static void push_changes(struct applier *applier)
{
    bool leads = raft_is_leader(applier->raft);
    assert(leads || !ledger_newest(applier->ledger));
    uint64_t session;
    while (locks_next_changed(applier->locks, &session)) {
        if (leads)
            reply_changes(applier->replies, session);
    }
}

static void apply_entry(
        struct applier *applier, const unsigned char *entry, const struct entry_head *head)
{
    assert(head->id.index == applier->applied + 1);
    const unsigned char *body = entry + ENTRY_HEAD_BYTES;
    bool batch = head->kind == ENTRY_BATCH || head->kind == ENTRY_TERM_START;
    const struct under_way *own = batch ? NULL : ledger_own(applier->ledger, head->id);
    if (batch)
        apply_batch(applier, head, body);
    else if (head->kind == ENTRY_BOOTSTRAP)
        apply_bootstrap(applier, head, body);
    else if (head->kind == ENTRY_SETTINGS)
        apply_settings(applier, head, body);
    else
        apply_trial(applier, head);
    if (own)
        ledger_finish(applier->ledger, own);
    applier->applied = head->id.index;
    applier->stages->sums[SUM_APPLIED]++;
    applier->stages->applied = true;
    applier->stages->busy = true;
    push_changes(applier);
}

void apply_committed(struct applier *applier)
{
    uint64_t bytes = 0;
    uint64_t commit = raft_commit(applier->raft);
    while (applier->applied < commit && !applier->failed) {
        struct entry_head head;
        const unsigned char *entry = wal_find(applier->wal, applier->applied + 1, &head);
        bool later = bytes > BYTES_PER_TURN;
        if (!entry)
            reader_want(applier->reader, READER_APPLY, applier->applied + 1);
        else if (later)
            MARK(apply_continues_next_turn);
        if (!entry || later) {
            ledger_committed(applier->ledger, commit, applier->stages->begun_ns);
            return;
        }
        bytes += entry_bytes(&head);
        apply_entry(applier, entry, &head);
    }
}

void apply_reading(struct applier *applier, struct reading *reading)
{
    assert(reading->user == READER_APPLY);
    while (applier->applied < raft_commit(applier->raft) && !applier->failed) {
        const unsigned char *entry = reader_entry(applier->reader, reading);
        if (!entry)
            return; /* The rest with the next read. */
        apply_entry(applier, entry, &reading->walk.head);
        struct entry_head head;
        if (wal_find(applier->wal, applier->applied + 1, &head))
            break;
    }
    reader_done(applier->reader, READER_APPLY);
}

bool apply_has_more(const struct applier *applier)
{
    struct entry_head head;
    return applier->applied < raft_commit(applier->raft) &&
           !reader_wants(applier->reader, READER_APPLY) &&
           wal_find(applier->wal, applier->applied + 1, &head) != NULL;
}

void apply_check(const struct applier *applier)
{
    assert(applier->applied <= raft_commit(applier->raft));
    if (!applier->failed)
        assert(applier->applied == locks_index(applier->locks));
    const struct ledger *ledger = applier->ledger;
    const struct under_way *newest = ledger_newest(ledger);
    if (!newest)
        return;
    /* Only a leader has entries under way: those that are not applied yet. */
    assert(raft_is_leader(applier->raft));
    assert(newest->id.index == raft_last(applier->raft).index);
    assert(newest->id.index - ring_count(&ledger->under_way_ring) >= applier->applied);
}
