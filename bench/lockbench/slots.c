#include "slots.h"

#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "bench_clock.h"
#include "tool/fail.h"

enum {
    /* Of one link at once: one is open, others are being closed */
    SESSIONS = 8,
    KEEPALIVES_RECORDED = 16, /* In a ttl at most */
    SURE_MS = 200             /* The library begins to cancel a try later than that */
};

/* How long a slot rests after it was refused for load, or while it has no session. */
static const uint64_t rest_ns = 10 * NS_PER_MS;

static void push(struct slot_queue *queue, struct slot *slot, uint64_t until_ns)
{
    slot->until_ns = until_ns;
    slot->next = NULL;
    if (queue->first)
        queue->last->next = slot;
    else
        queue->first = slot;
    queue->last = slot;
}

struct slot *slot_queue_take(struct slot_queue *queue, uint64_t now_ns)
{
    struct slot *slot = queue->first;
    if (!slot || slot->until_ns > now_ns)
        return NULL;
    queue->first = slot->next;
    return slot;
}

/* Requests made while the library processes the link are sent at the end of that. */
static void make_dirty(struct link *link)
{
    if (link->dirty || link->processing)
        return;
    link->dirty = true;
    link->bench->dirty[link->bench->dirty_count++] = link;
}

/* The slot has nothing more to do with its session. */
static void end_errand(struct slot *slot)
{
    slot->link->errands--;
    if (slot->link->lost)
        make_dirty(slot->link);
}

static void rest(struct slot *slot, uint64_t now)
{
    push(&slot->link->bench->resting, slot, now + rest_ns);
}

static void become_idle(struct slot *slot, uint64_t now)
{
    struct bench *bench = slot->link->bench;
    end_errand(slot);
    if (slot->link->lost && bench->settings->survive)
        rest(slot, now);
    else if (slot->link->lost)
        bench->dead_count++;
    else if (bench->endless)
        slot_begin(slot, now, now);
    else
        bench->idle[bench->idle_count++] = slot;
}

static void record(struct slot *slot, enum history_op op, enum lk_status status,
        const struct history_line *times)
{
    struct bench *bench = slot->link->bench;
    if (bench->history->out) {
        char name[WORKLOAD_NAME_BYTES];
        workload_name(&bench->workload, slot->errand.lock, name);
        struct history_line line = *times;
        line.proc = slot->proc;
        line.op = op;
        line.status = status;
        line.lock = name;
        line.session = slot->link->id;
        line.call_ns = slot->call_ns;
        line.token = slot->token;
        history_write(bench->history, &line);
    }
    if (history_ends_proc(op, status))
        slot->proc = bench->next_proc++;
}

static void wrong(const struct slot *slot, const char *what)
{
    struct bench *bench = slot->link->bench;
    char name[WORKLOAD_NAME_BYTES];
    workload_name(&bench->workload, slot->errand.lock, name);
    tally_wrong(bench->tally, what, name, slot->token);
}

/* The wait was over before the lock was free. */
static bool may_time_out(const struct slot *slot)
{
    const struct settings *settings = slot->link->bench->settings;
    return slot->errand.try_only || settings->wait_ns != LK_FOREVER;
}

/* Not now, perhaps later. A small cluster under faults may be full. */
static bool is_refusal(const struct slot *slot, enum lk_status status)
{
    bool survive = slot->link->bench->settings->survive;
    return status == LK_STATUS_BUSY || (status == LK_STATUS_LIMIT && survive);
}

/* Results that no request of a correct cluster may have, whatever happens to its nodes. */
static void judge(struct slot *slot, enum lk_status status)
{
    const struct settings *settings = slot->link->bench->settings;
    bool refused = is_refusal(slot, status) && slot->token == 0;
    if (status == LK_OK || status == LK_STATUS_UNKNOWN || refused)
        return;
    if (status == LK_STATUS_TIMEOUT && slot->token == 0 && may_time_out(slot))
        return;
    if (status == LK_STATUS_LOST)
        slot->link->lost = true;
    if (status != LK_STATUS_LOST || !settings->survive)
        wrong(slot, lk_status_text(status));
}

/*
 * When an answer came. Answers that came together count as received with the first of them:
 * the time to handle them is part of the next request of each. A history has each at its
 * own time.
 */
