/*
 * The last few thousand events of the node, for when an assertion fails. Then they are
 * written as text to a file in the data directory (and the newest to stderr), one line per
 * event, oldest first:
 *
 *     1234.567890123 received conn=3 count=160
 *
 * Received bytes are not kept: they may contain secrets of sessions.
 */
#ifndef IO_TRACE_H
#define IO_TRACE_H

#include "base/arena.h"
#include "base/ring.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TRACE_EVENTS = 4096,
    TRACE_LINE_BYTES = 256
};

struct trace {
    struct ring ring;
    struct node_event *rows; /* Never follow their `bytes`. */
};

void trace_carve(struct trace *trace, struct arena *arena);

void trace_add(struct trace *trace, const struct node_event *event);

/* Render one event with its newline; returns the length, below TRACE_LINE_BYTES. */
size_t trace_text(const struct node_event *event, char *text);

/* Write the newest `most` rows to the descriptor. Safe in a signal handler. */
void trace_write(const struct trace *trace, int descriptor, uint32_t most);

/*
 * From here on SIGABRT writes the trace to `events-<pid>.txt` in `directory` before the
 * process dies. One per process, because a signal handler has no argument.
 */
void trace_on_abort(const struct trace *trace, int directory);

#ifdef __cplusplus
}
#endif

#endif
