#include "tool/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

enum {
    LINE_BYTES_MAX = 4096 /* What is longer is cut. */
};

static const char *command_name = "lockd";

void complain_as(const char *name)
{
    command_name = name;
}

void complain(const char *format, ...)
{
    char text[LINE_BYTES_MAX];
    char shown[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    size_t count = length < 0 ? 0 : (size_t)length;
    (void)text_show(
            shown, sizeof(shown), text, count < sizeof(text) ? count : sizeof(text) - 1);
    (void)fprintf(stderr, "%s: %s\n", command_name, shown);
}

void *need(void *memory)
{
    if (memory)
        return memory;
    complain("out of memory");
    exit(70);
}
