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
 * From now on a line that cannot be written at once is dropped: a full pipe that nobody
 * reads must not stop a program that has something to do. SIGPIPE has to be ignored. Call it
 * again when descriptor 2 has become another.
 */
void complain_without_waiting(void);

/* The descriptor that lines go to: for whoever closes all others. */
int complain_descriptor(void);

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
