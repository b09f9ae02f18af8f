#include "ops/logger.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ops/notice.h"

enum {
    STRANGERS_PER_SECOND = 5,
    REPEAT_S = 60, /* What is the same as a line of this time says nothing new. */
};

static size_t write_now(const struct logger *logger, char *line, enum logger_level level,
        const char *event, const char *details)
{
    struct log_event said = {.level = level, .event = event, .details = details};
    (void)clock_gettime(CLOCK_REALTIME, &said.time);
    return log_line(line, &logger->style, &said);
}

/* For the thread that writes. */
static size_t describe_dropped(const void *context, char *line, uint64_t count)
{
    char details[128];
    (void)snprintf(details, sizeof details,
            "lines=%llu: nobody read this log, so lines of it are missing here",
            (unsigned long long)count);
    return write_now(context, line, LOGGER_WARN, "lines-dropped", details);
}

void logger_start(struct logger *logger, struct log_writer *writer)
{
    (void)log_writer_start(writer, logger->descriptor, describe_dropped, logger);
    logger->writer = writer;
}

/* A line is one write, so that the lines of several processes do not mix. */
void logger_line(struct logger *logger, enum logger_level level, const char *event,
        const char *details)
{
    char line[LOG_LINE_BYTES_MAX];
    if (level > logger->level)
        return;
    size_t bytes = write_now(logger, line, level, event, details);
    if (logger->writer) {
        log_writer_put(logger->writer, line, bytes);
        return;
    }
    /* If this fails, there is nobody left to tell. */
    ssize_t written = write(logger->descriptor, line, bytes);
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

/*
 * The same thing about the same member again and again: one line a minute, which says how
 * often it was left out since the one before. True: leave it out.
 */
static bool is_repeated(
        struct logger *logger, const struct node_notice *notice, struct notice_text *text)
{
    time_t now = time(NULL);
    struct logger_repeat *oldest = &logger->repeats[0];
    for (uint32_t i = 0; i < LOGGER_REPEATS; i++) {
        struct logger_repeat *known = &logger->repeats[i];
        bool same = known->since != 0 && known->kind == (int)notice->kind &&
                    known->peer == notice->peer && known->number == notice->number;
        if (same && now - known->since < REPEAT_S) {
            known->left_out++;
            return true;
        }
        if (same || known->since < oldest->since)
            oldest = known;
        if (same)
            break;
    }
    size_t at = strlen(text->details);
    bool same = oldest->kind == (int)notice->kind && oldest->peer == notice->peer &&
                oldest->number == notice->number;
    if (same && oldest->left_out > 0)
        (void)snprintf(text->details + at, sizeof text->details - at,
                " (%llu more times since the last such line)",
                (unsigned long long)oldest->left_out);
    *oldest = (struct logger_repeat){.since = now,
            .kind = (int)notice->kind,
            .peer = notice->peer,
            .number = notice->number};
    return false;
}

void logger_notice(
        struct logger *logger, const struct node *node, const struct node_notice *notice)
{
    struct notice_text text;
    uint64_t missing = node != NULL ? raft_missing(node_raft(node)) : 0;
    notice_describe(notice, missing, &text);
    if (text.repeats && is_repeated(logger, notice, &text))
        return;
    if (text.stranger) {
        if (is_too_much(logger))
            return;
        tell_left_out(logger);
    }
    logger_line(logger, text.level, text.event, text.details);
}
