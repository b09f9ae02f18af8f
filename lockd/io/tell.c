#include "io/tell.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DETAILS_BYTES_MAX = 1024
};

void tell_line(const struct tell *tell, enum tell_level level, const char *event,
        const char *format, ...)
{
    char details[DETAILS_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(details, sizeof details, format, arguments);
    va_end(arguments);
    tell->line(tell->context, level, event, details);
}

void tell_fatal(const struct tell *tell, const char *event, const char *format, ...)
{
    char details[DETAILS_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(details, sizeof details, format, arguments);
    va_end(arguments);
    tell->line(tell->context, TELL_ERROR, event, details);
    if (tell->flush)
        tell->flush(tell->context);
    exit(EXIT_FAILURE);
}
