#include "tool/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *command_name = "lockd";

void complain_as(const char *name)
{
    command_name = name;
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "%s: ", command_name);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}

void *need(void *memory)
{
    if (memory)
        return memory;
    complain("out of memory");
    exit(70);
}
