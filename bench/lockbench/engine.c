#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "bench_clock.h"
#include "slots.h"
#include "stop.h"
#include "tool/fail.h"

enum {
    EVENTS = 256
};

struct engine {
    struct bench bench;
    const struct engine_watcher *watcher;
    int poll;
    uint64_t start_ns;
    uint64_t last_ns;     /* Open loop: nothing is meant to begin from here on. */
    uint64_t begun;       /* Open loop: how many did, or were left out */
    uint64_t next_second; /* When to call the watcher */
};

/* Open loop: when the n-th acquire is meant to begin. */
static uint64_t arrival_ns(const struct engine *engine, uint64_t n)
{
    uint64_t rate = engine->bench.settings->rate;
    return engine->start_ns + n / rate * NS_PER_S + n % rate * NS_PER_S / rate;
}

static bool is_open_loop(const struct engine *engine)
{
    return engine->bench.settings->rate != 0;
}

static bool has_arrival(const struct engine *engine)
{
    return is_open_loop(engine) && arrival_ns(engine, engine->begun) < engine->last_ns;
}

/* Acquires that are already too late would only delay those that are due now. */
static void leave_out(struct engine *engine, uint64_t now)
{
    const struct settings *settings = engine->bench.settings;
    while (has_arrival(engine) && now > settings->late_ns &&
            arrival_ns(engine, engine->begun) < now - settings->late_ns) {
        tally_left_out(engine->bench.tally, arrival_ns(engine, engine->begun));
        engine->begun++;
    }
}

static void begin_arrivals(struct engine *engine, uint64_t now)
{
    struct bench *bench = &engine->bench;
    leave_out(engine, now);
    while (bench->idle_count > 0 && has_arrival(engine) &&
            arrival_ns(engine, engine->begun) <= now) {
        bench->idle_count--;
        uint64_t arrival = arrival_ns(engine, engine->begun);
        slot_begin(bench->idle[bench->idle_count], arrival, monotonic_ns());
        engine->begun++;
    }
}

/* The slots whose hold or rest is over. */
static void end_waits(struct bench *bench, uint64_t now)
{
    struct slot *slot;
    while ((slot = slot_queue_take(&bench->holding, now)) != NULL)
        slot_release(slot, slot->until_ns, now);
    while ((slot = slot_queue_take(&bench->resting, now)) != NULL) {
        if (bench->endless)
            slot_begin(slot, now, now);
        else
            bench->idle[bench->idle_count++] = slot;
    }
}

static void send_dirty(struct bench *bench)
{
    /* Processing may make others dirty, or the same one again: only from callbacks. */
    while (bench->dirty_count > 0) {
        struct link *link = bench->dirty[--bench->dirty_count];
        link_process(link);
    }
}

static uint64_t wake_time(const struct engine *engine, uint64_t end)
{
    const struct bench *bench = &engine->bench;
    uint64_t wake = u64_min(end, engine->next_second);
    if (bench->idle_count > 0 && has_arrival(engine))
        wake = u64_min(wake, arrival_ns(engine, engine->begun));
    if (bench->holding.first)
        wake = u64_min(wake, bench->holding.first->until_ns);
    if (bench->resting.first)
        wake = u64_min(wake, bench->resting.first->until_ns);
    return wake;
}

static void wait_and_process(struct engine *engine, uint64_t end, uint64_t now)
{
    struct epoll_event events[EVENTS];
    uint64_t wake = wake_time(engine, end);
    uint64_t left = u64_rest(wake, now);
    struct timespec timeout = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
    int count = epoll_pwait2(engine->poll, events, EVENTS, &timeout, NULL);
    for (int i = 0; i < count; i++)
        link_process(events[i].data.ptr);
}

static void tell_second(struct engine *engine, uint64_t now)
{
    if (now < engine->next_second)
        return;
    engine->next_second += NS_PER_S;
    engine->watcher->second(
            engine->watcher->user, engine->bench.tally, now - engine->start_ns);
}

static void turn(struct engine *engine, uint64_t end, uint64_t now)
{
    uint64_t sent = now;
    end_waits(&engine->bench, now);
    begin_arrivals(engine, now);
    if (engine->bench.dirty_count > 0) {
        send_dirty(&engine->bench);
        sent = monotonic_ns();
    }
    wait_and_process(engine, end, sent);
    tell_second(engine, now);
}

