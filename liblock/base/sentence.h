/*
 * A sentence for people, put together from pieces, in code that must not print. What does not
 * fit is left out.
 */
#ifndef LOCKD_BASE_SENTENCE_H
#define LOCKD_BASE_SENTENCE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SENTENCE_BYTES_MAX = 480
};

/* Begins as all zero. */
struct sentence {
    char bytes[SENTENCE_BYTES_MAX];
    uint32_t count; /* Without a NUL */
};

void sentence_add(struct sentence *sentence, const char *text);
void sentence_add_u64(struct sentence *sentence, uint64_t number);

/* "node 3", or "nodes 1, 2 and 5", of a bit set of ids; "no node" if it is empty. */
void sentence_add_nodes(struct sentence *sentence, uint64_t nodes);

#ifdef __cplusplus
}
#endif

#endif
