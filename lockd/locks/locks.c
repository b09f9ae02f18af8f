/*
 * The state as a whole: it is carved, made empty, and taken through an entry. A command
 * passes the checks here in their order; if none refuses it, the function of its kind does
 * it.
 */
#include "locks/locks.h"

#include <assert.h>
#include <stdalign.h>

#include "base/hash.h"
#include "base/mark.h"
#include "base/units.h"
#include "locks/claim.h"
#include "locks/due.h"
#include "locks/quotas.h"
#include "locks/remembered.h"
#include "locks/requests.h"
#include "locks/saving.h"
#include "locks/sessions.h"
#include "locks/state.h"
#include "locks/told.h"

static_assert(CAPACITY_MAX <= POOL_COUNT_MAX, "what settings allow can be carved");

static void carve_pools(
        struct locks *locks, struct arena *arena, const struct cluster_settings *plan)
{
    pool_carve(&locks->sessions, arena, "sessions", plan->sessions_max,
            sizeof(struct session));
    pool_carve(&locks->locks, arena, "locks", plan->locks_max, sizeof(struct lock));
    pool_carve(&locks->holds, arena, "holds", plan->holds_max, sizeof(struct hold));
    pool_carve(&locks->waits, arena, "waits", plan->waits_max, sizeof(struct wait));
    pool_carve(&locks->answers, arena, "remembered answers", plan->answers_max,
            sizeof(struct remembered));
    pool_carve(&locks->changes, arena, "unconfirmed changes", plan->changes_max,
            sizeof(struct told));
    pool_carve(&locks->blocks, arena, "blocks of names", plan->name_blocks_max,
            sizeof(struct name_block));
}

static void carve_lookups(
        struct locks *locks, struct arena *arena, const struct cluster_settings *plan)
{
    buckets_carve(&locks->sessions_by_id, arena, "buckets of sessions", plan->sessions_max,
            offsetof(struct session, next));
    buckets_carve(&locks->holds_by_token, arena, "buckets of tokens", plan->holds_max,
            offsetof(struct hold, token_next));
    buckets_carve(&locks->holds_by_number, arena, "buckets of holds", plan->holds_max,
            offsetof(struct hold, number_next));
    buckets_carve(&locks->waits_by_number, arena, "buckets of waits", plan->waits_max,
            offsetof(struct wait, number_next));
    buckets_carve(&locks->answers_by_number, arena, "buckets of answers", plan->answers_max,
            offsetof(struct remembered, number_next));
    nametable_carve(&locks->names, arena, plan->locks_max);
    heap_carve(&locks->due, arena, "deadlines", plan->sessions_max + plan->waits_max);
}

struct locks *locks_carve(struct arena *arena, const struct cluster_settings *plan)
{
    struct locks carved = {.plan = *plan};
    carve_pools(&carved, arena, plan);
    carve_lookups(&carved, arena, plan);
    saving_carve(&carved.saving, arena, plan);
    quotas_carve(&carved, arena);
    struct locks *locks =
            arena_take(arena, "lock state", 1, sizeof(struct locks), alignof(struct locks));
    if (locks != NULL)
        *locks = carved;
    return locks;
}

bool locks_fits(const struct locks *locks, const struct cluster_settings *settings)
{
    const struct cluster_settings *plan = &locks->plan;
    return settings->sessions_max <= plan->sessions_max &&
           settings->locks_max <= plan->locks_max &&
           settings->holds_max <= plan->holds_max &&
           settings->waits_max <= plan->waits_max &&
           settings->answers_max <= plan->answers_max &&
           settings->changes_max <= plan->changes_max &&
           settings->name_blocks_max <= plan->name_blocks_max;
}

static void init_pools(struct locks *locks)
{
    pool_init(&locks->sessions);
    pool_init(&locks->locks);
    pool_init(&locks->holds);
    pool_init(&locks->waits);
    pool_init(&locks->answers);
    pool_init(&locks->changes);
    pool_init(&locks->blocks);
}

