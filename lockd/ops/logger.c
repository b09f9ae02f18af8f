#include "ops/logger.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ops/notice.h"

enum {
    LINE_BYTES_MAX = 1280,
    STRANGERS_PER_SECOND = 5,
};

static const char *name_level(enum logger_level level)
{
    static const char *const names[] = {
            [LOGGER_ERROR] = "error",
            [LOGGER_WARN] = "warn ",
            [LOGGER_INFO] = "info ",
            [LOGGER_DEBUG] = "debug",
    };
    return names[level];
}

/* A line is one write, so that the lines of several processes do not mix. */
void logger_line(struct logger *logger, enum logger_level level, const char *event,
        const char *details)
{
    char line[LINE_BYTES_MAX];
    char shown[LINE_BYTES_MAX];
    struct timespec now;
    struct tm utc;
    if (level > logger->level)
        return;
    (void)text_show(shown, sizeof shown, details, strlen(details));
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    int length = snprintf(line, sizeof line,
            "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s %s", utc.tm_year + 1900,
            utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
            now.tv_nsec / 1000000, name_level(level), event, shown);
    if (length < 0)
        return;
    size_t end = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 1;
    line[end] = '\n';
    /* If this fails, there is nobody left to tell. */
    ssize_t written = write(logger->descriptor, line, end + 1);
    (void)written;
}

static bool is_too_much(struct logger *logger)
{
    time_t now = time(NULL);
    if (now != logger->second) {
        logger->second = now;
        logger->count = 0;
    }
    if (logger->count++ < STRANGERS_PER_SECOND)
        return false;
    logger->left_out++;
    return true;
}

static void tell_left_out(struct logger *logger)
{
    char details[64];
    if (logger->left_out == 0)
        return;
    (void)snprintf(
            details, sizeof details, "lines=%llu", (unsigned long long)logger->left_out);
    logger->left_out = 0;
    logger_line(logger, LOGGER_WARN, "left-out", details);
}

void logger_notice(
        struct logger *logger, const struct node *node, const struct node_notice *notice)
{
    struct notice_text text;
    uint64_t missing = node != NULL ? raft_missing(node_raft(node)) : 0;
    notice_describe(notice, missing, &text);
    if (text.stranger) {
        if (is_too_much(logger))
            return;
        tell_left_out(logger);
    }
    logger_line(logger, text.level, text.event, text.details);
}
