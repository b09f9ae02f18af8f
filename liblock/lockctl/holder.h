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
    bool held; /* `grant` was granted, and not given back yet. */
    bool answered;
    enum lk_status status; /* Of the request that was answered */
    char why[400];         /* A sentence, when it is not LK_OK */
    bool was_open;         /* The session was open once. */
    uint64_t heard_ns;     /* When the cluster was last known to answer */
    uint64_t deadline_ns;  /* Of the session, as it was then */
    struct lk_lock asked;  /* What a query under way fills in */
};

/* The request, as given on the command line. */
struct holder_wish {
    const char *name;
    const char *label;
    uint64_t wait_ns;
    uint64_t ttl_ns;
    bool try_only;
    bool quiet;             /* No word about others that hold the lock. */
    const char *command;    /* For the default label */
    uint64_t conflict_code; /* Instead of EXIT_NOT_ACQUIRED */
    /*
     * Called in each turn of the wait: an exit code ends the wait, EXIT_DONE does not. NULL:
     * nothing but signals and time ends it.
     */
    int (*interrupt)(void *user);
    void *user;
};

#define HOLDER_WISH_INIT                                                               \
    {                                                                                  \
        .wait_ns = LK_FOREVER, .ttl_ns = 10 * LK_SECOND, .command = "lockctl acquire", \
        .conflict_code = EXIT_NOT_ACQUIRED,                                            \
    }

/* clang-format off */
#define WISH_ROWS(wish)                           \
    {"wait", OPTION_DURATION, &(wish)->wait_ns, 0, UINT64_C(365 * 86400) * LK_SECOND, "DUR",      \
            "wait at most this long for the lock (default: no limit)"},                 \
    {"try", OPTION_FLAG, &(wish)->try_only, 0, 0, NULL, "do not wait; same as --wait 0"}, \
    {"conflict-exit-code", OPTION_NUMBER, &(wish)->conflict_code, 0, 255, "N",          \
            "exit with N, and not 75, when the lock was not acquired"},                 \
    {"E", OPTION_NUMBER, &(wish)->conflict_code, 0, 255, "N", "the same as --conflict-exit-code"},              \
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
 * Acquire. If `held` is set then, `grant` is held until holder_release or holder_close. Else
 * the error was printed, and the command ends with the code, after holder_close.
 */
int holder_acquire(
        struct holder *holder, struct common *common, const struct holder_wish *wish);

/* Wait for something to happen, until `until_ns`, and let liblock do its work. */
void holder_turn(struct holder *holder, uint64_t until_ns);

/*
 * Give the lock back, and wait until the cluster says that it is free. EXIT_UNCONFIRMED: it
 * did not in time, which was printed; the lock becomes free when the lease ends.
 */
int holder_release(struct holder *holder, const struct common *common, const char *name);

/* End the session if it still is open, without a word about it, and free everything. */
void holder_close(struct holder *holder);

#ifdef __cplusplus
}
#endif

#endif