static void turn_until(struct engine *engine, uint64_t end)
{
    uint64_t now = monotonic_ns();
    for (; now < end && stop_signal() == 0; now = monotonic_ns())
        turn(engine, end, now);
}

static bool is_busy(const struct engine *engine)
{
    const struct bench *bench = &engine->bench;
    return has_arrival(engine) ||
           bench->idle_count + bench->dead_count < bench->settings->inflight;
}

/* Finish everything that was started or was due; after a signal, what can be soon. */
static void drain(struct engine *engine)
{
    const struct settings *settings = engine->bench.settings;
    uint64_t now = monotonic_ns();
    uint64_t limit = now + settings->time_ns + 10 * NS_PER_S;
    uint64_t stopped = stop_signal() != 0 ? now : UINT64_MAX;
    engine->bench.endless = false;
    while (is_busy(engine) && now < limit && u64_rest(now, stopped) < stop_patience_ns) {
        turn(engine, limit, now);
        now = monotonic_ns();
        if (stop_signal() != 0)
            stopped = u64_min(stopped, now);
    }
    if (is_busy(engine))
        complain("some requests were not answered in time; they count as unknown");
}

static bool add_link(struct engine *engine, struct link *link)
{
    if (!link_open(link, &engine->bench))
        return false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    if (epoll_ctl(engine->poll, EPOLL_CTL_ADD, lk_fd(link->client), &event) == 0)
        return true;
    complain("cannot poll: %s", strerror(errno));
    return false;
}

static uint64_t count_open(const struct bench *bench)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < bench->settings->connections; i++)
        count += bench->links[i].id != 0;
    return count;
}

static enum engine_end connect_all(struct engine *engine)
{
    struct bench *bench = &engine->bench;
    const struct settings *settings = bench->settings;
    for (uint64_t i = 0; i < settings->connections; i++) {
        if (!add_link(engine, &bench->links[i]))
            return ENGINE_FAILED;
        link_process(&bench->links[i]);
    }
    uint64_t limit = monotonic_ns() + settings->connect_ns;
    uint64_t now = monotonic_ns();
    while (count_open(bench) < settings->connections && now < limit && stop_signal() == 0) {
        wait_and_process(engine, limit, now);
        now = monotonic_ns();
    }
    if (stop_signal() != 0)
        return ENGINE_STOPPED;
    if (count_open(bench) == settings->connections)
        return ENGINE_DONE;
    complain("%llu of %llu clients found no leader in time: %s",
            (unsigned long long)(settings->connections - count_open(bench)),
            (unsigned long long)settings->connections, bench->notice);
    return ENGINE_NO_CLUSTER;
}

/* Open the idle sessions, before the load. */
static bool open_idle(struct engine *engine)
{
    struct bench *bench = &engine->bench;
    const struct settings *settings = bench->settings;
    uint64_t limit = monotonic_ns() + settings->connect_ns + settings->sessions * NS_PER_MS;
    for (uint64_t i = 0; i < settings->sessions; i++)
        link_open_idle(&bench->links[i % settings->connections]);
    while (bench->sessions_open + bench->sessions_refused < settings->sessions &&
            monotonic_ns() < limit && stop_signal() == 0) {
        send_dirty(bench);
        wait_and_process(engine, limit, monotonic_ns());
    }
    if (bench->sessions_open == settings->sessions || stop_signal() != 0)
        return true;
    complain("only %llu of %llu sessions were opened: %s",
            (unsigned long long)bench->sessions_open,
            (unsigned long long)settings->sessions, bench->notice);
    return false;
}

static void start_slots(struct engine *engine)
{
    struct bench *bench = &engine->bench;
    for (uint32_t i = 0; i < bench->settings->inflight; i++) {
        struct slot *slot = &bench->slots[i];
        *slot = (struct slot){.link = &bench->links[i % bench->settings->connections],
                .number = i,
                .seen = bench->seen ? &bench->seen[i] : NULL,
                .proc = bench->next_proc++};
        if (is_open_loop(engine))
            bench->idle[bench->idle_count++] = slot;
        else
            slot_begin(slot, engine->start_ns, engine->start_ns);
    }
}

