/*
 * How a command reports an error: one line on stderr that starts with the command's name.
 */
#ifndef TOOL_FAIL_H
#define TOOL_FAIL_H

#ifdef __cplusplus
extern "C" {
#endif

/* The name that starts each line, like "lockctl run"; kept, not copied. */
void complain_as(const char *name);

/*
 * Print one line; the newline is added. Names and other text from users or from the wire
 * may be in it as they are: what is not printable is shown as \xNN (base/text.h).
 */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Returns `memory`; if it is NULL, the program ends. */
void *need(void *memory) __attribute__((returns_nonnull));

#ifdef __cplusplus
}
#endif

#endif
