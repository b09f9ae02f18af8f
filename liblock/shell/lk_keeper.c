/*
 * Threads around one core.
 *
 * One thread waits for the socket: the *receiver*. With no call under way that is the
 * keeper, asleep in epoll until the next keepalive is due. A call takes the role over
 * without waking the keeper: it takes the socket out of the keeper's epoll and polls the
 * socket itself. So a single call gets its answer on its own thread, and saves waking
 * another thread, which costs more than everything else in a call. Calls that come
 * meanwhile wait on their own conditions. The receiver wakes those whose answers it
 * received. When it leaves, it wakes one of the others to be the next receiver, or it gives
 * the socket back.
 *
 * Deadlines: every step sets the client's timer (timer_set), and both the receiver and the
 * keeper wait for that, too. The other calls sleep until they are woken.
 *
 * A call that can be interrupted by signals (LK_FLAG_INTERRUPTIBLE) is never the receiver: it
 * waits for an eventfd of its own, because only ppoll() notices a signal for certain.
 *
 * A call may have to leave early: a signal came, lk_interrupt() was called, its thread is
 * cancelled, or the client is being closed. Then the core is told to end the request, which
 * brings the completion at once, or for an acquire when the cluster has confirmed it.
 *
 * Only the keeper delivers events, one after the other, without the mutex.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lk_internal.h"

static _Thread_local bool within_callback;

bool in_callback(void)
{
    return within_callback;
}

static void set_callback(bool within)
{
    within_callback = within;
}

static void kick(struct lk_client *client)
{
    if (client->keeper.sleeps)
        descriptor_wake(client->wake_fd);
    client->keeper.sleeps = false;
}

static void nudge(struct lk_client *client)
{
    if (client->keeper.receiver_polls)
        descriptor_wake(client->keeper.nudge_fd);
    client->keeper.receiver_polls = false;
}

/* ---- What came out ---- */

static void look_again(struct lk_client *client)
{
    if (client->keeper.receiver != NULL)
        nudge(client);
    else
        connection_watch(&client->connection, true);
}

static void complete(struct lk_client *client, const struct core_completion *completion)
{
    struct waiter *waiter = completion->user;
    if (waiter == NULL)
        return;
    waiter->completion = *completion;
    waiter->done = true;
    if (waiter->wake_fd >= 0)
        descriptor_wake(waiter->wake_fd);
    else if (waiter == client->keeper.receiver)
        nudge(client);
    else
        pthread_cond_signal(&waiter->cond);
}

static void queue_event(struct lk_client *client, const struct core_session_event *event)
{
    if (client->options.on_event == NULL)
        return;
    struct told_event *told = calloc(1, sizeof(*told));
    if (told == NULL)
        return; /* lk_check() says it, too. */
    told->handle = event->session;
    told->event = event_of(client, event);
    if (client->keeper.first_event == NULL)
        client->keeper.first_event = told;
    else
        client->keeper.last_event->next = told;
    client->keeper.last_event = told;
    kick(client);
}

static struct told_event *take_event(struct lk_client *client)
{
    struct told_event *told = client->keeper.first_event;
    if (told != NULL)
        client->keeper.first_event = told->next;
    return told;
}

static void tell_events(struct lk_client *client)
{
    struct told_event *told;
    while ((told = take_event(client)) != NULL) {
        if (session_of(client, told->handle) != NULL && client_is_open(client)) {
            pthread_mutex_unlock(&client->mutex);
            set_callback(true);
            client->options.on_event(client->options.user, &told->event);
            set_callback(false);
            pthread_mutex_lock(&client->mutex);
        }
        free(told);
    }
}

void keeper_drop_events(struct lk_client *client)
{
    struct told_event *told;
    while ((told = take_event(client)) != NULL)
        free(told);
}

/* ---- Leaving early ---- */

/*
 * End the request of a call: the completion comes with the next step. An acquire that is
 * interrupted waits for the cluster's word that it holds nothing, but only once.
 */
static void interrupt_waiter(struct lk_client *client, struct waiter *waiter)
{
    struct clocks now = clocks_read();
    bool gently = waiter->call->kind == CORE_ACQUIRE && !waiter->interrupted;
    waiter->interrupted = true;
    if (waiter->done)
        return;
    if (gently)
        core_cancel(client->core, waiter->request, now);
    else
        core_expire(client->core, waiter->request, now);
}

/* Do what lk_interrupt() wants. */
static void interrupt_stirred(struct lk_client *client)
{
    uint32_t stirs = __atomic_load_n(&client->stirs, __ATOMIC_SEQ_CST);
    bool some = false;
    struct list_node *node = list_first(&client->keeper.waiters);
    for (; node != NULL; node = list_next(&client->keeper.waiters, node)) {
        struct waiter *waiter = LIST_OWNER(node, struct waiter, link);
        if (waiter->stirs == stirs)
            continue;
        waiter->stirs = stirs;
        interrupt_waiter(client, waiter);
        some = true;
    }
    node = list_first(&client->node_queries);
    for (; node != NULL; node = list_next(&client->node_queries, node))
        descriptor_wake(LIST_OWNER(node, struct node_query_link, link)->wake_fd);
    if (some)
        drive_time(client);
}

