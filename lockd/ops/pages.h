/*
 * What lockd answers over HTTP: which page a request wants, and the whole response.
 *
 *     /metrics      for Prometheus
 *     /livez        200 while the loop turns: never about quorum, conditions or the disk
 *     /readyz       200 or 503 with one line: may clients be sent here?
 *     /status.json  the status of this node
 */
#ifndef OPS_PAGES_H
#define OPS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "node/report.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PAGES_ROOM = 192 * 1024, /* For the longest response */
};

/* One request. */
struct pages_call {
    const struct node *node;
    const struct process_figures *process;
    struct span head; /* The request, up to its empty line */
    bool whole;       /* It has that line; false: it is longer than lockd takes. */
};

/* Write the response to PAGES_ROOM bytes at `room`; returns its length. */
size_t pages_answer(const struct pages_call *call, char *room);

#ifdef __cplusplus
}
#endif

#endif
