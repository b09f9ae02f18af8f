/*
 * Is this node alive, is it of use to clients, and what is its status: for load balancers,
 * orchestrators and scripts.
 */
#ifndef OPS_PROBES_H
#define OPS_PROBES_H

#include <stdbool.h>

#include "node/report.h"
#include "ops/page.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Ready: the node knows a leader, its state is at most a second behind, and it takes part in
 * the cluster. One line says why it is not. A node that leads nobody is ready too: it names
 * the leader to its clients.
 */
bool probes_ready(const struct node_report *report, struct page *page);

/* What the node does now, or what is wrong with it: one line without an end, for people. */
void probes_line(const struct node_report *report, struct page *page);

/* The status as JSON, with the keys of one node of `lockctl status --json`. */
void probes_status(const struct node_report *report, struct page *page);

#ifdef __cplusplus
}
#endif

#endif
