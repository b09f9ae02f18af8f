#include "bench_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liblock.h"
#include "tool/fail.h"
#include "tool/options.h"

enum {
    INFLIGHT_CLOSED = 64,
    INFLIGHT_OPEN = 1024,
    INFLIGHT_MAX = 1000000,
    CONNECTIONS = 8,
    THREADS_MAX = 4096,
    PREFIX_BYTES_MAX = 200
};

#define SEED_NOT_GIVEN UINT64_MAX

static const char *const load_names[] = {"uncontended", "contended", "mixed"};

const char *load_text(enum load load)
{
    return load_names[load];
}

static bool parse_load(enum load *load, const char *name)
{
    for (enum load i = LOAD_UNCONTENDED; i <= LOAD_MIXED; i++) {
        if (strcmp(name, load_names[i]) == 0) {
            *load = i;
            return true;
        }
    }
    complain("--workload %s: must be uncontended, contended or mixed", name);
    return false;
}

/* Histories and reports contain names as they are: nothing that needs escaping. */
static bool prefix_is_valid(const char *prefix)
{
    size_t length = strlen(prefix);
    bool plain =
            strspn(prefix,
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:+") ==
            length;
    if (plain && 0 < length && length <= PREFIX_BYTES_MAX)
        return true;
    complain("--prefix \"%s\": must have 1 to %d letters, digits or -_./:+", prefix,
            PREFIX_BYTES_MAX);
    return false;
}

void settings_at(struct settings *settings, uint64_t number)
{
    uint64_t wanted = settings->connections_wanted;
    settings->inflight = settings->sweep[number];
    settings->connections = wanted < settings->inflight ? wanted : settings->inflight;
}

/* A number that a comma or the end follows; 0: not a number, or out of range. */
static uint64_t parse_inflight(const char *text, size_t *digits)
{
    *digits = strspn(text, "0123456789");
    bool ends = text[*digits] == ',' || text[*digits] == 0;
    uint64_t value = ends && *digits <= 7 ? strtoull(text, NULL, 10) : 0;
    return value <= INFLIGHT_MAX ? value : 0;
}

/* "1,8,64". */
static bool parse_sweep(struct settings *settings)
{
    const char *rest = settings->inflight_text;
    while (rest && settings->sweep_count < SETTINGS_SWEEP_MAX) {
        size_t digits;
        uint64_t value = parse_inflight(rest, &digits);
        if (value == 0)
            break;
        settings->sweep[settings->sweep_count++] = value;
        rest = rest[digits] == ',' ? rest + digits + 1 : NULL;
    }
    if (!rest && (settings->sweep_count <= 1 || !settings->history))
        return true;
    if (!rest)
        complain("--history works only with one value of --inflight");
    else
        complain("--inflight %s: must be 1 to %d numbers from 1 to %d, separated by commas",
                settings->inflight_text, SETTINGS_SWEEP_MAX, INFLIGHT_MAX);
    return false;
}

/* Blocking threads have no loop that could do these things. */
static bool blocking_fits(const struct settings *settings)
{
    if (!settings->blocking)
        return true;
    bool loops = settings->rate != 0 || settings->history || settings->survive ||
                 settings->look != 0 || settings->sessions != 0;
    if (loops)
        complain(
                "--blocking cannot be used with --rate, --history, --look, --sessions or --survive");
    else if (settings->inflight > THREADS_MAX)
        complain("--blocking: --inflight must be at most %d, one thread each", THREADS_MAX);
    return !loops && settings->inflight <= THREADS_MAX;
}

static bool needs(const char *option, const char *why)
{
    complain("%s does nothing here: %s", option, why);
    return false;
}

/* An option without effect is a misunderstanding: the figures would not be what they seem. */
static bool all_matter(struct settings *settings)
{
    bool draws = settings->load == LOAD_MIXED || settings->look != 0;
    if (settings->late_ns != LK_FOREVER && settings->rate == 0)
        return needs("--late", "it needs --rate");
    if (settings->locks != 0 && settings->load == LOAD_UNCONTENDED)
        return needs("--locks", "it needs --workload contended or mixed");
    if (settings->seed != SEED_NOT_GIVEN && !draws)
        return needs("--seed", "it needs --workload mixed or --look");
    if (settings->seed == SEED_NOT_GIVEN)
        settings->seed = 1;
    return true;
}

/* Defaults that depend on other settings, and combinations that are refused. */
static bool complete(struct settings *settings)
{
    if (settings->sweep_count == 0)
        settings->sweep[settings->sweep_count++] =
                settings->rate == 0 ? INFLIGHT_CLOSED : INFLIGHT_OPEN;
    settings->inflight = settings->sweep[0];
    settings->connections_wanted =
            settings->connections == 0 ? CONNECTIONS : settings->connections;
    if (settings->connections == 0 || settings->sweep_count > 1)
        settings_at(settings, 0);
    if (settings->answer_ns == 0)
        settings->answer_ns = settings->connect_ns;
    if (settings->connections > settings->inflight) {
        complain("--connections %llu: must be at most --inflight, which is %llu",
                (unsigned long long)settings->connections,
                (unsigned long long)settings->inflight);
        return false;
    }
    if (!blocking_fits(settings) || !all_matter(settings))
        return false;
    if (settings->locks == 0)
        settings->locks = settings->load == LOAD_MIXED ? 16 : 1;
    return !settings->prefix || prefix_is_valid(settings->prefix);
}

/* clang-format off */
#define ROWS(settings, load_name, version)                                              \
    {"workload", OPTION_TEXT, load_name, 0, 0, "NAME",                                  \
            "uncontended (one lock per slot), contended (--locks) or mixed"},            \
    {"inflight", OPTION_TEXT, &(settings)->inflight_text, 0, 0, "N[,N...]",             \
            "requests in flight (64; with --rate at most 1024); one run per number"},    \
    {"connections", OPTION_NUMBER, &(settings)->connections, 1, 10000, "C",             \
            "clients that share them (8)"},                                             \
    {"sessions", OPTION_NUMBER, &(settings)->sessions, 0, 1000000, "N",                 \
            "N extra idle sessions (0)"},                                               \
    {"rate", OPTION_NUMBER, &(settings)->rate, 1, 10000000, "R",                        \
            "open loop: start R acquires per second, regardless of completions"},       \
    {"late", OPTION_DURATION, &(settings)->late_ns, LK_MILLISECOND,                     \
            UINT64_C(3600) * LK_SECOND, "DUR",                                          \
            "with --rate: skip acquires that would start this late (no limit)"},        \
    {"locks", OPTION_NUMBER, &(settings)->locks, 1, 1000000, "K",                       \
            "number of shared locks (1; mixed: 16)"},                                   \
    {"hold", OPTION_DURATION, &(settings)->hold_ns, 0, UINT64_C(3600) * LK_SECOND, "DUR",         \
            "hold each lock this long (0s)"},                                           \
    {"time", OPTION_DURATION, &(settings)->time_ns, 100 * LK_MILLISECOND,               \
            UINT64_C(86400) * LK_SECOND, "DUR", "measure this long (10s)"},                        \
    {"warmup", OPTION_DURATION, &(settings)->warmup_ns, 0, UINT64_C(3600) * LK_SECOND, "DUR",     \
            "same load before, not counted (1s)"},                                      \
    {"ttl", OPTION_DURATION, &(settings)->ttl_ns, LK_SECOND, UINT64_C(86400) * LK_SECOND, "DUR",  \
            "ttl of the sessions (10s)"},                                               \
    {"look", OPTION_NUMBER, &(settings)->look, 0, 99, "PERCENT",                        \
            "percent of operations that only query the lock (0)"},                      \
    {"seed", OPTION_NUMBER, &(settings)->seed, 0, UINT64_MAX - 1, "N",                  \
            "seed of the choices of a mixed load (1)"},                                 \
    {"prefix", OPTION_TEXT, &(settings)->prefix, 0, 0, "TEXT",                          \
            "prefix of all lock names (bench-PID-)"},                                   \
    {"history", OPTION_TEXT, &(settings)->history, 0, 0, "FILE",                        \
            "write a history of all operations, for lockcheck"},                        \
    {"plot", OPTION_TEXT, &(settings)->plot, 0, 0, "DIR",                               \
            "draw latency, timeline and sweep as SVG in DIR (needs gnuplot)"},          \
    {"cluster", OPTION_TEXT, &(settings)->cluster, 0, 0, "LIST",                        \
            "nodes, host:port,host:port (default: $LOCKD_CLUSTER)"},                    \
    {"connect", OPTION_DURATION, &(settings)->connect_ns, LK_MILLISECOND,               \
            UINT64_C(3600) * LK_SECOND, "DUR", "give up when no cluster answers in this time (5s)"}, \
    {"wait", OPTION_DURATION, &(settings)->wait_ns, LK_MILLISECOND,                     \
            UINT64_C(86400) * LK_SECOND, "DUR",                                         \
            "longest wait of an acquire (default: no limit)"},                          \
    {"answer", OPTION_DURATION, &(settings)->answer_ns, LK_MILLISECOND,                 \
            UINT64_C(3600) * LK_SECOND, "DUR", "longest wait of a release (as --connect)"}, \
    {"blocking", OPTION_FLAG, &(settings)->blocking, 0, 0, NULL,                        \
            "one thread per slot, with blocking calls (closed loop only)"},             \
    {"survive", OPTION_FLAG, &(settings)->survive, 0, 0, NULL,                          \
            "replace lost sessions: for clusters under faults"},                        \
    {"json", OPTION_FLAG, &(settings)->json, 0, 0, NULL, "print the report as JSON"},   \
    {"version", OPTION_FLAG, version, 0, 0, NULL, "print the version"}
/* clang-format on */

enum settings_verdict settings_parse(struct settings *settings, char **arguments)
{
    *settings = (struct settings){.time_ns = 10 * LK_SECOND,
            .warmup_ns = LK_SECOND,
            .ttl_ns = 10 * LK_SECOND,
            .connect_ns = 5 * LK_SECOND,
            .wait_ns = LK_FOREVER,
            .late_ns = LK_FOREVER,
            .seed = SEED_NOT_GIVEN};
    const char *load_name = load_names[LOAD_UNCONTENDED];
    bool version = false;
    const struct option_row rows[] = {ROWS(settings, &load_name, &version)};
    const struct options table = {
            "lockbench [options]",
            "Load a lockd cluster with acquires and releases through liblock and report\n"
            "throughput and latency.",
            rows,
            sizeof(rows) / sizeof(rows[0]),
            {NULL},
            false,
            "^C reports what was measured until then; a second one ends lockbench at once.\n"
            "\n"
            "exit: 0 measured, 1 an operation was wrong or none succeeded, 2 wrong usage,\n"
            "3 no cluster, 128+N stopped by signal N",
    };
    struct operands operands;
    if (!options_parse(&table, arguments, &operands))
        return SETTINGS_WRONG;
    if (operands.help)
        options_help(&table, stdout);
    else if (version)
        (void)printf("lockbench %s\n", lk_version());
    if (operands.help || version)
        return SETTINGS_SHOWN;
    bool good = parse_load(&settings->load, load_name) && parse_sweep(settings) &&
                complete(settings);
    return good ? SETTINGS_GOOD : SETTINGS_WRONG;
}
