#include "ops/log.h"

#include <stdio.h>
#include <unistd.h>

#include "ops/notice.h"

enum {
    LINE_BYTES_MAX = 1280,
    STRANGERS_PER_SECOND = 5,
};

static const char *name_level(enum log_level level)
{
    static const char *const names[] = {
            [LOG_ERROR] = "error",
            [LOG_WARN] = "warn ",
            [LOG_INFO] = "info ",
            [LOG_DEBUG] = "debug",
    };
    return names[level];
}

/* A line is one write, so that the lines of several processes do not mix. */
void log_line(struct log *log, enum log_level level, const char *event, const char *details)
{
    char line[LINE_BYTES_MAX];
    struct timespec now;
    struct tm utc;
    if (level > log->level)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    int length = snprintf(line, sizeof line,
            "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s %s", utc.tm_year + 1900,
            utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
            now.tv_nsec / 1000000, name_level(level), event, details);
    if (length < 0)
        return;
    size_t end = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 1;
    line[end] = '\n';
    /* When this fails, nobody is left to tell. */
    ssize_t written = write(log->descriptor, line, end + 1);
    (void)written;
}

static bool is_too_much(struct log *log)
{
    time_t now = time(NULL);
    if (now != log->second) {
        log->second = now;
        log->count = 0;
    }
    if (log->count++ < STRANGERS_PER_SECOND)
        return false;
    log->left_out++;
    return true;
}

static void tell_left_out(struct log *log)
{
    char details[64];
    if (log->left_out == 0)
        return;
    (void)snprintf(
            details, sizeof details, "lines=%llu", (unsigned long long)log->left_out);
    log->left_out = 0;
    log_line(log, LOG_WARN, "left-out", details);
}

void log_notice(struct log *log, const struct node *node, const struct node_notice *notice)
{
    struct notice_text text;
    uint64_t missing = node != NULL ? raft_missing(node_raft(node)) : 0;
    notice_describe(notice, missing, &text);
    if (text.stranger) {
        if (is_too_much(log))
            return;
        tell_left_out(log);
    }
    log_line(log, text.level, text.event, text.details);
}
