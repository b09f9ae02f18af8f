/*
 * The first lock: wait for it, do something, release it.
 *
 *     LOCKD_CLUSTER=127.0.0.1:5625 ./first_lock
 */
#include <liblock.h>
#include <stdio.h>

int main(void)
{
    struct lk_client *client;
    struct lk_options options = LK_OPTIONS_INIT;
    if (lk_open(&options, &client) != LK_OK) {
        fprintf(stderr, "first_lock: %s\n", lk_last_error());
        return 1;
    }
    struct lk_session *session = lk_client_session(client);
    struct lk_grant grant;
    enum lk_status status = lk_acquire(session, "build", 5, 10 * LK_SECOND, &grant);
    if (status != LK_OK) {
        fprintf(stderr, "first_lock: %s\n", lk_last_error());
        lk_close(client);
        return 1;
    }
    printf("build is ours, token %llu\n", (unsigned long long)grant.token);

    /* Before each step that matters: may we still? */
    if (lk_check(session, &grant) == LK_STATE_HELD)
        printf("building\n");

    status = lk_release(session, "build", 5, grant.token);
    printf("given back: %s\n", lk_status_text(status));
    lk_close(client);
    return status == LK_OK ? 0 : 1;
}
