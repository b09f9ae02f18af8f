#include "peer_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/units.h"
#include "lockbench/bench_clock.h"
#include "lockbench/bench_report.h"
#include "tool/fail.h"

/* A contended lock with a thousand waiters takes a while to go round once more. */
#define DRAIN_NS (90 * NS_PER_S)

enum exit_code {
    EXIT_MEASURED = 0,
    EXIT_WRONG_RESULT = 1,
    EXIT_WRONG_USAGE = 2,
};

void peer_fail(const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    complain("%s", text);
    exit(EXIT_WRONG_RESULT);
}

uint32_t peer_link_of(const struct peer_load *load, uint32_t slot)
{
    return (uint32_t)(slot % load->settings.connections);
}

int peer_address(const char *cluster, char *host, size_t size)
{
    size_t length = strcspn(cluster, ",");
    const char *colon = memchr(cluster, ':', length);
    if (!colon || (size_t)(colon - cluster) >= size)
        peer_fail("--cluster %s: allowed is host:port", cluster);
    (void)snprintf(host, size, "%.*s", (int)(colon - cluster), cluster);
    return (int)strtol(colon + 1, NULL, 10);
}

static void begin(struct peer_load *load, uint32_t slot, uint64_t now)
{
    load->slots[slot].lock = workload_next(&load->workload, slot).lock;
    load->slots[slot].from_ns = now;
    load->system->acquire(load, slot);
}

static void check(
        struct peer_load *load, const struct peer_slot *slot, uint64_t now, uint64_t until)
{
    char name[WORKLOAD_NAME_BYTES];
    enum grant_verdict verdict =
            workload_granted(&load->workload, slot->lock, slot->token, now, until);
    if (verdict == GRANT_GOOD)
        return;
    (void)workload_name(&load->workload, slot->lock, name);
    tally_wrong(&load->tally,
            verdict == GRANT_TOKEN_OLD ? "the token did not grow" : "somebody else has it",
            name, slot->token);
}

void peer_acquired(
        struct peer_load *load, uint32_t slot, enum lk_status status, uint64_t token)
{
    struct peer_slot *mine = &load->slots[slot];
    uint64_t now = monotonic_ns();
    tally_acquired(&load->tally, status, mine->from_ns, now);
    mine->token = token > 0 ? token : load->last_token + 1;
    load->last_token = mine->token;
    if (status == LK_OK)
        check(load, mine, now, now + load->settings.ttl_ns);
    mine->from_ns = now;
    workload_releasing(&load->workload, mine->lock, mine->token);
    load->system->release(load, slot);
}

void peer_released(struct peer_load *load, uint32_t slot, enum lk_status status)
{
    uint64_t now = monotonic_ns();
    tally_released(&load->tally, status, load->slots[slot].from_ns, now);
    if (now < load->end_ns)
        begin(load, slot, now);
    else
        load->running--;
}

static void allocate(struct peer_load *load)
{
    const struct settings *settings = &load->settings;
    load->slots = need(calloc(settings->inflight, sizeof(load->slots[0])));
    struct workload_lock *locks =
            need(calloc(workload_lock_count(settings), sizeof(struct workload_lock)));
    workload_init(&load->workload, settings, settings->prefix, locks);
}

static void measure(struct peer_load *load)
{
    const struct settings *settings = &load->settings;
    uint64_t start = monotonic_ns();
    uint64_t limit = start + settings->warmup_ns + settings->time_ns + DRAIN_NS;
    load->end_ns = start + settings->warmup_ns + settings->time_ns;
    tally_init(&load->tally, start + settings->warmup_ns, load->end_ns);
    for (uint32_t i = 0; i < settings->inflight; i++) {
        load->running++;
        begin(load, i, start);
    }
    while (load->running > 0) {
        load->system->turn(load);
        if (monotonic_ns() > limit)
            peer_fail("%llu requests did not come back in time",
                    (unsigned long long)load->running);
    }
    tally_end(&load->tally);
}

static bool is_ours(const struct settings *settings)
{
    bool ours = settings->rate == 0 && settings->look == 0 && settings->hold_ns == 0 &&
                !settings->history && settings->load != LOAD_MIXED;
    if (!ours)
        complain("--rate, --look, --hold, --history, --workload mixed: only with lockd");
    if (!settings->cluster)
        complain("--cluster is needed");
    return ours && settings->cluster;
}

int peer_main(const struct peer_system *system, char **arguments)
{
    static struct peer_load load;
    static struct leader_node leader; /* Not reached: the others have no such figures. */
    char prefix[32];
    complain_as(system->name);
    enum settings_verdict verdict = settings_parse(&load.settings, arguments);
    if (verdict == SETTINGS_SHOWN)
        return EXIT_MEASURED;
    if (verdict == SETTINGS_WRONG || !is_ours(&load.settings))
        return EXIT_WRONG_USAGE;
    if (!load.settings.prefix) {
        (void)snprintf(prefix, sizeof(prefix), "bench-%d-", (int)getpid());
        load.settings.prefix = prefix;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    load.system = system;
    allocate(&load);
    system->open(&load);
    measure(&load);
    struct report_input input = {&load.settings, &load.tally, &leader};
    if (load.settings.json)
        report_json(&input, stdout);
    else
        report_table(&input, stdout);
    return tally_is_good(&load.tally) ? EXIT_MEASURED : EXIT_WRONG_RESULT;
}
