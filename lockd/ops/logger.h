/*
 * The log of lockd: one line per event on standard error. It has time (UTC), level, event,
 * key=value pairs, and after a colon a sentence where a person may want one; see log_line.h.
 * It never contains the secret of a session.
 */
#ifndef OPS_LOGGER_H
#define OPS_LOGGER_H

#include <stdint.h>
#include <time.h>

#include "node/node.h"
#include "ops/log_line.h"
#include "ops/log_writer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LOGGER_REPEATS = 16 /* Different lines of which repetitions are noticed */
};

/* A line about a member that may come again and again, and since when it is left out. */
struct logger_repeat {
    time_t since; /* 0: unused */
    int kind;     /* enum node_notice_kind */
    uint8_t peer;
    uint64_t number;
    uint64_t left_out;
};

struct logger {
    int descriptor;
    struct log_writer *writer; /* NULL: lines are written by the thread that calls. */
    struct log_style style;    /* Does not change after logger_start() */
    enum logger_level level;   /* Less important lines are not written. */
    time_t second;             /* Of the newest line that a stranger caused, ... */
    uint32_t count;            /* ... how many there were in it, ... */
    uint64_t left_out;         /* ... and how many were left out since the last line. */
    struct logger_repeat repeats[LOGGER_REPEATS];
};

/* From now on no caller waits for whoever reads the log; see log_writer.h. */
void logger_start(struct logger *logger, struct log_writer *writer);

void logger_line(struct logger *logger, enum logger_level level, const char *event,
        const char *details);

/* A notice of the node. Lines that strangers can cause: only a few per second. */
void logger_notice(
        struct logger *logger, const struct node *node, const struct node_notice *notice);

#ifdef __cplusplus
}
#endif

#endif
