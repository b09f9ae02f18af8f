/*
 * What passed between this node and others in the last seconds, as a condition of this node:
 * CONDITION_HEALTHY if there is nothing.
 */
#ifndef NODE_OBJECTIONS_H
#define NODE_OBJECTIONS_H

#include "node/roster.h"
#include "protocol/condition.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the others have against this node, ... */
enum condition objections_of_others(const struct roster *roster, uint64_t now_ns);

/* ... and what this node has against somebody. */
enum condition objections_to_others(const struct roster *roster, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