static void load_cluster(struct engine *engine)
{
    struct bench *bench = &engine->bench;
    const struct settings *settings = bench->settings;
    engine->start_ns = monotonic_ns();
    engine->next_second = engine->start_ns + NS_PER_S;
    uint64_t begin = engine->start_ns + settings->warmup_ns;
    uint64_t end = begin + settings->time_ns;
    engine->last_ns = end;
    tally_init(bench->tally, begin, end);
    bench->endless = !is_open_loop(engine);
    start_slots(engine);
    turn_until(engine, begin);
    engine->watcher->edge(engine->watcher->user, true);
    turn_until(engine, end);
    engine->watcher->edge(engine->watcher->user, false);
    if (stop_signal() != 0) {
        tally_cut(bench->tally, monotonic_ns());
        engine->last_ns = bench->tally->end_ns;
    }
    drain(engine);
    tally_end(bench->tally);
}

static bool all_closed(const struct bench *bench)
{
    for (uint64_t i = 0; i < bench->settings->connections; i++) {
        if (!bench->links[i].closed)
            return false;
    }
    return true;
}

static void close_all(struct engine *engine, bool loaded)
{
    struct bench *bench = &engine->bench;
    const struct settings *settings = bench->settings;
    uint64_t limit = monotonic_ns() + NS_PER_S;
    engine->next_second = UINT64_MAX;
    bench->closing = true;
    for (uint64_t i = 0; loaded && i < settings->connections; i++)
        link_close(&bench->links[i]);
    uint64_t now = monotonic_ns();
    for (; loaded && !all_closed(bench) && now < limit; now = monotonic_ns())
        turn(engine, limit, now);
    for (uint64_t i = 0; i < settings->connections; i++)
        lk_close(bench->links[i].client);
}

static void allocate(struct engine *engine)
{
    struct bench *bench = &engine->bench;
    const struct settings *settings = bench->settings;
    bench->links = need(calloc(settings->connections, sizeof(bench->links[0])));
    bench->dirty = need(calloc(settings->connections, sizeof(struct link *)));
    bench->slots = need(calloc(settings->inflight, sizeof(bench->slots[0])));
    if (settings->look > 0)
        bench->seen = need(calloc(settings->inflight, sizeof(bench->seen[0])));
    bench->idle = need(calloc(settings->inflight, sizeof(struct slot *)));
    struct workload_lock *locks =
            need(calloc(workload_lock_count(settings), sizeof(struct workload_lock)));
    workload_init(&bench->workload, settings, settings->prefix, locks);
}

static void deallocate(struct engine *engine)
{
    struct bench *bench = &engine->bench;
    free(bench->workload.locks);
    free(bench->idle);
    free(bench->seen);
    free(bench->slots);
    free((void *)bench->dirty);
    free(bench->links);
    close(engine->poll);
}

enum engine_end engine_run(const struct settings *settings, struct history *history,
        struct tally *tally, const struct engine_watcher *watcher)
{
    struct engine engine = {.bench = {.settings = settings,
                                    .history = history,
                                    .tally = tally,
                                    .next_proc = 1},
            .watcher = watcher,
            .poll = epoll_create1(EPOLL_CLOEXEC),
            .next_second = UINT64_MAX};
    if (engine.poll < 0) {
        complain("cannot poll: %s", strerror(errno));
        return ENGINE_FAILED;
    }
    /* Arrivals are meant to be on time: the default is 50 us late. */
    prctl(PR_SET_TIMERSLACK, 1);
    allocate(&engine);
    enum engine_end end = connect_all(&engine);
    if (end == ENGINE_DONE && !open_idle(&engine))
        end = ENGINE_FAILED;
    bool loads = end == ENGINE_DONE && stop_signal() == 0;
    if (loads)
        load_cluster(&engine);
    if (end == ENGINE_DONE && (!loads || tally_span_ns(tally) == 0))
        end = ENGINE_STOPPED;
    close_all(&engine, loads);
    deallocate(&engine);
    return end;
}
