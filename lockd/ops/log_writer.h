/*
 * Writes the lines of the log from a thread of its own.
 *
 * Standard error may be a pipe that nobody reads, a terminal that was stopped, or a file on
 * a disk that stands still. Whoever writes there then waits, and the thread that runs the
 * node must not. So it only puts lines here. A line for which there is no room is dropped,
 * and so is each one after it until all that waits is written. Then a line says how many
 * were dropped: it stands where they are missing.
 */
#ifndef OPS_LOG_WRITER_H
#define OPS_LOG_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ops/log_line.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LOG_WRITER_BYTES = 256 * 1024, /* Of lines that wait to be written */
};

struct log_writer {
    int descriptor;
    /* Writes into `line` that this many lines were dropped; the bytes of it. Any thread. */
    size_t (*describe_dropped)(const void *context, char *line, uint64_t count);
    const void *context;
    bool running;
    pthread_mutex_t mutex; /* Guards what follows. */
    pthread_cond_t wanted; /* There is something to write, ... */
    pthread_cond_t idle;   /* ... or nothing is left. */
    char lines[LOG_WRITER_BYTES];
    size_t begin; /* Of what is not written yet; both count on and never go back. */
    size_t end;
    bool writing;
    uint64_t untold; /* Lines dropped since a line last said so */
    uint64_t dropped;
};

/*
 * Starts the thread, which runs until the process ends; `writer` must stay where it is.
 * False: there can be no thread. Then lines are written by the caller's thread, if that
 * does not wait.
 */
bool log_writer_start(struct log_writer *writer, int descriptor,
        size_t (*describe_dropped)(const void *context, char *line, uint64_t count),
        const void *context);

/* A whole line, with its end. Never waits. */
void log_writer_put(struct log_writer *writer, const char *line, size_t bytes);

/* Before the process ends: waits until all is written, but not for longer than this. */
void log_writer_flush(struct log_writer *writer, uint32_t wait_ms);

/* Lines dropped since the start. Any thread. */
uint64_t log_writer_dropped(struct log_writer *writer);

#ifdef __cplusplus
}
#endif

#endif
