/*
 * A loss: the callback stops the work. lk_test_lose() tests that path.
 *
 *     LOCKD_CLUSTER=127.0.0.1:5625 ./loss
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep() */

#include <liblock.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* On a thread of the library: only set a flag, and return soon. */
static void on_event(void *user, const struct lk_event *event)
{
    atomic_int *state = user;
    printf("%s: %s\n", lk_state_text(event->state), lk_reason_text(event->reason));
    atomic_store(state, (int)event->state);
}

int main(void)
{
    atomic_int state = LK_STATE_HELD;
    struct lk_client *client;
    struct lk_options options = LK_OPTIONS_INIT;
    options.on_event = on_event;
    options.user = &state;
    options.label = "loss example";
    if (lk_open(&options, &client) != LK_OK) {
        fprintf(stderr, "loss: %s\n", lk_last_error());
        return 1;
    }
    struct lk_session *session = lk_client_session(client);
    LK_GUARD(guard, session, "loss", 4, 10 * LK_SECOND);
    if (guard.status != LK_OK)
        return 1;

    lk_test_lose(session); /* As if nobody had heard of us for too long. */
    while (atomic_load(&state) != LK_STATE_LOST) {
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    bool stopped = lk_check(session, &guard.grant) == LK_STATE_LOST;
    printf("stopped working: %s\n", stopped ? "yes" : "no");
    lk_guard_release(&guard); /* Harmless: there is nothing left to release. */
    lk_close(client);
    return stopped ? 0 : 1;
}