void locks_init(struct locks *locks, const struct cluster_settings *settings)
{
    assert(locks_fits(locks, settings));
    assert(settings->work_max > 0);
    saving_init(locks);
    init_pools(locks);
    buckets_init(&locks->sessions_by_id);
    buckets_init(&locks->holds_by_token);
    buckets_init(&locks->holds_by_number);
    buckets_init(&locks->waits_by_number);
    buckets_init(&locks->answers_by_number);
    nametable_init(&locks->names);
    quotas_init(locks);
    heap_init(&locks->due);
    ttls_init(&locks->ttls);
    list_init(&locks->ending);
    list_init(&locks->ready);
    list_init(&locks->changed);
    locks->settings = *settings;
    quotas_follow_settings(locks);
    locks->index = 0;
    locks->time = 0;
    locks->time_before = 0;
    locks->lifted = 0;
    locks->session_last = 0;
    locks->token_last = 0;
    locks->order_last = 0;
    locks->digest = 0;
    locks->quarantine = 0;
    locks->life = 1;
    locks->trials = 0;
    locks->work_left = 0;
    locks->ready_count = 0;
    locks->answers_promised = 0;
    locks_forget_figures(locks);
}

void locks_begin_tokens(struct locks *locks, uint64_t first)
{
    assert(locks->token_last == 0 && 1 <= first && first < TOKEN_END);
    locks->token_last = first - 1;
}

/* Ids of sessions that the old life has given since then are not given again. */
#define SESSION_STEP (UINT64_C(1) << 40)

void locks_begin_life(struct locks *locks, uint64_t first)
{
    assert(first > locks->token_last && first < TOKEN_END);
    const struct cluster_settings settings = locks->settings;
    struct record_head before = {.index = locks->index,
            .time = locks->time,
            .session_last = locks->session_last,
            .life = locks->life,
            .trials = locks->trials};
    locks_init(locks, &settings);
    locks->index = before.index;
    locks->time = before.time;
    locks->time_before = before.time;
    locks->session_last = before.session_last + SESSION_STEP;
    locks->life = before.life + 1;
    locks->trials = before.trials;
    locks->token_last = first - 1;
    locks->quarantine = time_after(locks->time, settings.max_ttl_ns);
}

uint64_t locks_quarantine(const struct locks *locks)
{
    return is_quarantined(locks) ? locks->quarantine : 0;
}

uint64_t locks_life(const struct locks *locks)
{
    return locks->life;
}

uint64_t locks_token_last(const struct locks *locks)
{
    return locks->token_last;
}

void locks_begin(struct locks *locks, uint64_t index, enum entry_kind kind, uint64_t dt_ns)
{
    assert(index > locks->index);
    locks->index = index;
    locks->time_before = locks->time;
    locks->time = time_after(locks->time, dt_ns);
    locks->work_left = locks->settings.work_max;
    if (kind == ENTRY_TERM_START) {
        uint64_t lifted = time_after(locks->time, locks->settings.term_grace_ns);
        if (lifted > locks->lifted)
            locks->lifted = lifted;
    }
}

void locks_renew(struct locks *locks, const struct keepalive *keepalive)
{
    struct session *session = sessions_find(locks, keepalive->session);
    if (session == NULL || session->end_order != 0)
        return;
    struct section heard = {
            .confirmed = keepalive->confirmed, .answered = keepalive->answered};
    sessions_renew(locks, session, &heard, (uint64_t)keepalive->waited_us * NS_PER_US);
}

void locks_renew_by(struct locks *locks, const struct section *section)
{
    struct session *session = sessions_find(locks, section->session);
    if (session == NULL || session->end_order != 0 || !sessions_proves(session, section))
        return;
    struct section heard = {.confirmed = section->confirmed};
    sessions_renew(locks, session, &heard, 0);
}

/* The capacity that prevents a new session; 0: none. */
static enum limit find_open_limit(const struct locks *locks, const struct command *command)
{
    const struct cluster_settings *settings = &locks->settings;
    struct span label = command->request.name;
    uint32_t blocks = namechain_blocks(label.count);
    if (pool_count(&locks->sessions) >= settings->sessions_max)
        return LIMIT_SESSIONS;
    if (blocks > settings->name_blocks_max - pool_count(&locks->blocks))
        return LIMIT_NAME_BLOCKS;
    struct parties parties = quotas_find(locks, command->address, label);
    enum limit limit = quotas_limit(locks, parties.of, QUOTA_SESSIONS, 1);
    if (limit == 0)
        limit = quotas_limit(locks, parties.of, QUOTA_NAME_BLOCKS, blocks);
    return limit != 0 ? limit : remembered_limit_of_open(locks, &parties);
}

