/*
 * How much memory this process may use, by whoever limits it most: a control group (of
 * version 2 or 1, or one above it), RLIMIT_AS, or the memory of the machine.
 *
 * lockd maps all its memory at start, but pages that were never used take none. So a limit
 * below the plan does not show at start: the kernel ends the process when it grows. Then it
 * reads its log, grows, and is ended again. That must be said at start.
 */
#ifndef OPS_MEMORY_LIMIT_H
#define OPS_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    MEMORY_LIMIT_SOURCE_BYTES = 512
};

struct memory_limit {
    uint64_t bytes;                         /* UINT64_MAX: no limit is known */
    char source[MEMORY_LIMIT_SOURCE_BYTES]; /* The file, or "RLIMIT_AS", ... */
};

/* `root` is "", or in tests a directory that has proc/ and sys/ in it. */
void memory_limit_find(struct memory_limit *limit, const char *root);

/* The details of the log's line when a node that may use `plan` bytes starts. */
void memory_limit_text(
        const struct memory_limit *limit, uint64_t plan, char *text, uint64_t text_bytes);

#ifdef __cplusplus
}
#endif

#endif