void lk_interrupt(struct lk_client *client)
{
    if (!client_enter(client))
        return;
    __atomic_add_fetch(&client->stirs, 1, __ATOMIC_SEQ_CST);
    descriptor_wake(client->wake_fd);
    client_leave(client);
}

/* ---- The keeper ---- */

static void keeper_sleep(struct lk_client *client)
{
    struct epoll_event events[3];
    client->keeper.sleeps = true;
    pthread_mutex_unlock(&client->mutex);
    int count = epoll_wait(client->poll_fd, events, 3, -1);
    pthread_mutex_lock(&client->mutex);
    client->keeper.sleeps = false;
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == client->wake_fd)
            descriptor_drain(client->wake_fd);
        if (events[i].data.fd == client->timer_fd)
            drive_time(client);
    }
    interrupt_stirred(client);
}

static void *run_keeper(void *argument)
{
    struct lk_client *client = argument;
    pthread_mutex_lock(&client->mutex);
    drive_time(client);
    while (!client->keeper.stops) {
        /* A lookup of a name always wakes the keeper. */
        if (client->keeper.receiver == NULL || connection_is_dialing(&client->connection))
            drive_socket(client);
        tell_events(client);
        if (client->keeper.receiver == NULL)
            connection_watch(&client->connection, true);
        if (!client->keeper.stops && client->keeper.first_event == NULL)
            keeper_sleep(client);
    }
    pthread_mutex_unlock(&client->mutex);
    return NULL;
}

static bool start(struct lk_client *client)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&client->keeper.thread, NULL, run_keeper, client);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    client->keeper.runs = error == 0;
    errno = error;
    return client->keeper.runs;
}

void keeper_stop(struct lk_client *client)
{
    if (!client->keeper.runs)
        return;
    pthread_mutex_lock(&client->mutex);
    client->keeper.stops = true;
    descriptor_wake(client->wake_fd);
    pthread_mutex_unlock(&client->mutex);
    pthread_join(client->keeper.thread, NULL);
    client->keeper.runs = false;
}

const struct shell keeper_shell = {
        .start = start,
        .complete = complete,
        .event = queue_event,
        .changed = look_again,
        .asked = drive_time,
};

/* ---- Calls ---- */

/* The socket's next receiver is another call, or the keeper again. */
static void pass_on(struct lk_client *client)
{
    client->keeper.receiver = NULL;
    struct list_node *node = list_first(&client->keeper.waiters);
    for (; node != NULL; node = list_next(&client->keeper.waiters, node)) {
        struct waiter *other = LIST_OWNER(node, struct waiter, link);
        if (!other->done && other->wake_fd < 0) {
            pthread_cond_signal(&other->cond);
            return;
        }
    }
    connection_watch(&client->connection, true);
}

/* It waits no longer. */
static void remove_waiter(struct lk_client *client, struct waiter *waiter)
{
    list_remove(&waiter->link);
    if (client->keeper.receiver == waiter || client->keeper.receiver == NULL)
        pass_on(client);
    if (waiter->wake_fd >= 0)
        close(waiter->wake_fd);
    pthread_cond_destroy(&waiter->cond);
}

/* A lock that was granted to a thread that is no longer there. */
static void release_unclaimed(struct lk_client *client, const struct waiter *waiter)
{
    struct core_call call = {.kind = CORE_RELEASE,
            .session = waiter->call->session,
            .name = waiter->call->name,
            .token = waiter->completion.token,
            .limit_ns = UINT64_MAX};
    core_submit(client->core, &call, clocks_read(), NULL);
    drive_time(client);
}

/* The thread is cancelled while it slept: it leaves nothing behind. */
static void abandon(struct visit *visit)
{
    struct lk_client *client = visit->client;
    struct waiter *waiter = visit->user;
    if (!waiter->locked)
        pthread_mutex_lock(&client->mutex);
    waiter->interrupted = true; /* Thus not gently. */
    interrupt_waiter(client, waiter);
    drive_time(client);
    assert(waiter->done);
    if (waiter->completion.status == STATUS_OK && waiter->call->kind == CORE_ACQUIRE)
        release_unclaimed(client, waiter);
    remove_waiter(client, waiter);
    free(waiter->call->room);
    pthread_mutex_unlock(&client->mutex);
    visit_end(visit);
}

static void on_cancel_locked(void *argument)
{
    struct visit *visit = argument;
    abandon(visit);
}

/* Wait for the socket as its receiver, once. */
static void receive(struct lk_client *client, struct waiter *waiter)
{
    const struct connection *connection = &client->connection;
    struct pollfd fds[2 + ADDRESSES_MAX] = {
            {.fd = client->keeper.nudge_fd, .events = POLLIN},
            {.fd = client->timer_fd, .events = POLLIN}};
    uint32_t sockets = connection_poll(connection, fds + 2);
    uint64_t serial = connection->serial;
    client->keeper.receiver_polls = true;
    waiter->locked = false;
    pthread_mutex_unlock(&client->mutex);
    int count = visit_poll(waiter->visit, fds, 2 + sockets, NULL);
    pthread_mutex_lock(&client->mutex);
    waiter->locked = true;
    client->keeper.receiver_polls = false;
    if (count <= 0)
        return;
    if (fds[0].revents != 0)
        descriptor_drain(client->keeper.nudge_fd);
    bool ready = false;
    for (uint32_t i = 2; i < 2 + sockets; i++)
        ready = ready || fds[i].revents != 0;
    if (ready && connection->serial == serial)
        drive_socket(client);
    if (fds[1].revents != 0)
        drive_time(client);
}

