/*
 * The report of lockbench, for people and as JSON.
 */
#ifndef BENCH_BENCH_REPORT_H
#define BENCH_BENCH_REPORT_H

#include <stdio.h>

#include "bench_settings.h"
#include "leader_view.h"
#include "tally.h"

#ifdef __cplusplus
extern "C" {
#endif

struct report_input {
    const struct settings *settings;
    const struct tally *tally;
    const struct leader_node *leader; /* The same span as the leader saw it */
};

void report_table(const struct report_input *input, FILE *out);
void report_json(const struct report_input *input, FILE *out);

/* One line that replaces the last, for a terminal. */
void report_progress(const struct settings *settings, const struct tally *tally,
        uint64_t elapsed_ns, FILE *out);
void report_progress_end(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
