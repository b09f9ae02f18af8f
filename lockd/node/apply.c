/* Applies committed entries and gives their answers: see apply.h. */
#include "node/apply.h"

#include "base/mark.h"
#include "protocol/batch.h"
#include "protocol/settings.h"
#include "protocol/status.h"

enum {
    COMMANDS_AHEAD = 16, /* Decoded before the first of them is applied */

    /* What else takes time, as bytes of commands that take as long */
    ENTRY_COST = 256,
    WORK_COST = 64, /* An item of due work */
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
    locks_begin_tokens(applier->locks, bootstrap.token_first);
    struct configuration first;
    configuration_of_bootstrap(&first, &bootstrap);
    snapshots_configure(applier->snapshots, head->id.index, &first);
    locks_begin(applier->locks, head->id.index, head->kind, 0);
    locks_end(applier->locks);
}

/* It counted since it was appended; the next snapshot is to say so. */
static void apply_configuration(
        struct applier *applier, const struct entry_head *head, const unsigned char *body)
{
    struct configuration configuration;
    bool good = configuration_read(&configuration, head, body);
    assert(good);
    snapshots_configure(applier->snapshots, head->id.index, &configuration);
    locks_begin(applier->locks, head->id.index, head->kind, 0);
    locks_due(applier->locks);
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
    locks_due(applier->locks);
    locks_change_settings(applier->locks, &change);
    locks_end(applier->locks);
    uint16_t after = locks_settings(applier->locks)->version;
    if (after != before)
        notices_tell(applier->notices, NOTICE_UPGRADED, 0, after);
}

static void apply_trial(struct applier *applier, const struct entry_head *head)
{
    locks_begin(applier->locks, head->id.index, head->kind, 0);
    locks_due(applier->locks);
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
    struct command command;
    while (batch_next_command(&ahead, &command))
        locks_renew_by(applier->locks, &command.section);
}

static void answer_command(struct applier *applier, const struct under_way *own,
        const struct locks_outcome *outcome)
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
    bool anchor = outcome->anchor && !own->early;
    reply_answer(applier->replies, conn, outcome, anchor ? locks_time(applier->locks) : 0);
}

static void answer_keepalive(struct applier *applier, const struct under_way *own,
        const struct pending_keepalive *keepalive)
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
        uint64_t applied = own->early ? 0 : locks_time(applier->locks);
        reply_answer(applier->replies, conn, &outcome, applied);
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
        answer_keepalive(applier, own, keepalive);
    stages_finish(applier->stages, &own->entry, last_answered(applier, own), now_ns);
    uint32_t owed_count = ring_count(&ledger->owed_ring);
    backlog_finished(applier->backlog, &own->entry, owed_count, now_ns);
    ledger_finish(ledger, own);
}

/*
 * The next commands, decoded together: the memory that they touch is on its way before the
 * first of them is applied.
 */
static uint32_t decode_some(
        const struct locks *locks, struct batch_reader *batch, struct command *commands)
{
    uint32_t count = 0;
    while (count < COMMANDS_AHEAD && batch_next_command(batch, &commands[count])) {
        locks_expect(locks, &commands[count]);
        count++;
    }
    return count;
}

/* `own`: as this leader sealed them; NULL: another did, and nobody is owed an answer. */
static void apply_commands(struct applier *applier, const struct command *commands,
        uint32_t count, const struct under_way *own)
{
    for (uint32_t i = 0; i < count; i++) {
        struct locks_outcome outcome;
        locks_apply(applier->locks, &commands[i], &outcome);
        if (own)
            answer_command(applier, own, &outcome);
    }
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
    struct command commands[COMMANDS_AHEAD];
    uint32_t count;
    while ((count = decode_some(applier->locks, &batch, commands)) > 0)
        apply_commands(applier, commands, count, own);
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

static bool is_batch(enum entry_kind kind)
{
    return kind == ENTRY_BATCH || kind == ENTRY_TERM_START;
}

/* What an entry changes is saved first for the snapshot that is being taken. */
static void make_room(
        struct applier *applier, const struct entry_head *head, const unsigned char *body)
{
    struct batch_reader batch;
    uint32_t count = 0;
    if (!snapshotter_is_walking(applier->snapshotter))
        return;
    if (is_batch(head->kind) && batch_reader_init(&batch, body, head->body_bytes)) {
        count = batch.head.keepalive_count;
        struct command command;
        while (batch_next_command(&batch, &command))
            count++;
    }
    snapshotter_make_room(applier->snapshotter, count);
}

static void apply_entry(
        struct applier *applier, const unsigned char *entry, const struct entry_head *head)
{
    assert(head->id.index == applier->applied + 1);
    const unsigned char *body = entry + ENTRY_HEAD_BYTES;
    make_room(applier, head, body);
    bool batch = is_batch(head->kind);
    const struct under_way *own = batch ? NULL : ledger_own(applier->ledger, head->id);
    if (batch)
        apply_batch(applier, head, body);
    else if (head->kind == ENTRY_BOOTSTRAP)
        apply_bootstrap(applier, head, body);
    else if (head->kind == ENTRY_CONFIGURATION)
        apply_configuration(applier, head, body);
    else if (head->kind == ENTRY_SETTINGS)
        apply_settings(applier, head, body);
    else
        apply_trial(applier, head);
    if (own)
        ledger_finish(applier->ledger, own);
    applier->applied = head->id.index;
    snapshots_applied(applier->snapshots, head);
    applier->stages->sums[SUM_APPLIED]++;
    applier->stages->applied = true;
    applier->stages->busy = true;
    push_changes(applier);
}

/* The next entry, from memory or from what was read. NULL: it has to be read first. */
static const unsigned char *next_entry(struct applier *applier, struct entry_head *head)
{
    uint64_t index = applier->applied + 1;
    const unsigned char *entry = wal_find(applier->wal, index, head);
    if (entry) {
        reader_done(applier->reader, READER_APPLY);
        return entry;
    }
    entry = reader_kept_entry(applier->reader, head);
    if (!entry)
        reader_want(applier->reader, READER_APPLY, index);
    return entry;
}

void apply_committed(struct applier *applier)
{
    uint64_t bytes = 0;
    uint64_t commit = raft_commit(applier->raft);
    if (applier->replaced)
        return;
    while (applier->applied < commit && !applier->failed) {
        struct entry_head head;
        bool later = bytes >= applier->turn_bytes;
        if (later)
            MARK(apply_continues_next_turn);
        const unsigned char *entry = later ? NULL : next_entry(applier, &head);
        if (!entry) {
            ledger_committed(applier->ledger, commit, applier->stages->begun_ns);
            return;
        }
        apply_entry(applier, entry, &head);
        bytes += entry_bytes(&head) + ENTRY_COST;
        bytes += (uint64_t)locks_work_done(applier->locks) * WORK_COST;
    }
    reader_done(applier->reader, READER_APPLY);
}

bool apply_has_more(const struct applier *applier)
{
    struct entry_head head;
    return applier->applied < raft_commit(applier->raft) && !applier->failed &&
           !applier->replaced &&
           (reader_has_kept(applier->reader) ||
                   wal_find(applier->wal, applier->applied + 1, &head) != NULL);
}

void apply_check(const struct applier *applier)
{
    assert(applier->applied <= raft_commit(applier->raft));
    if (!applier->failed && !applier->replaced)
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
