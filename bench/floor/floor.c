/*
 * floor measures the most that this machine can do for a lock service of three nodes.
 *
 * lockd's figures alone mean little: a slow disk makes every service slow. This program
 * does only what no such service can avoid: the same messages between the same processes,
 * and the same bytes durable on a majority before an answer. It leaves out everything that
 * makes a service: terms, elections, a log that is read, checksums, sessions, locks,
 * clocks, lookups of names. What lockd needs beyond the floor, measured in the same minutes
 * at the same load, is the cost of its promises.
 *
 *        load                     leader                     followers (two)
 *         |---- requests, a frame --->|                          |
 *         |     for each connection   |---- batch (48 + disk) -->|
 *         |                           |--.                       |--.
 *         |                           |  | durable write         |  | durable write
 *         |                           |<-'                       |<-'
 *         |                           |<------- ack -------------|
 *         |<--- answers, a frame -----|  two of three are durable
 *
 * Why nothing can be faster, part by part; each file gives the reasons:
 *
 *   floor_ring      one io_uring and one thread per process; one system call per turn
 *   floor_stream    one send per connection and turn; frames are never built, only measured
 *   floor_log       zero-filled files: a write changes bytes and nothing else
 *   floor_leader    one copy of each request; disk and followers work at the same time
 *   floor_follower  no copy; write and acknowledgement are one chain inside the kernel
 *   floor_load      the clients
 *   floor_sizes     the sizes of all messages: those of lockd
 *   floor_run       four processes, watched from outside
 *   floor_raw       a durable write alone, a round trip alone: a commit cannot take less
 *
 * README.md has what was measured, and what was left out because it did not help.
 */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "floor_raw.h"
#include "floor_report.h"
#include "floor_run.h"
#include "tool/fail.h"
#include "tool/options.h"

enum exit_code {
    EXIT_MEASURED = 0,
    EXIT_FAILED = 1,
    EXIT_WRONG_USAGE = 2,
};

enum {
    CONNECTIONS_DEFAULT = 8,
};

/* clang-format off */
#define ROWS(settings)                                                                  \
    {"inflight", OPTION_NUMBER, &(settings)->inflight, 1, FLOOR_INFLIGHT_MAX, "N",      \
            "requests in flight (64)"},                                         \
    {"connections", OPTION_NUMBER, &(settings)->connections, 1, FLOOR_CONNECTIONS_MAX,  \
            "C", "connections that share them (8)"},                               \
    {"time", OPTION_DURATION, &(settings)->time_ns, 10 * NS_PER_MS, 3600 * NS_PER_S,    \
            "DUR", "measure this long (5s)"},                                             \
    {"warmup", OPTION_DURATION, &(settings)->warmup_ns, 0, 3600 * NS_PER_S, "DUR",      \
            "same load before, not counted (500ms)"},                                        \
    {"linger", OPTION_NUMBER, &(settings)->linger_us, 0, 1000000, "US",                 \
            "a batch waits this long to become full (0)"},                                \
    {"batches", OPTION_NUMBER, &(settings)->batches, 1, FLOOR_BATCHES_MAX, "K",         \
            "batches in flight (1)"},                                           \
    {"dir", OPTION_TEXT, &(settings)->dir, 0, 0, "DIR",                                 \
            "directory of the logs (/var/tmp)"},                                           \
    {"log", OPTION_NUMBER, &(settings)->log_mib, 4, 65536, "MIB",                       \
            "size of each log (256)"},                                                \
    {"verify", OPTION_FLAG, &(settings)->verify, 0, 0, NULL,                            \
            "compare the three logs at the end"},                                       \
    {"raw", OPTION_FLAG, &(settings)->raw, 0, 0, NULL,                                  \
            "measure durable writes and the round trip instead"},                       \
    {"json", OPTION_FLAG, &(settings)->json, 0, 0, NULL, "print the report as JSON"}
/* clang-format on */

static bool complete(struct floor_settings *settings)
{
    if (settings->connections == 0)
        settings->connections = settings->inflight < CONNECTIONS_DEFAULT
                                        ? settings->inflight
                                        : CONNECTIONS_DEFAULT;
    if (settings->connections <= settings->inflight)
        return true;
    complain("--connections %llu: must be at most --inflight, which is %llu",
            (unsigned long long)settings->connections,
            (unsigned long long)settings->inflight);
    return false;
}

static int measure_raw(const struct floor_settings *settings)
{
    struct floor_raw raw;
    if (!floor_raw(settings, &raw))
        return EXIT_FAILED;
    (settings->json ? floor_raw_json : floor_raw_table)(settings, &raw, stdout);
    return EXIT_MEASURED;
}

static int measure(const struct floor_settings *settings)
{
    struct floor_result result;
    if (!floor_run(settings, &result))
        return EXIT_FAILED;
    (settings->json ? floor_report_json : floor_report_table)(settings, &result, stdout);
    return EXIT_MEASURED;
}

int main(int argc, char **argv)
{
    struct floor_settings settings = {.inflight = 64,
            .time_ns = 5 * NS_PER_S,
            .warmup_ns = 500 * NS_PER_MS,
            .batches = 1,
            .log_mib = 256,
            .dir = "/var/tmp"};
    const struct option_row rows[] = {ROWS(&settings)};
    const struct options table = {
            "floor [options]",
            "Measure the most that three nodes on this machine can commit: the input and\n"
            "output of lockd without lockd.",
            rows,
            sizeof(rows) / sizeof(rows[0]),
            {NULL},
            false,
            "exit: 0 measured, 1 failed or logs differ, 2 wrong usage",
    };
    struct operands operands;
    complain_as("floor");
    if (!options_parse(&table, argv + (argc > 0), &operands))
        return EXIT_WRONG_USAGE;
    if (operands.help) {
        options_help(&table, stdout);
        return EXIT_MEASURED;
    }
    if (!complete(&settings))
        return EXIT_WRONG_USAGE;
    return settings.raw ? measure_raw(&settings) : measure(&settings);
}
