#include "offline/verdicts.h"

#include <stdarg.h>
#include <stdio.h>

void verdicts_add(struct verdicts *verdicts, enum verdict verdict, const char *thing,
        const char *format, ...)
{
    static const char *const words[] = {
            [VERDICT_OK] = "ok",
            [VERDICT_WARNING] = "warning",
            [VERDICT_PROBLEM] = "problem",
    };
    va_list arguments;
    verdicts->warnings += verdict == VERDICT_WARNING;
    verdicts->problems += verdict == VERDICT_PROBLEM;
    (void)printf("%-9s %-8s ", thing, words[verdict]);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
    (void)fflush(stdout);
}
