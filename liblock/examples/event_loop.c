/*
 * A hundred locks at once from one thread: no call waits, one descriptor is polled.
 *
 *     LOCKD_CLUSTER=127.0.0.1:5625 ./event_loop
 */
#include <liblock.h>
#include <poll.h>
#include <stdio.h>

enum {
    LOCKS = 100
};

struct work {
    struct lk_session *session;
    unsigned left;
    unsigned failed;
};

struct job {
    struct work *work;
    char name[16];
    size_t name_len;
};

static void on_released(void *user, const struct lk_result *result)
{
    struct job *job = user;
    job->work->left--;
    job->work->failed += result->status != LK_OK;
}

static void on_acquired(void *user, const struct lk_result *result)
{
    struct job *job = user;
    enum lk_status status = result->status;
    if (status == LK_OK) {
        struct lk_done done = {on_released, job};
        status = lk_release_async(
                job->work->session, job->name, job->name_len, result->grant.token, done);
    }
    if (status == LK_OK)
        return; /* on_released() counts it. */
    fprintf(stderr, "event_loop: %s: %s\n", job->name, lk_last_error());
    job->work->left--;
    job->work->failed++;
}

static void ask(struct job *job, struct work *work, unsigned number)
{
    job->work = work;
    job->name_len = (size_t)snprintf(job->name, sizeof(job->name), "job/%u", number);
    struct lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.wait_ns = 10 * LK_SECOND;
    struct lk_done done = {on_acquired, job};
    if (lk_acquire_async(work->session, job->name, job->name_len, &options, done) !=
            LK_OK) {
        work->left--;
        work->failed++;
    }
}

int main(void)
{
    struct lk_client *client;
    struct lk_options options = LK_OPTIONS_INIT;
    options.flags = LK_FLAG_EXTERNAL_LOOP;
    if (lk_open(&options, &client) != LK_OK) {
        fprintf(stderr, "event_loop: %s\n", lk_last_error());
        return 1;
    }
    static struct job jobs[LOCKS];
    struct work work = {lk_client_session(client), LOCKS, 0};
    for (unsigned i = 0; i < LOCKS; i++)
        ask(&jobs[i], &work, i);

    /* A real program has other descriptors beside it. */
    struct pollfd ready = {lk_fd(client), POLLIN, 0};
    while (work.left > 0 && poll(&ready, 1, -1) >= 0)
        lk_process(client);

    printf("%u of %u locks were ours and given back\n", LOCKS - work.failed,
            (unsigned)LOCKS);
    lk_close(client);
    return work.failed == 0 ? 0 : 1;
}
