/*
 * The only place where io steps the node: every event passes turn_step(), which adds the
 * time of the turn and keeps the event in the trace.
 */
#ifndef IO_TURN_H
#define IO_TURN_H

#include "io/trace.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct turn {
    struct node *node;
    struct trace trace;
    struct node_effects effects;
    uint64_t now_ns;    /* CLOCK_MONOTONIC at the start of the turn */
    uint64_t handed_ns; /* ... and when the effects of the previous turn were handed on */
};

static inline void turn_step(struct turn *turn, struct node_event event)
{
    if (event.kind != NODE_TURN_END)
        event.now_ns = turn->now_ns;
    event.handed_ns = turn->handed_ns;
    trace_add(&turn->trace, &event);
    node_step(turn->node, &event, &turn->effects);
}

#ifdef __cplusplus
}
#endif

#endif
