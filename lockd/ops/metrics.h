/*
 * The page /metrics: every metric is listed in lockd/doc/metrics.md, with what it is for.
 * Names keep to the conventions of Prometheus: base units, `_total` for what only grows.
 */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include "node/report.h"
#include "ops/page.h"

#ifdef __cplusplus
extern "C" {
#endif

void metrics_write(struct page *page, const struct node_report *report,
        const struct process_figures *process);

#ifdef __cplusplus
}
#endif

#endif
