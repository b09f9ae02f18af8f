#include "offline/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "io/clock.h"
#include "io/locked_memory.h"
#include "io/uring.h"
#include "offline/trial_disk.h"
#include "offline/verdicts.h"
#include "ops/memory_limit.h"

enum {
    PER_MILLE = 1000,
    RATE_OFF_PER_MILLE = 20, /* Time servers change a rate by half of one at most. */
    CLOCK_READS = 1000,
};

static const uint64_t rate_span_ns = 300 * NS_PER_MS;
static const uint64_t reading_slow_ns = 2 * NS_PER_US; /* All four of them */

/* ---- Limits ---- */

static void take_line(
        void *context, enum tell_level level, const char *event, const char *details)
{
    (void)event;
    verdicts_add(context, level == TELL_ERROR ? VERDICT_PROBLEM : VERDICT_WARNING, "files",
            "%s", details);
}

static void try_files(struct verdicts *verdicts, const struct config *config)
{
    const struct tell tell = {.context = verdicts, .line = take_line};
    uint32_t connections = config->node.limits.connections_max;
    uint32_t wanted = connections;
    if (loop_fit_connections(&tell, config->node.member_count, &connections) &&
            connections == wanted)
        verdicts_add(verdicts, VERDICT_OK, "files", "enough for %" PRIu32 " connections",
                connections);
}

static void try_locked_memory(struct verdicts *verdicts, const struct config *config)
{
    uint64_t bytes = config->node.wal.buffer_bytes;
    if (locked_memory_is_ample(bytes))
        verdicts_add(verdicts, VERDICT_OK, "memlock",
                "the log buffer of %" PRIu64 " KiB can be locked", bytes / KIB);
    else
        verdicts_add(verdicts, VERDICT_WARNING, "memlock",
                "the log buffer of %" PRIu64
                " KiB cannot be locked, which is slightly slower; raise RLIMIT_MEMLOCK to twice that (ulimit -l, LimitMEMLOCK=)",
                bytes / KIB);
}

static void try_memory(struct verdicts *verdicts, const struct config *config,
        const struct loop_settings *settings)
{
    struct arena arena;
    struct memory_limit limit;
    char details[2 * MEMORY_LIMIT_SOURCE_BYTES];
    arena_init(&arena, NULL, 0);
    (void)loop_measure(&arena, settings, &config->node);
    uint64_t plan = arena_used_bytes(&arena);
    memory_limit_find(&limit, "");
    memory_limit_text(&limit, plan, details, sizeof details);
    if (limit.bytes < plan)
        verdicts_add(verdicts, VERDICT_WARNING, "memory", "%s", details);
    else
        verdicts_add(verdicts, VERDICT_OK, "memory",
                "the plan is %" PRIu64 " MiB, the limit %" PRIu64 " MiB (%s)", plan / MIB,
                limit.bytes / MIB, limit.source);
}

/* ---- Clocks ---- */

/* How much faster or slower `span` is than `other`, in parts of a thousand. */
static uint64_t difference(uint64_t span, uint64_t other)
{
    uint64_t apart = span > other ? span - other : other - span;
    return other == 0 ? PER_MILLE : apart * PER_MILLE / other;
}

static uint64_t reading_ns(void)
{
    uint64_t begin = clock_now();
    for (int i = 0; i < CLOCK_READS; i++)
        (void)clock_read();
    return (clock_now() - begin) / CLOCK_READS;
}

static const char *clock_source(char *name, int bytes)
{
    FILE *file =
            fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    bool has = file != NULL && fgets(name, bytes, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    if (!has)
        return "unknown";
    name[strcspn(name, "\n")] = 0;
    return name;
}

/* `from` was read a while ago: rates are compared over the time since. */
static void try_clocks(struct verdicts *verdicts, const struct node_clocks *from)
{
    char room[64];
    const char *source = clock_source(room, sizeof room);
    while (clock_now() - from->monotonic_ns < rate_span_ns) {
        const struct timespec pause = {.tv_nsec = (long)(10 * NS_PER_MS)};
        (void)nanosleep(&pause, NULL);
    }
    struct node_clocks to = clock_read();
    uint64_t boot = to.boot_ns - from->boot_ns;
    uint64_t raw = difference(boot, to.raw_ns - from->raw_ns);
    uint64_t wall = difference(boot, to.wall_ns - from->wall_ns);
    uint64_t cost = reading_ns();
    if (raw > RATE_OFF_PER_MILLE)
        verdicts_add(verdicts, VERDICT_PROBLEM, "clock",
                "CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW run at different rates (%" PRIu64
                " of 1000): leases depend on it; check the clock source (%s)",
                raw, source);
    else if (wall > RATE_OFF_PER_MILLE)
        verdicts_add(verdicts, VERDICT_WARNING, "clock",
                "CLOCK_REALTIME ran at another rate than CLOCK_BOOTTIME (%" PRIu64
                " of 1000), or was set meanwhile; check again, then the clock source (%s)",
                wall, source);
    else if (cost > reading_slow_ns)
        verdicts_add(verdicts, VERDICT_WARNING, "clock",
                "reading the clocks takes %" PRIu64
                " ns, because the clock source %s needs a system call; use another one (tsc, kvm-clock)",
                cost, source);
    else
        verdicts_add(verdicts, VERDICT_OK, "clock",
                "rates agree; source %s, %" PRIu64 " ns per reading", source, cost);
}

/* ---- All ---- */

static void try_ring_and_disk(
        struct verdicts *verdicts, const struct loop_settings *settings)
{
    struct uring ring;
    char reason[URING_REASON_BYTES];
    if (!uring_open(&ring, URING_ENTRIES, reason)) {
        verdicts_add(verdicts, VERDICT_PROBLEM, "ring", "%s", reason);
        verdicts_add(verdicts, VERDICT_WARNING, "disk", "not tried without a ring");
        return;
    }
    if (ring.small)
        verdicts_add(verdicts, VERDICT_WARNING, "ring",
                "io_uring works, but little memory may be locked, so the ring is small, and slower under load; raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)");
    else
        verdicts_add(verdicts, VERDICT_OK, "ring", "io_uring has what lockd needs");
    trial_disk(verdicts, settings, &ring);
    uring_close(&ring);
}

int trial_run(const struct config *config, const struct loop_settings *settings)
{
    struct verdicts verdicts = {0};
    struct node_clocks from;
    locked_memory_raise();
    verdicts_add(&verdicts, VERDICT_OK, "settings", "valid");
    if (!clock_works()) {
        verdicts_add(&verdicts, VERDICT_PROBLEM, "clock",
                "CLOCK_BOOTTIME, CLOCK_MONOTONIC or CLOCK_MONOTONIC_RAW cannot be read; use Linux 6.1 or later, or another sandbox");
        return EXIT_FAILURE;
    }
    from = clock_read();
    try_files(&verdicts, config);
    try_locked_memory(&verdicts, config);
    try_memory(&verdicts, config, settings);
    try_ring_and_disk(&verdicts, settings);
    try_clocks(&verdicts, &from);
    return verdicts.problems == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
