/*
 * How io reports to people: it hands over a line. `ops` decides where lines go and how they
 * look; main connects the two.
 */
#ifndef IO_TELL_H
#define IO_TELL_H

#include <stdarg.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

enum tell_level {
    TELL_ERROR,
    TELL_WARN,
    TELL_INFO,
    TELL_DEBUG
};

struct tell {
    void *context;
    /*
     * `event` is a word or a few joined by '-'; `details` key=value pairs, or a sentence.
     */
    void (*line)(
            void *context, enum tell_level level, const char *event, const char *details);
    /* A notice of the node; the callee makes the text. */
    void (*notice)(
            void *context, const struct node *node, const struct node_notice *notice);
    /* Writes what the node does now, as one line, for the service manager. */
    void (*state)(const struct node *node, char *line, size_t room);
    /* The settings are to be read again. */
    void (*reload)(void *context);
    /* Lines that were lost since the start, as nobody read them; NULL: none ever is. */
    uint64_t (*dropped)(void *context);
    /* The process ends: waits a moment until the lines are out. NULL: they are. */
    void (*flush)(void *context);
};

void tell_line(const struct tell *tell, enum tell_level level, const char *event,
        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The system failed: log what, where and what to do; exit with status 1. */
void tell_fatal(const struct tell *tell, const char *event, const char *format, ...)
        __attribute__((noreturn, format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
