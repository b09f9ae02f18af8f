/*
 * All threads share the counts, under a mutex: a call that waits for a commit costs a
 * hundred times more, and only shared counts show the longest time without a grant.
 */
#include "blocking.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/numbers.h"
#include "base/units.h"
#include "bench_clock.h"
#include "liblock.h"
#include "stop.h"
#include "tool/fail.h"

enum {
    STACK_BYTES = 256 * 1024 /* A thousand threads must not need eight GiB. */
};

/* How long a slot rests after it was refused for load. */
static const uint64_t rest_ns = 10 * NS_PER_MS;

struct blocking {
    const struct settings *settings;
    struct lk_client **clients;
    struct worker *workers;
    uint32_t joined;
    pthread_mutex_t mutex; /* Of tally and workload */
    struct tally *tally;
    struct workload workload;
    bool stops;  /* By __atomic only */
    bool closes; /* The same: what is not answered yet, the library answers. */
};

struct worker {
    struct blocking *run;
    pthread_t thread;
    struct lk_session *session;
    uint32_t number;
};

static void sleep_for(uint64_t ns)
{
    struct timespec left = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* Or until a signal stops the run. In steps, because any thread may get the signal. */
static void sleep_until(uint64_t end)
{
    uint64_t now = monotonic_ns();
    for (; now < end && stop_signal() == 0; now = monotonic_ns())
        sleep_for(u64_min(end - now, 50 * NS_PER_MS));
}

static struct errand next_errand(struct worker *worker, char name[], size_t *length)
{
    struct blocking *run = worker->run;
    pthread_mutex_lock(&run->mutex);
    struct errand errand = workload_next(&run->workload, worker->number);
    pthread_mutex_unlock(&run->mutex);
    *length = workload_name(&run->workload, errand.lock, name);
    return errand;
}

/* A result that no call to a correct cluster may have. With the mutex held. */
static void judge(struct blocking *run, enum lk_status status, bool may_time_out,
        const char *name, uint64_t token)
{
    bool good = status == LK_OK || status == LK_STATUS_UNKNOWN ||
                __atomic_load_n(&run->closes, __ATOMIC_RELAXED) ||
                (status == LK_STATUS_BUSY && token == 0) ||
                (status == LK_STATUS_TIMEOUT && may_time_out);
    if (!good)
        tally_wrong(run->tally, lk_status_text(status), name, token);
}

static void note_grant(struct blocking *run, const struct errand *errand, const char *name,
        const struct lk_grant *grant, uint64_t now)
{
    uint64_t until = on_monotonic(grant->deadline_ns, now, boottime_ns());
    enum grant_verdict verdict =
            workload_granted(&run->workload, errand->lock, grant->token, now, until);
    if (verdict == GRANT_TOKEN_OLD)
        tally_wrong(run->tally, "a token is not larger than the one before", name,
                grant->token);
    else if (verdict == GRANT_HELD_BEFORE)
        tally_wrong(run->tally, "granted while another slot held it", name, grant->token);
}

static enum lk_status acquire(struct worker *worker, const struct errand *errand,
        const char *name, size_t length, struct lk_grant *grant)
{
    struct blocking *run = worker->run;
    struct lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.wait_ns = errand->try_only ? 0 : run->settings->wait_ns;
    bool may_time_out = options.wait_ns != LK_FOREVER;
    uint64_t begun = monotonic_ns();
    enum lk_status status = lk_acquire_with(worker->session, name, length, &options, grant);
    uint64_t now = monotonic_ns();
    pthread_mutex_lock(&run->mutex);
    tally_begun(run->tally, begun, begun);
    tally_acquired(run->tally, status, begun, now);
    tally_answered(run->tally, status, begun, now);
    judge(run, status, may_time_out, name, 0);
    if (status == LK_OK)
        note_grant(run, errand, name, grant, now);
    pthread_mutex_unlock(&run->mutex);
    return status;
}

static enum lk_status release(struct worker *worker, const struct errand *errand,
        const char *name, size_t length, uint64_t token)
{
    struct blocking *run = worker->run;
    pthread_mutex_lock(&run->mutex);
    workload_releasing(&run->workload, errand->lock, token);
    pthread_mutex_unlock(&run->mutex);
    uint64_t begun = monotonic_ns();
    enum lk_status status = lk_release(worker->session, name, length, token);
    uint64_t now = monotonic_ns();
    pthread_mutex_lock(&run->mutex);
    tally_released(run->tally, status, begun, now);
    judge(run, status, false, name, token);
    pthread_mutex_unlock(&run->mutex);
    return status;
}

/* False: the session is over. */
static bool go_round(struct worker *worker)
{
    const struct settings *settings = worker->run->settings;
    char name[WORKLOAD_NAME_BYTES];
    size_t length;
    struct errand errand = next_errand(worker, name, &length);
    struct lk_grant grant;
    enum lk_status status = acquire(worker, &errand, name, length, &grant);
    if (status == LK_STATUS_BUSY)
        sleep_for(rest_ns);
    if (status != LK_OK)
        return status != LK_STATUS_LOST;
    if (settings->hold_ns > 0)
        sleep_for(settings->hold_ns);
    return release(worker, &errand, name, length, grant.token) != LK_STATUS_LOST;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    while (!__atomic_load_n(&worker->run->stops, __ATOMIC_RELAXED) && go_round(worker))
        continue;
    return NULL;
}

/* ---- All of them ---- */

static bool open_client(struct blocking *run, uint64_t number)
{
    const struct settings *settings = run->settings;
    struct lk_options options = LK_OPTIONS_INIT;
    uint32_t share = (uint32_t)(settings->inflight / settings->connections + 1);
    options.nodes = settings->cluster;
    options.requests_max = share * 2 + 64;
    options.holds_max = share * 2 + 64;
    options.ttl_ns = settings->ttl_ns;
    options.answer_wait_ns = settings->answer_ns;
    options.label = "lockbench";
    if (lk_open(&options, &run->clients[number]) == LK_OK)
        return true;
    complain("client %llu of %llu: %s", (unsigned long long)number + 1,
            (unsigned long long)settings->connections, lk_last_error());
    return false;
}

static bool start_worker(struct blocking *run, uint32_t number)
{
    struct worker *worker = &run->workers[number];
    *worker = (struct worker){.run = run,
            .session = lk_client_session(run->clients[number % run->settings->connections]),
            .number = number};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int error = pthread_create(&worker->thread, &attributes, work, worker);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        complain("thread %u: %s", number + 1, strerror(error));
    return error == 0;
}

static void close_clients(struct blocking *run)
{
    for (uint64_t i = 0; i < run->settings->connections; i++) {
        lk_close(run->clients[i]);
        run->clients[i] = NULL;
    }
}

/* False: not all came back in time. */
static bool join_workers(struct blocking *run, uint32_t count, const struct timespec *limit)
{
    for (; run->joined < count; run->joined++) {
        if (pthread_timedjoin_np(run->workers[run->joined].thread, NULL, limit) != 0)
            return false;
    }
    return true;
}

/*
 * The threads that run end their round and come back. After a signal, what takes too long
 * for that is ended with its client.
 */
static void stop_workers(struct blocking *run, uint32_t count)
{
    struct timespec limit;
    __atomic_store_n(&run->stops, true, __ATOMIC_RELAXED);
    do {
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += (time_t)(stop_patience_ns / NS_PER_S);
        if (join_workers(run, count, &limit))
            return;
    } while (stop_signal() == 0);
    __atomic_store_n(&run->closes, true, __ATOMIC_RELAXED);
    close_clients(run);
    for (; run->joined < count; run->joined++)
        (void)pthread_join(run->workers[run->joined].thread, NULL);
}

static void cut(struct blocking *run)
{
    pthread_mutex_lock(&run->mutex);
    tally_cut(run->tally, monotonic_ns());
    pthread_mutex_unlock(&run->mutex);
}

static enum engine_end load_cluster(
        struct blocking *run, const struct engine_watcher *watcher)
{
    const struct settings *settings = run->settings;
    uint64_t begin = monotonic_ns() + settings->warmup_ns;
    tally_init(run->tally, begin, begin + settings->time_ns);
    uint32_t started = 0;
    while (started < settings->inflight && start_worker(run, started))
        started++;
    if (started == settings->inflight) {
        sleep_until(begin);
        watcher->edge(watcher->user, true);
        sleep_until(begin + settings->time_ns);
        watcher->edge(watcher->user, false);
        if (stop_signal() != 0)
            cut(run);
    }
    stop_workers(run, started);
    tally_end(run->tally);
    if (started < settings->inflight)
        return ENGINE_FAILED;
    return tally_span_ns(run->tally) > 0 ? ENGINE_DONE : ENGINE_STOPPED;
}

enum engine_end blocking_run(const struct settings *settings, struct tally *tally,
        const struct engine_watcher *watcher)
{
    struct blocking run = {.settings = settings, .tally = tally};
    pthread_mutex_init(&run.mutex, NULL);
    run.clients = need(calloc(settings->connections, sizeof(struct lk_client *)));
    run.workers = need(calloc(settings->inflight, sizeof(struct worker)));
    struct workload_lock *locks =
            need(calloc(workload_lock_count(settings), sizeof(struct workload_lock)));
    workload_init(&run.workload, settings, settings->prefix, locks);
    uint64_t opened = 0;
    while (opened < settings->connections && stop_signal() == 0 &&
            open_client(&run, opened))
        opened++;
    enum engine_end end = stop_signal() != 0 ? ENGINE_STOPPED : ENGINE_NO_CLUSTER;
    if (opened == settings->connections)
        end = load_cluster(&run, watcher);
    close_clients(&run);
    free(locks);
    free(run.workers);
    free((void *)run.clients);
    pthread_mutex_destroy(&run.mutex);
    return end;
}