/* Wait until the receiver has the answer. */
static void wait_for_receiver(struct lk_client *client, struct waiter *waiter)
{
    pthread_cleanup_push(on_cancel_locked, waiter->visit);
    pthread_setcancelstate(waiter->visit->cancel_state, NULL);
    pthread_cond_wait(&waiter->cond, &client->mutex);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop(0);
}

/* Wait until the keeper has the answer, or a signal comes. */
static void wait_for_keeper(struct lk_client *client, struct waiter *waiter)
{
    struct pollfd fd = {.fd = waiter->wake_fd, .events = POLLIN};
    waiter->locked = false;
    pthread_mutex_unlock(&client->mutex);
    int count = visit_poll(waiter->visit, &fd, 1, NULL);
    bool signalled = count < 0 && errno == EINTR;
    pthread_mutex_lock(&client->mutex);
    waiter->locked = true;
    if (signalled) {
        interrupt_waiter(client, waiter);
        drive_time(client);
    }
}

static void wait_for_answer(struct lk_client *client, struct waiter *waiter)
{
    while (!waiter->done) {
        if (waiter->wake_fd >= 0) {
            wait_for_keeper(client, waiter);
            continue;
        }
        if (client->keeper.receiver == NULL) {
            client->keeper.receiver = waiter;
            connection_watch(&client->connection, false);
        }
        if (client->keeper.receiver == waiter)
            receive(client, waiter);
        else
            wait_for_receiver(client, waiter);
    }
}

/* False: no descriptor for it. */
static bool add_waiter(struct lk_client *client, struct waiter *waiter)
{
    waiter->wake_fd = -1;
    if (waiter->visit->interruptible) {
        waiter->wake_fd = descriptor_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (waiter->wake_fd < 0)
            return false;
    }
    waiter->locked = true;
    waiter->stirs = __atomic_load_n(&client->stirs, __ATOMIC_SEQ_CST);
    waiter->visit->on_cancel = abandon;
    waiter->visit->user = waiter;
    pthread_cond_init(&waiter->cond, NULL);
    list_push_back(&client->keeper.waiters, &waiter->link);
    return true;
}

/* What the caller is told, and why. */
static enum lk_status outcome_of(struct lk_client *client, const struct waiter *waiter)
{
    const struct core_completion *completion = &waiter->completion;
    bool given_up = completion->status == STATUS_UNKNOWN ||
                    completion->status == STATUS_CANCELLED ||
                    completion->status == STATUS_LOST;
    if (completion->status == STATUS_OK)
        return LK_OK;
    if (given_up && !client_is_open(client))
        return fail(LK_STATUS_LOST, "the client is being closed");
    if (given_up && waiter->interrupted && completion->status != STATUS_LOST)
        return fail(LK_STATUS_INTERRUPTED, "a signal or lk_interrupt() ended the call");
    return fail_core(client, completion->session, completion->status, completion->detail);
}

enum lk_status keeper_call(
        struct visit *visit, struct core_call *call, struct core_completion *completion)
{
    struct lk_client *client = visit->client;
    struct waiter waiter = {.visit = visit, .call = call};
    call->user = &waiter;
    struct clocks now = clocks_read();
    set_answer_limit(client, call, now);
    if (!add_waiter(client, &waiter))
        return fail(LK_STATUS_BUSY, "cannot wait for the answer: %s", strerror(errno));
    enum status status = core_submit(client->core, call, now, &waiter.request);
    if (status != STATUS_OK) {
        uint8_t detail = 0;
        remove_waiter(client, &waiter);
        core_session_verdict(client->core, call->session, &detail);
        return fail_core(client, call->session, status, detail);
    }
    if (call->kind == CORE_OPEN)
        session_adopt(client, core_opened(client->core), call->session_user);
    drive_time(client);
    wait_for_answer(client, &waiter);
    remove_waiter(client, &waiter);
    *completion = waiter.completion;
    return outcome_of(client, &waiter);
}

void keeper_dismiss_waiters(struct lk_client *client)
{
    struct list_node *node = list_first(&client->keeper.waiters);
    for (; node != NULL; node = list_next(&client->keeper.waiters, node)) {
        struct waiter *waiter = LIST_OWNER(node, struct waiter, link);
        if (!waiter->done)
            core_expire(client->core, waiter->request, clocks_read());
    }
    node = list_first(&client->node_queries);
    for (; node != NULL; node = list_next(&client->node_queries, node)) {
        struct node_query_link *query = LIST_OWNER(node, struct node_query_link, link);
        query->over = true;
        descriptor_wake(query->wake_fd);
    }
    drive_time(client);
}
