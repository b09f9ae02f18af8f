/*
 * lockctl status --latency: where each node's time went, since its start or within an
 * interval.
 */
#ifndef LOCKCTL_LATENCY_H
#define LOCKCTL_LATENCY_H

#include "base/histogram.h"
#include "liblock.h"
#include "tool/json_writer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one node: the difference of two readings, or all since its start. */
struct latency {
    uint64_t span_ns;
    bool restarted; /* Restarted between the readings: this is since the restart. */
    struct histogram stages[LK_STAGE_COUNT];
    uint64_t sums[LK_SUM_COUNT];
};

/* `before` is NULL: everything since the node's start. */
void latency_between(struct latency *latency, const struct lk_node_stages *before,
        const struct lk_node_stages *after);

void latency_print(const struct latency *latency, FILE *out);
void latency_write(const struct latency *latency, struct json *json);

#ifdef __cplusplus
}
#endif

#endif
