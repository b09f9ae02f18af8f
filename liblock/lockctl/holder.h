/*
 * One lock taken and kept through one client, on the loop of the command itself: what `run`
 * and `acquire` have in common.
 */
#ifndef LOCKCTL_HOLDER_H
#define LOCKCTL_HOLDER_H

#include "lockctl/lockctl.h"
#include "lockctl/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct holder {
    struct lk_client *client;
    struct lk_session *session;
    struct lk_grant grant;
    struct watch watch;
    bool answered;
    enum lk_status status; /* Of the acquire, when answered */
    char why[200];         /* For people, when it is not LK_OK */
};

/* What is asked for, as the command line has it. */
struct holder_wish {
    const char *name;
    const char *label;
    uint64_t wait_ns;
    uint64_t ttl_ns;
    bool try_only;
};

#define HOLDER_WISH_INIT                              \
    {                                                 \
        NULL, NULL, LK_FOREVER, 10 * LK_SECOND, false \
    }

/* clang-format off */
#define WISH_ROWS(wish)                           \
    {"wait", OPTION_DURATION, &(wish)->wait_ns, 0, UINT64_C(365 * 86400) * LK_SECOND, "DUR",      \
            "wait at most so long for the lock (default: without a limit)"},            \
    {"try", OPTION_FLAG, &(wish)->try_only, 0, 0, NULL, "do not wait, as --wait 0"},    \
    {"ttl", OPTION_DURATION, &(wish)->ttl_ns, LK_SECOND, UINT64_C(86400) * LK_SECOND, "DUR",      \
            "the lease: others get the lock after so long a silence (10s)"},            \
    {"label", OPTION_TEXT, &(wish)->label, 0, 0, "TEXT",                                \
            "shown with the lock by list and query"}
/* clang-format on */

/* True when name, label and times can work; else it was complained about. */
bool holder_wish_is_valid(const struct holder_wish *wish);

/*
 * Acquire. EXIT_DONE: `grant` is held until holder_close. Anything else: it was said why,
 * and the command ends with it; holder_close all the same.
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
