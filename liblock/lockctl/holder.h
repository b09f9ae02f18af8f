/*
 * Acquires one lock and keeps it through one client, on the loop of the command itself.
 * `run` and `acquire` share this.
 */
#ifndef LOCKCTL_HOLDER_H
#define LOCKCTL_HOLDER_H

#include "lockctl/lockctl.h"
#include "lockctl/waiting.h"
#include "lockctl/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct holder {
    struct lk_client *client;
    struct lk_session *session;
    struct lk_grant grant;
    struct watch watch;
    struct waiting waiting;
    bool answered;
    enum lk_status status; /* Of the acquire, when answered */
    char why[200];         /* A sentence, when it is not LK_OK */
};

/* The request, as given on the command line. */
struct holder_wish {
    const char *name;
    const char *label;
    uint64_t wait_ns;
    uint64_t ttl_ns;
    bool try_only;
    bool quiet;          /* Nothing is said about others that hold the lock. */
    const char *command; /* For the default label */
};

#define HOLDER_WISH_INIT                                                        \
    {                                                                           \
        NULL, NULL, LK_FOREVER, 10 * LK_SECOND, false, false, "lockctl acquire" \
    }

/* clang-format off */
#define WISH_ROWS(wish)                           \
    {"wait", OPTION_DURATION, &(wish)->wait_ns, 0, UINT64_C(365 * 86400) * LK_SECOND, "DUR",      \
            "wait at most this long for the lock (default: no limit)"},                 \
    {"try", OPTION_FLAG, &(wish)->try_only, 0, 0, NULL, "do not wait; same as --wait 0"}, \
    {"ttl", OPTION_DURATION, &(wish)->ttl_ns, LK_SECOND, UINT64_C(86400) * LK_SECOND, "DUR",      \
            "lease length: after this much silence the lock may go to others (10s)"},   \
    {"label", OPTION_TEXT, &(wish)->label, 0, 0, "TEXT",                                \
            "text that list and query show with the lock (user@host:pid command)"},     \
    {"quiet", OPTION_FLAG, &(wish)->quiet, 0, 0, NULL,                                  \
            "say nothing when others hold the lock"},                                   \
    {"q", OPTION_FLAG, &(wish)->quiet, 0, 0, NULL, "the same as --quiet"}
/* clang-format on */

/* True when name, label and times are valid; else the error was printed. */
bool holder_wish_is_valid(const struct holder_wish *wish);

/*
 * Acquire. EXIT_DONE: `grant` is held until holder_close. Anything else: the error was
 * printed, and the command ends with that code, after holder_close.
 */
int holder_acquire(
        struct holder *holder, struct common *common, const struct holder_wish *wish);

/* Wait for something to happen, until `until_ns`, and let liblock do its work. */
void holder_turn(struct holder *holder, uint64_t until_ns);

/* Give the lock back and end the session. */
void holder_close(struct holder *holder);

#ifdef __cplusplus
}
#endif

#endif
