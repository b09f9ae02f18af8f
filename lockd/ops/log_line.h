/*
 * One line of the log, in the form that its reader wants.
 *
 *     2026-01-31T12:00:00.123Z info  leader term=3: this node leads
 *     {"time":"2026-01-31T12:00:00.123Z","level":"info","event":"leader","term":"3",
 *         "message":"this node leads"}                                (all in one line)
 *     <6>leader term=3: this node leads
 *
 * The last is for the journal of systemd, which keeps time and level itself: the number is
 * the level as syslog(3) counts. JSON for the journal has the number before it, too.
 */
#ifndef OPS_LOG_LINE_H
#define OPS_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LOG_LINE_BYTES_MAX = 1280 /* With its end */
};

enum logger_level {
    LOGGER_ERROR,
    LOGGER_WARN,
    LOGGER_INFO,
    LOGGER_DEBUG
};

enum log_form {
    LOG_TEXT,
    LOG_JSON
};

struct log_style {
    enum log_form form;
    bool journal; /* Priorities are wanted: log_line_is_for_journal() */
};

struct log_event {
    enum logger_level level;
    const char *event;   /* A word, or a few joined by '-' */
    const char *details; /* key=value pairs, then perhaps ": " and a sentence */
    struct timespec time;
};

/*
 * Writes the line with its end to `line`, LOG_LINE_BYTES_MAX; returns its bytes. Bytes that a
 * terminal would obey are shown as \xNN. What is too long is cut, and a JSON line is whole
 * even so. In JSON each pair is a member and its value is a string.
 */
size_t log_line(char *line, const struct log_style *style, const struct log_event *event);

/* Whether the descriptor is the stream that systemd says the journal reads. */
bool log_line_is_for_journal(int descriptor);

#ifdef __cplusplus
}
#endif

#endif
