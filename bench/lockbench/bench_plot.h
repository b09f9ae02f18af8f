/*
 * Pictures of a run: lockbench writes what it measured as plain columns into a folder, a script of
 * gnuplot beside each, and has gnuplot draw it as SVG. Whoever wants another picture changes the
 * script and runs it again there.
 *
 *     latency.dat    1/(1-p), acquire and release in ms; a block for each number in flight
 *     sweep.dat      in flight, a second, p50, p99 and p99.9 in ms of both together
 *     timeline.dat   seconds, grants a second, longest time without a grant in ms, of each 10 ms
 */
#ifndef BENCH_BENCH_PLOT_H
#define BENCH_BENCH_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "bench_settings.h"
#include "tally.h"

#ifdef __cplusplus
extern "C" {
#endif

struct plot {
    const char *folder; /* NULL: nothing is drawn */
    FILE *latency;
    FILE *sweep;
    char points[SETTINGS_SWEEP_MAX * 24]; /* Numbers in flight so far */
    char command[400];
    char machine[200];
};

/* Make the folder and open the files. False: it was complained about. */
bool plot_open(struct plot *plot, const char *folder, char **arguments);

/* One run is over. */
bool plot_add(
        struct plot *plot, const struct settings *settings, const struct tally *tally);

/* Draw. False: it was complained about; the data files are there all the same. */
bool plot_close(struct plot *plot, const struct settings *settings);

#ifdef __cplusplus
}
#endif

#endif