/* OPEN: not numbered, and not remembered. A repeated one may leave an empty session. */
static void apply_open(
        struct locks *locks, const struct command *command, struct locks_outcome *outcome)
{
    const struct cluster_settings *settings = &locks->settings;
    const struct request *request = &command->request;
    if (request->wait_ns < settings->min_ttl_ns ||
            request->wait_ns > settings->max_ttl_ns ||
            request->name.count > LABEL_BYTES_MAX) {
        outcome->answer.status = STATUS_INVALID;
        return;
    }
    enum limit limit = find_open_limit(locks, command);
    if (limit != 0) {
        answer_limit(&outcome->answer, limit);
    } else {
        const struct session *session = sessions_open(locks, command);
        outcome->answer.status = STATUS_OK;
        outcome->session = session->id;
        outcome->deadline = session->deadline;
        outcome->anchor = true;
    }
}

/*
 * Room to remember the answer. What ends a hold or a wait has the room that was promised
 * for that; a CLOSE forgets all answers. An acquire that finds none is told which capacity
 * is met. Whatever else gives something back may come again when some of the session's
 * answers are confirmed.
 */
static bool admit_answer(const struct locks *locks, const struct session *session,
        const struct request *request, struct answer *answer)
{
    bool too_many = remembered_too_many(locks, session);
    enum limit met;
    bool room = false;
    switch (request->kind) {
    case REQUEST_CLOSE:
        return true;
    case REQUEST_RELEASE:
        met = remembered_limit(locks, session, 1, 0);
        room = (!too_many && met == 0) || request_release_ends(locks, session, request);
        break;
    case REQUEST_CANCEL:
        /* It may also remember its target. */
        met = remembered_limit(locks, session, 2, 0);
        room = (!too_many && met == 0) || request_cancel_ends(locks, session, request);
        break;
    default:
        met = remembered_limit(locks, session, 1, 1);
        room = !too_many && met == 0;
        break;
    }
    if (room)
        return true;
    MARK(locks_answers_full);
    answer->status = STATUS_BUSY;
    if (request->kind == REQUEST_ACQUIRE && !too_many)
        answer_limit(answer, met);
    return false;
}

/*
 * The number is checked before the request: is its answer confirmed, is it too far ahead,
 * is it answered already, or is there no room to remember its answer? True: it is new.
 */
static bool admit_number(const struct locks *locks, const struct session *session,
        const struct request *request, struct answer *answer)
{
    if (request->number <= session->answered) {
        MARK(locks_number_old);
        answer->status = STATUS_OLD;
        return false;
    }
    if (request->number - session->answered > REQUEST_WINDOW) {
        MARK(locks_number_ahead);
        answer->status = STATUS_BUSY;
        return false;
    }
    const struct remembered *known = remembered_find(locks, session, request->number);
    if (known != NULL) {
        MARK(locks_answered_from_memory);
        answer->kind = known->status == STATUS_CANCELLED ? request->kind : known->kind;
        answer->status = known->status;
        answer->detail = known->detail;
        answer->token = known->token;
        answer->count = known->count;
        return false;
    }
    return admit_answer(locks, session, request, answer);
}

static void dispatch(struct locks *locks, struct session *session,
        const struct request *request, struct answer *answer)
{
    switch (request->kind) {
    case REQUEST_ACQUIRE:
        request_acquire(locks, session, request, answer);
        break;
    case REQUEST_RELEASE:
        request_release(locks, session, request, answer);
        break;
    case REQUEST_CANCEL:
        request_cancel(locks, session, request, answer);
        break;
    default:
        answer->status = STATUS_INVALID;
        break;
    }
    remembered_add(locks, session, answer);
}

