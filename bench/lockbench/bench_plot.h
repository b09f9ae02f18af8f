/*
 * Pictures of a run: lockbench writes its figures as plain columns into a folder, with a
 * gnuplot script for each, and runs gnuplot to draw SVG. To change a picture, edit the
 * script and run it again in the folder.
 *
 *     latency.dat    1/(1-p), acquire and release in ms; one block per number in flight
 *     sweep.dat      in flight, per second, p50, p99 and p99.9 in ms of both together
 *     timeline.dat   seconds, grants per second, longest time without a grant in ms, per 10 ms
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

/* Make the folder and open the files. False: the error was printed. */
bool plot_open(struct plot *plot, const char *folder, char **arguments);

/* One run is over. */
bool plot_add(
        struct plot *plot, const struct settings *settings, const struct tally *tally);

/* Draw. False: the error was printed; the data files are still there. */
bool plot_close(struct plot *plot, const struct settings *settings);

#ifdef __cplusplus
}
#endif

#endif
