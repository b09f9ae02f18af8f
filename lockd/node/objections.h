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

/*
 * Most processes with the ids of the other members are of another cluster than this node. If
 * it has no leader either, it is the node that is wrong: its directory is of another cluster,
 * and the addresses in there lead nowhere, so nobody could tell it.
 */
bool objections_are_to_most(const struct roster *roster, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