/* The session is alive, and only a CLOSE ends it. */
static void apply_numbered(struct locks *locks, struct session *session,
        const struct command *command, struct locks_outcome *outcome)
{
    if (!admit_number(locks, session, &command->request, &outcome->answer))
        return;
    outcome->anchor = true;
    if (command->request.kind == REQUEST_CLOSE) {
        outcome->answer.status = STATUS_OK;
        outcome->deadline = 0;
        sessions_end(locks, session, LOST_CLOSED);
    } else {
        dispatch(locks, session, &command->request, &outcome->answer);
    }
    /* What this made possible is done at once, while items last. */
    due_work(locks);
}

static void answer_lost(const struct session *session, struct answer *answer)
{
    answer->status = STATUS_LOST;
    answer->detail = session == NULL ? (uint8_t)LOST_UNKNOWN : session->end_reason;
}

void locks_apply(
        struct locks *locks, const struct command *command, struct locks_outcome *outcome)
{
    const struct request *request = &command->request;
    *outcome = (struct locks_outcome){
            .answer = {.kind = request->kind, .number = request->number},
            .session = command->section.session,
    };
    if (request->kind == REQUEST_OPEN) {
        outcome->session = 0;
        apply_open(locks, command, outcome);
        return;
    }
    struct session *session = sessions_find(locks, command->section.session);
    if (session == NULL || session->end_order != 0) {
        answer_lost(session, &outcome->answer);
        return;
    }
    if (!sessions_proves(session, &command->section)) {
        MARK(locks_wrong_secret);
        outcome->answer.status = STATUS_DENIED;
        return;
    }
    sessions_renew(locks, session, &command->section, 0);
    outcome->deadline = session->deadline;
    uint64_t id = session->id;
    if (request->kind == REQUEST_KEEPALIVE)
        outcome->anchor = true;
    else
        apply_numbered(locks, session, command, outcome);
    /* Only a CLOSE ends it, and that may even have removed it. */
    if (request->kind == REQUEST_CLOSE)
        session = sessions_find(locks, id);
    outcome->change = session == NULL || session->end_order != 0 ? 0 : session->change;
}

void locks_change_settings(struct locks *locks, const struct settings_change *change)
{
    settings_apply(&locks->settings, change);
    quotas_follow_settings(locks);
}

void locks_count_trial(struct locks *locks)
{
    if (locks->settings.version >= VERSION_TRIAL)
        locks->trials++;
}

void locks_expect(const struct locks *locks, const struct command *command)
{
    const struct request *request = &command->request;
    if (request->kind == REQUEST_ACQUIRE || request->kind == REQUEST_RELEASE)
        nametable_expect(&locks->names, nametable_hash(request->name));
}

void locks_end(struct locks *locks)
{
    assert(locks->work_left == 0 || !locks_has_work(locks));
}

const struct cluster_settings *locks_settings(const struct locks *locks)
{
    return &locks->settings;
}

uint64_t locks_index(const struct locks *locks)
{
    return locks->index;
}

uint64_t locks_time(const struct locks *locks)
{
    return locks->time;
}

uint64_t locks_shortest_ttl_ns(const struct locks *locks)
{
    return ttls_shortest_ns(&locks->ttls);
}

uint64_t locks_digest(const struct locks *locks)
{
    const uint64_t words[] = {locks->digest, locks->index, locks->time, locks->lifted,
            locks->session_last, locks->token_last, locks->order_last,
            locks->settings.version, locks->settings.upgrade_after_ns,
            /* What a version adds stands at the end, and counts from that version on. */
            locks->trials};
    size_t later = locks->settings.version < VERSION_TRIAL ? 1 : 0;
    uint64_t digest = hash_bytes(words, sizeof(words) - later * sizeof(words[0]), 0);
    const uint64_t life[] = {locks->life, locks->quarantine};
    return locks->life == 1 ? digest : hash_bytes(life, sizeof life, digest);
}

struct locks_counts locks_tally(const struct locks *locks)
{
    return (struct locks_counts){
            .sessions = pool_count(&locks->sessions),
            .locks = pool_count(&locks->locks),
            .holds = pool_count(&locks->holds),
            .waits = pool_count(&locks->waits),
            .answers = pool_count(&locks->answers),
            .answers_promised = locks->answers_promised,
            .changes = pool_count(&locks->changes),
            .name_blocks = pool_count(&locks->blocks),
    };
}
