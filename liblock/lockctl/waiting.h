/*
 * Who is in the way: while a request waits, and when it was refused, the holder is shown on
 * standard error, with the number of requests that are ahead.
 *
 * It is shown as soon as the request has waited for a moment; on a terminal then every 10 s,
 * elsewhere only once, so that a log is not filled.
 */
#ifndef LOCKCTL_WAITING_H
#define LOCKCTL_WAITING_H

#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WAITING_HOLDER_BYTES = 320,
    WAITING_LABEL_BYTES = LK_LABEL_MAX + 1
};

struct waiting {
    struct lk_client *client;
    struct lk_session *session; /* Whose request waits */
    const char *name;
    bool quiet;
    bool terminal;
    bool asked;      /* A query is under way, and its answer goes to `lock`. */
    bool known;      /* `lock` is an answer that has not been shown yet. */
    uint64_t due_ns; /* When to ask next; UINT64_MAX: never; 0: the session was not open */
    struct lk_lock lock;
};

void waiting_init(struct waiting *waiting, struct lk_client *client,
        struct lk_session *session, const char *name, bool quiet);

/*
 * In each turn of the loop that waits: ask and show, as far as it is time. Returns when the
 * next turn is needed at the latest.
 */
uint64_t waiting_turn(struct waiting *waiting, uint64_t now_ns);

/* The request was refused: ask again who holds the lock. waiting_is_answered() says when. */
void waiting_ask(struct waiting *waiting);
bool waiting_is_answered(const struct waiting *waiting);

/* What follows "another session holds "NAME"": ": root@web-1:17 job (since ...)", or "". */
const char *waiting_holder(const struct waiting *waiting, char text[WAITING_HOLDER_BYTES]);

/*
 * The label of a session without --label: user@host:pid command, all printable, in at most
 * LK_LABEL_MAX bytes. Of a path the last part. Arguments do not belong into it: they may be
 * secrets, and everybody can read labels.
 */
void waiting_label(char label[WAITING_LABEL_BYTES], const char *command);

#ifdef __cplusplus
}
#endif

#endif