static uint64_t heard_ns(struct bench *bench)
{
    if (bench->heard_ns == 0 || bench->history->out) {
        bench->heard_ns = monotonic_ns();
        bench->heard_boottime_ns = boottime_ns();
    }
    return bench->heard_ns;
}

static void note_acquired(struct slot *slot, enum lk_status status, uint64_t now)
{
    struct tally *tally = slot->link->bench->tally;
    tally_acquired(tally, status, slot->from_ns, now);
    tally_answered(tally, status, slot->call_ns, now);
}

/* The library refused the request: nothing was queued, and no answer will come. */
static void on_refused(struct slot *slot, enum lk_status status, bool releasing)
{
    struct bench *bench = slot->link->bench;
    uint64_t now = monotonic_ns();
    if (releasing)
        tally_released(bench->tally, status, slot->from_ns, now);
    else
        note_acquired(slot, status, now);
    judge(slot, status);
    end_errand(slot);
    bool survives = status == LK_STATUS_LOST && bench->settings->survive;
    if (survives || (!releasing && is_refusal(slot, status)))
        rest(slot, now);
    else
        bench->dead_count++;
}

static void on_granted(
        struct slot *slot, const struct lk_grant *grant, uint64_t now, uint64_t until)
{
    struct bench *bench = slot->link->bench;
    enum grant_verdict verdict =
            workload_granted(&bench->workload, slot->errand.lock, grant->token, now, until);
    if (verdict == GRANT_TOKEN_OLD)
        wrong(slot, "a token is not larger than the one before");
    else if (verdict == GRANT_HELD_BEFORE)
        wrong(slot, "granted while another slot held it");
    if (bench->settings->hold_ns == 0)
        slot_release(slot, now, now);
    else
        push(&bench->holding, slot, now + bench->settings->hold_ns);
}

/* A request is over and the slot holds nothing. */
static void on_nothing_held(struct slot *slot, enum lk_status status, uint64_t now)
{
    if (is_refusal(slot, status) && !slot->link->lost) {
        end_errand(slot);
        rest(slot, now);
    } else {
        become_idle(slot, now);
    }
}

/*
 * A try that took long may have been granted and, because the grant did not arrive here in
 * time, taken back. Then it does not show that another session held the lock; it was like a
 * short wait.
 */
static enum history_op what_it_was(
        const struct slot *slot, enum lk_status status, uint64_t now)
{
    bool late = now - slot->call_ns >= SURE_MS * NS_PER_MS;
    bool sure = slot->errand.try_only && !(status == LK_STATUS_TIMEOUT && late);
    return sure ? HISTORY_TRY : HISTORY_ACQUIRE;
}

static void acquired(struct slot *slot, enum lk_status status, const struct lk_grant *grant)
{
    struct bench *bench = slot->link->bench;
    uint64_t now = heard_ns(bench);
    uint64_t until = 0;
    if (status == LK_OK)
        until = on_monotonic(grant->deadline_ns, now, bench->heard_boottime_ns);
    slot->token = grant->token;
    record(slot, what_it_was(slot, status, now), status,
            &(struct history_line){.ret_ns = now, .deadline_ns = until});
    note_acquired(slot, status, now);
    judge(slot, status);
    if (status == LK_OK)
        on_granted(slot, grant, now, until);
    else
        on_nothing_held(slot, status, now);
}

static void released(struct slot *slot, enum lk_status status)
{
    uint64_t now = heard_ns(slot->link->bench);
    record(slot, HISTORY_RELEASE, status, &(struct history_line){.ret_ns = now});
    tally_released(slot->link->bench->tally, status, slot->from_ns, now);
    judge(slot, status);
    become_idle(slot, now);
}

/* While closing, the library answers for the cluster: nothing is known. */
static enum lk_status status_of(const struct slot *slot, const struct lk_result *result)
{
    return slot->link->bench->closing ? LK_STATUS_UNKNOWN : result->status;
}

static void on_acquired(void *user, const struct lk_result *result)
{
    struct slot *slot = user;
    acquired(slot, status_of(slot, result), &result->grant);
}

static void on_released(void *user, const struct lk_result *result)
{
    struct slot *slot = user;
    released(slot, status_of(slot, result));
}

