#include "offline/replay.h"

#include "node/configurations.h"
#include "protocol/batch.h"
#include "protocol/token.h"

static bool apply_bootstrap(struct offline_state *state, const struct entry_head *head,
        const unsigned char *body)
{
    struct bootstrap bootstrap = {0};
    struct wire wire = wire_reader(body, head->body_bytes);
    wire_bootstrap(&wire, &bootstrap);
    if (wire.failed || state->memory != NULL || !settings_valid(&bootstrap.settings) ||
            !offline_make(state, &bootstrap.settings))
        return false;
    locks_begin_tokens(state->locks, bootstrap.token_first);
    /* There is no snapshot that says when it was taken: this is as early as can be. */
    state->header.wall_ns = token_wall_ns(bootstrap.token_first);
    return true;
}

static bool apply_settings(struct offline_state *state, const struct entry_head *head,
        const unsigned char *body)
{
    struct settings_change change;
    struct wire wire = wire_reader(body, head->body_bytes);
    wire_settings_change(&wire, &change);
    if (wire.failed || !settings_change_valid(&change))
        return false;
    locks_change_settings(state->locks, &change);
    return true;
}

/* Everyone whose keepalive or command is in the entry is alive, before anything expires. */
static void renew_all(struct locks *locks, struct batch_reader *batch)
{
    struct keepalive keepalive;
    while (batch_next_keepalive(batch, &keepalive))
        locks_renew(locks, &keepalive);
    struct batch_reader ahead = *batch;
    struct command command;
    while (batch_next_command(&ahead, &command))
        locks_renew_by(locks, &command.section);
}

static bool apply_batch(
        struct locks *locks, const struct entry_head *head, const unsigned char *body)
{
    struct batch_reader batch;
    struct command command;
    if (!batch_reader_init(&batch, body, head->body_bytes))
        return false;
    locks_begin(locks, head->id.index, head->kind, batch.head.dt_ns);
    renew_all(locks, &batch);
    locks_due(locks);
    while (batch_next_command(&batch, &command)) {
        struct locks_outcome outcome;
        locks_apply(locks, &command, &outcome);
    }
    locks_end(locks);
    return batch_complete(&batch);
}

/* Nobody is told; but the list of whom to tell is bounded. */
static void forget_changed(struct locks *locks)
{
    uint64_t session;
    while (locks_next_changed(locks, &session))
        continue;
}

/* It changes settings, members, or a count of tests. */
static bool apply_other(struct offline_state *state, const struct entry_head *head,
        const unsigned char *body)
{
    bool good = true;
    locks_begin(state->locks, head->id.index, head->kind, 0);
    if (head->kind != ENTRY_BOOTSTRAP)
        locks_due(state->locks);
    if (head->kind == ENTRY_SETTINGS)
        good = apply_settings(state, head, body);
    if (head->kind == ENTRY_TRIAL)
        locks_count_trial(state->locks);
    locks_end(state->locks);
    return good;
}

bool offline_apply(struct offline_state *state, const struct entry_head *head,
        const unsigned char *body)
{
    struct configuration configuration;
    bool good = head->kind != ENTRY_BOOTSTRAP || apply_bootstrap(state, head, body);
    if (!good || state->memory == NULL)
        return false;
    if (configuration_read(&configuration, head, body)) {
        state->cluster.index = head->id.index;
        state->cluster.configuration = configuration;
    }
    bool batch = head->kind == ENTRY_BATCH || head->kind == ENTRY_TERM_START;
    good = batch ? apply_batch(state->locks, head, body) : apply_other(state, head, body);
    forget_changed(state->locks);
    state->header.last = head->id;
    state->header.last_sum = head->sum;
    state->header.cluster = head->cluster;
    return good;
}
