/*
 * How a command complains: one line on stderr that begins with the command's name.
 */
#ifndef TOOL_FAIL_H
#define TOOL_FAIL_H

#ifdef __cplusplus
extern "C" {
#endif

/* What complaints begin with, as in "lockctl run"; kept. */
void complain_as(const char *name);

/* One line; the line's end is added. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* `memory`, unless there is none: then the program ends. */
void *need(void *memory) __attribute__((returns_nonnull));

#ifdef __cplusplus
}
#endif

#endif