static void on_looked(void *user, const struct lk_result *result)
{
    struct slot *slot = user;
    enum lk_status status = status_of(slot, result);
    uint64_t now = heard_ns(slot->link->bench);
    bool held = status == LK_OK && slot->seen->session != 0;
    slot->token = held ? slot->seen->token : 0;
    record(slot, HISTORY_QUERY, status,
            &(struct history_line){
                    .ret_ns = now, .holder = held ? slot->seen->session : 0});
    slot->token = 0;
    on_nothing_held(slot, status, now);
}

static void look(struct slot *slot, const char *name, size_t length)
{
    struct lk_done done = {on_looked, slot};
    if (lk_query_async(slot->link->client, name, length, slot->seen, done) == LK_OK)
        return;
    end_errand(slot);
    rest(slot, monotonic_ns());
}

/* Without a session the slot rests and tries again. */
void slot_begin(struct slot *slot, uint64_t from_ns, uint64_t now)
{
    struct bench *bench = slot->link->bench;
    struct lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    char name[WORKLOAD_NAME_BYTES];
    if (slot->link->lost || slot->link->id == 0) {
        make_dirty(slot->link);
        rest(slot, now);
        return;
    }
    slot->link->errands++;
    slot->errand = workload_next(&bench->workload, slot->number);
    size_t length = workload_name(&bench->workload, slot->errand.lock, name);
    options.wait_ns = slot->errand.try_only ? 0 : bench->settings->wait_ns;
    slot->token = 0;
    slot->from_ns = from_ns;
    slot->call_ns = now;
    make_dirty(slot->link);
    if (slot->errand.look) {
        look(slot, name, length);
        return;
    }
    tally_begun(bench->tally, from_ns, slot->call_ns);
    enum lk_status status = lk_acquire_async(slot->link->session, name, length, &options,
            (struct lk_done){on_acquired, slot});
    if (status != LK_OK)
        on_refused(slot, status, false);
}

void slot_release(struct slot *slot, uint64_t from_ns, uint64_t now)
{
    struct bench *bench = slot->link->bench;
    char name[WORKLOAD_NAME_BYTES];
    size_t length = workload_name(&bench->workload, slot->errand.lock, name);
    slot->from_ns = from_ns;
    slot->call_ns = now;
    workload_releasing(&bench->workload, slot->errand.lock, slot->token);
    make_dirty(slot->link);
    enum lk_status status = lk_release_async(slot->link->session, name, length, slot->token,
            (struct lk_done){on_released, slot});
    if (status != LK_OK)
        on_refused(slot, status, true);
}

static void remember_notice(void *user, enum lk_log_level level, const char *line)
{
    struct bench *bench = user;
    (void)level;
    (void)snprintf(bench->notice, sizeof(bench->notice), "%s", line);
}

bool link_open(struct link *link, struct bench *bench)
{
    const struct settings *settings = bench->settings;
    struct lk_options options = LK_OPTIONS_INIT;
    /* Acquires and cancels of all its slots, and some to spare. */
    uint64_t share = settings->inflight / settings->connections + 1;
    uint64_t idle = settings->sessions / settings->connections + 1;
    options.nodes = settings->cluster;
    options.flags = LK_FLAG_EXTERNAL_LOOP;
    options.sessions_max = (uint32_t)((settings->survive ? SESSIONS : 1) + idle);
    options.requests_max = (uint32_t)(share * 2 + 64 + idle);
    options.holds_max = (uint32_t)(share * 2 + 64);
    options.ttl_ns = settings->ttl_ns;
    options.answer_wait_ns = settings->answer_ns;
    options.label = "lockbench";
    options.on_log = remember_notice;
    options.user = bench;
    options.log_level = LK_LOG_LEVEL_INFO;
    link->bench = bench;
    link->proc = bench->next_proc++;
    link->call_ns = monotonic_ns();
    if (lk_open(&options, &link->client) != LK_OK) {
        complain("%s", lk_last_error());
        return false;
    }
    link->session = lk_client_session(link->client);
    return true;
}

static void on_idle_opened(void *user, const struct lk_result *result)
{
    struct bench *bench = user;
    bench->sessions_open += result->status == LK_OK;
    bench->sessions_refused += result->status != LK_OK;
}

void link_open_idle(struct link *link)
{
    struct bench *bench = link->bench;
    struct lk_session *session;
    make_dirty(link);
    enum lk_status status = lk_session_open_async(
            link->client, NULL, &session, (struct lk_done){on_idle_opened, bench});
    bench->sessions_refused += status != LK_OK;
}

