/*
 * The last few thousand events that the node was told, for the day an assertion fails: they
 * are written as text to a file in the data directory (and the newest to stderr), one line
 * an event, oldest first:
 *
 *     1234.567890123 received conn=3 count=160 bytes=9000000005000100...
 *
 * Of what was received only the first bytes are kept: the frame's head says what it was.
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
    TRACE_BYTES = 24,
    TRACE_LINE_BYTES = 256
};

struct trace_row {
    struct node_event event; /* Its `bytes` is not to be followed. */
    unsigned char bytes[TRACE_BYTES];
};

struct trace {
    struct ring ring;
    struct trace_row *rows;
};

void trace_carve(struct trace *trace, struct arena *arena);

void trace_add(struct trace *trace, const struct node_event *event);

/* Render one row with its newline; returns the length, below TRACE_LINE_BYTES. */
size_t trace_text(const struct trace_row *row, char *text);

/* Write the newest `most` rows to the descriptor. Safe in a signal handler. */
void trace_write(const struct trace *trace, int descriptor, uint32_t most);

/*
 * From here on SIGABRT writes the trace to `events-<pid>.txt` in `directory` before the
 * process dies. One per process: a signal handler has no argument to find it by.
 */
void trace_on_abort(const struct trace *trace, int directory);

#ifdef __cplusplus
}
#endif

#endif
