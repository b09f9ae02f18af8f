/* The texts of all that a node notices. */
#ifndef OPS_NOTICE_H
#define OPS_NOTICE_H

#include "node/node.h"
#include "ops/logger.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NOTICE_TEXT_BYTES = 512
};

struct notice_text {
    enum logger_level level;
    const char *event;
    bool stranger; /* Whoever reaches the port can cause it as often as he likes. */
    char details[NOTICE_TEXT_BYTES];
};

/* `missing`: the bit set of members that the founding waits for, where it matters. */
void notice_describe(
        const struct node_notice *notice, uint64_t missing, struct notice_text *text);

#ifdef __cplusplus
}
#endif

#endif
