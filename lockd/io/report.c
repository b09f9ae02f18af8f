#include "io/report.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DETAILS_BYTES_MAX = 1024
};

void report_line(const struct report *report, enum report_level level, const char *event,
        const char *format, ...)
{
    char details[DETAILS_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(details, sizeof details, format, arguments);
    va_end(arguments);
    report->line(report->context, level, event, details);
}

void report_fatal(const struct report *report, const char *event, const char *format, ...)
{
    char details[DETAILS_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(details, sizeof details, format, arguments);
    va_end(arguments);
    report->line(report->context, REPORT_ERROR, event, details);
    exit(EXIT_FAILURE);
}
