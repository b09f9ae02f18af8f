/*
 * The report of floor, for people and as JSON.
 */
#ifndef BENCH_FLOOR_REPORT_H
#define BENCH_FLOOR_REPORT_H

#include <stdio.h>

#include "floor_raw.h"
#include "floor_run.h"

#ifdef __cplusplus
extern "C" {
#endif

void floor_report_table(const struct floor_settings *settings,
        const struct floor_result *result, FILE *out);
void floor_report_json(const struct floor_settings *settings,
        const struct floor_result *result, FILE *out);
void floor_raw_table(
        const struct floor_settings *settings, const struct floor_raw *raw, FILE *out);
void floor_raw_json(
        const struct floor_settings *settings, const struct floor_raw *raw, FILE *out);

#ifdef __cplusplus
}
#endif

#endif