static void record_link(const struct link *link, enum history_op op, enum lk_status status)
{
    struct history_line line = {.proc = link->proc,
            .op = op,
            .status = status,
            .session = link->id,
            .call_ns = link->call_ns,
            .ret_ns = monotonic_ns()};
    history_write(link->bench->history, &line);
}

/*
 * The library renews by itself. When the session's deadline moves, a keepalive came
 * through. In the history its call is a ttl before the deadline. In truth it was later, so
 * the history claims no more than was promised.
 */
static void look_at_deadline(struct link *link)
{
    struct bench *bench = link->bench;
    uint64_t ttl = bench->settings->ttl_ns;
    if (!bench->history->out)
        return;
    uint64_t deadline = lk_deadline(link->session, NULL);
    if (deadline == 0)
        return;
    uint64_t now = monotonic_ns();
    deadline = on_monotonic(deadline, now, boottime_ns());
    if (deadline < link->deadline_ns + ttl / KEEPALIVES_RECORDED)
        return;
    link->deadline_ns = deadline;
    struct history_line line = {.proc = bench->next_proc++,
            .op = HISTORY_KEEPALIVE,
            .status = LK_OK,
            .session = link->id,
            .call_ns = deadline - ttl,
            .ret_ns = monotonic_ns(),
            .deadline_ns = deadline};
    history_write(bench->history, &line);
}

/* The session has ended: recorded once, whatever answers its slots got. */
static void record_end(struct link *link)
{
    struct bench *bench = link->bench;
    if (link->id == 0)
        return;
    struct history_line line = {.proc = bench->next_proc++,
            .op = HISTORY_KEEPALIVE,
            .status = LK_STATUS_LOST,
            .session = link->id,
            .call_ns = link->call_ns,
            .ret_ns = monotonic_ns()};
    history_write(bench->history, &line);
    link->id = 0;
}

static void on_opened(void *user, const struct lk_result *result)
{
    struct link *link = user;
    if (result->status != LK_OK && !link->bench->closing)
        link->lost = true;
}

/* Its session has ended, and no slot uses it any longer: open a new one. */
static void open_again(struct link *link)
{
    struct bench *bench = link->bench;
    uint64_t now = monotonic_ns();
    if (now < link->retry_ns)
        return;
    link->retry_ns = now + 10 * rest_ns;
    record_end(link);
    struct lk_done nobody = {NULL, NULL};
    if (link->session && lk_session_close_async(link->session, nobody) == LK_STATUS_BUSY)
        return;
    link->session = NULL;
    link->proc = bench->next_proc++;
    link->call_ns = now;
    make_dirty(link);
    enum lk_status status = lk_session_open_async(
            link->client, NULL, &link->session, (struct lk_done){on_opened, link});
    link->lost = status != LK_OK;
    if (status != LK_OK)
        link->session = NULL;
}

/* Note that the session is open now, if it is. */
static void look_at_session(struct link *link)
{
    struct bench *bench = link->bench;
    if (link->lost) {
        if (bench->settings->survive && link->errands == 0 && !bench->closing)
            open_again(link);
        return;
    }
    if (link->id == 0) {
        link->id = lk_session_id(link->session);
        link->deadline_ns = link->call_ns + bench->settings->ttl_ns;
        if (link->id != 0)
            record_link(link, HISTORY_OPEN, LK_OK);
    }
    if (link->id != 0 && !bench->closing)
        look_at_deadline(link);
}

void link_process(struct link *link)
{
    link->dirty = false;
    link->processing = true;
    link->bench->heard_ns = 0;
    (void)lk_process(link->client);
    link->processing = false;
    look_at_session(link);
}

static void on_closed(void *user, const struct lk_result *result)
{
    struct link *link = user;
    link->closed = true;
    record_link(link, HISTORY_CLOSE, result->status == LK_OK ? LK_OK : LK_STATUS_UNKNOWN);
}

void link_close(struct link *link)
{
    link->call_ns = monotonic_ns();
    make_dirty(link);
    struct lk_done done = {on_closed, link};
    if (link->id == 0 || link->lost || lk_session_close_async(link->session, done) != LK_OK)
        link->closed = true;
}
