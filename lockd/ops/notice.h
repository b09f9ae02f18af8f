/* The log lines of all notices of a node. */
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
    bool stranger; /* Anyone who reaches the port can cause it, as often as they like. */
    bool repeats;  /* The same again says nothing new for a while. */
    char details[NOTICE_TEXT_BYTES];
};

/* `missing`: bit set of the members that a new cluster waits for. */
void notice_describe(
        const struct node_notice *notice, uint64_t missing, struct notice_text *text);

#ifdef __cplusplus
}
#endif

#endif
