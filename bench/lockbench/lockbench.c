/*
 * lockbench measures how many locks a cluster grants per second, and how soon. The parts:
 *
 *     bench_settings   what to do          engine, slots   the load, through liblock's loop
 *     blocking         the load, through its blocking calls
 *     workload         which locks next, and whether grants can be right
 *     tally, report    what is counted and reported
 *     leader           the leader's own figures for the same span
 *     bench_history    what each operation did, for lockcheck
 *     bench_plot       pictures
 *     stop             ^C
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_history.h"
#include "bench_plot.h"
#include "bench_report.h"
#include "bench_settings.h"
#include "blocking.h"
#include "engine.h"
#include "leader_view.h"
#include "stop.h"
#include "tool/fail.h"

enum exit_code {
    EXIT_MEASURED = 0,
    EXIT_WRONG_RESULT = 1,
    EXIT_WRONG_USAGE = 2,
    EXIT_NO_CLUSTER = 3,
    EXIT_BY_SIGNAL = 128, /* And the number of the signal */
};

struct lockbench {
    struct settings settings;
    struct history history;
    struct tally tally;
    struct lk_client *looker;
    struct leader_reading before;
    struct leader_reading after;
    struct leader_node span;
    struct plot plot;
    bool terminal;
};

static void on_edge(void *user, bool begins)
{
    struct lockbench *bench = user;
    leader_read(begins ? &bench->before : &bench->after, bench->looker);
}

static void on_second(void *user, const struct tally *tally, uint64_t elapsed_ns)
{
    struct lockbench *bench = user;
    if (bench->terminal)
        report_progress(&bench->settings, tally, elapsed_ns, stderr);
}

static void report(struct lockbench *bench)
{
    leader_await(&bench->before);
    leader_await(&bench->after);
    leader_between(&bench->before, &bench->after, &bench->span);
    struct report_input input = {&bench->settings, &bench->tally, &bench->span};
    if (bench->terminal)
        report_progress_end(stderr);
    if (bench->settings.json)
        report_json(&input, stdout);
    else
        report_table(&input, stdout);
}

static enum engine_end load(struct lockbench *bench, const struct engine_watcher *watcher)
{
    if (bench->settings.blocking)
        return blocking_run(&bench->settings, &bench->tally, watcher);
    return engine_run(&bench->settings, &bench->history, &bench->tally, watcher);
}

static int measure_once(struct lockbench *bench)
{
    bench->looker = leader_open(bench->settings.cluster);
    if (!bench->looker)
        return EXIT_WRONG_USAGE;
    struct engine_watcher watcher = {on_edge, on_second, bench};
    enum engine_end end = load(bench, &watcher);
    if (end == ENGINE_DONE)
        report(bench);
    bool drawn =
            end != ENGINE_DONE || plot_add(&bench->plot, &bench->settings, &bench->tally);
    lk_close(bench->looker);
    if (end == ENGINE_NO_CLUSTER)
        return EXIT_NO_CLUSTER;
    if (end == ENGINE_STOPPED) {
        if (bench->terminal)
            report_progress_end(stderr);
        complain("stopped by a signal before anything was measured");
        return EXIT_BY_SIGNAL + stop_signal();
    }
    if (stop_signal() != 0 && drawn && bench->tally.wrong == 0)
        return EXIT_BY_SIGNAL + stop_signal();
    return end == ENGINE_DONE && drawn && tally_is_good(&bench->tally) ? EXIT_MEASURED
                                                                       : EXIT_WRONG_RESULT;
}

/* One run for each number in flight; the first that goes wrong is the last. */
static int measure(struct lockbench *bench, char **arguments)
{
    const struct settings *settings = &bench->settings;
    int code = EXIT_MEASURED;
    if (!plot_open(&bench->plot, settings->plot, arguments))
        return EXIT_WRONG_USAGE;
    if (settings->plot) {
        bench->tally.slice_count = settings->time_ns / TALLY_SLICE_NS + 1;
        bench->tally.slices =
                need(calloc(bench->tally.slice_count, sizeof(struct tally_slice)));
    }
    for (uint64_t i = 0; i < settings->sweep_count && code == EXIT_MEASURED; i++) {
        if (settings->sweep_count > 1)
            settings_at(&bench->settings, i);
        if (bench->tally.slices)
            memset(bench->tally.slices, 0,
                    bench->tally.slice_count * sizeof(struct tally_slice));
        code = measure_once(bench);
    }
    if (!plot_close(&bench->plot, settings) && code == EXIT_MEASURED)
        code = EXIT_WRONG_RESULT;
    free(bench->tally.slices);
    return code;
}

int main(int argc, char **argv)
{
    /* Histograms of many nodes: not for the stack. */
    static struct lockbench bench;
    char prefix[32];
    complain_as("lockbench");
    enum settings_verdict verdict = settings_parse(&bench.settings, argv + (argc > 0));
    if (verdict != SETTINGS_GOOD)
        return verdict == SETTINGS_SHOWN ? EXIT_MEASURED : EXIT_WRONG_USAGE;
    if (!bench.settings.prefix) {
        (void)snprintf(prefix, sizeof(prefix), "bench-%d-", (int)getpid());
        bench.settings.prefix = prefix;
    }
    stop_prepare();
    bench.terminal = isatty(STDERR_FILENO) != 0;
    if (!history_open(&bench.history, bench.settings.history, bench.settings.ttl_ns))
        return EXIT_WRONG_USAGE;
    int code = measure(&bench, argv);
    if (!history_close(&bench.history) && code == EXIT_MEASURED)
        code = EXIT_WRONG_RESULT;
    return code;
}
