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
 * Deadlines: the receiver sleeps until the core's deadline as it was when it began to
 * sleep; the other calls sleep until they are woken. A thread whose step made the deadline
 * earlier tells the receiver. A receiver that leaves wakes the keeper if the keeper would
 * sleep too long.
 *
 * Only the keeper delivers events, one after the other, without the mutex.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/numbers.h"
#include "lk_internal.h"

enum {
    LONGEST_MS = 60000
}; /* Then it looks again. */

static _Thread_local bool within_callback;

bool in_callback(void)
{
    return within_callback;
}

static void set_callback(bool within)
{
    within_callback = within;
}

static void write_event(int fd)
{
    uint64_t one = 1;
    ssize_t ignored = write(fd, &one, sizeof(one));
    (void)ignored; /* Full: it is readable all the same. */
}

static void drain_event(int fd)
{
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof(count));
    (void)ignored; /* Empty: nothing to drain. */
}

static void kick(struct lk_client *client)
{
    if (client->keeper.sleeps)
        write_event(client->wake_fd);
    client->keeper.sleeps = false;
}

static void nudge(struct lk_client *client)
{
    if (client->keeper.receiver_polls)
        write_event(client->keeper.nudge_fd);
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
    if (waiter == NULL || client->closing)
        return;
    waiter->completion = *completion;
    waiter->done = true;
    if (waiter == client->keeper.receiver)
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
        if (session_of(client, told->handle) != NULL && !client->closing) {
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

/* ---- The keeper ---- */

static int milliseconds_until(uint64_t deadline_ns)
{
    uint64_t now_ns = clocks_read().boot_ns;
    if (deadline_ns <= now_ns)
        return 0;
    uint64_t ms = (deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    return ms > LONGEST_MS ? LONGEST_MS : (int)ms;
}

static void keeper_sleep(struct lk_client *client)
{
    struct epoll_event events[2];
    client->keeper.until_ns = client->deadline_ns;
    client->keeper.sleeps = true;
    pthread_mutex_unlock(&client->mutex);
    int count = epoll_wait(
            client->poll_fd, events, 2, milliseconds_until(client->keeper.until_ns));
    pthread_mutex_lock(&client->mutex);
    client->keeper.sleeps = false;
    for (int i = 0; i < count; i++) {
        if (events[i].data.fd == client->wake_fd)
            drain_event(client->wake_fd);
    }
}

static void *run_keeper(void *argument)
{
    struct lk_client *client = argument;
    pthread_mutex_lock(&client->mutex);
    while (!client->keeper.stops) {
        /* A resolver always wakes the keeper. */
        if (client->keeper.receiver == NULL || client->connection.resolving != NULL)
            drive_socket(client);
        if (clocks_read().boot_ns >= client->deadline_ns)
            drive_time(client);
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
    write_event(client->wake_fd);
    pthread_mutex_unlock(&client->mutex);
    pthread_join(client->keeper.thread, NULL);
    client->keeper.runs = false;
}

static void send_asked(struct lk_client *client)
{
    drive_time(client);
    kick(client);
}

const struct shell keeper_shell = {
        .start = start,
        .complete = complete,
        .event = queue_event,
        .changed = look_again,
        .asked = send_asked,
};

/* ---- Calls ---- */

static struct timespec span_until(uint64_t deadline_ns)
{
    uint64_t now_ns = clocks_read().boot_ns;
    uint64_t left_ns = u64_min(u64_rest(deadline_ns, now_ns), 3600 * NS_PER_S);
    return (struct timespec){
            .tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
}

/* Wait for the socket as its receiver, once. */
static void receive(struct lk_client *client)
{
    const struct connection *connection = &client->connection;
    struct pollfd fds[2] = {{.fd = client->keeper.nudge_fd, .events = POLLIN},
            {.fd = connection->fd, .events = POLLIN}};
    if (connection->connecting)
        fds[1].events = POLLOUT;
    else if (connection->want_write)
        fds[1].events = POLLIN | POLLOUT;
    struct timespec left = span_until(client->deadline_ns);
    uint64_t serial = connection->serial;
    client->keeper.receiver_polls = true;
    client->keeper.receiver_until_ns = client->deadline_ns;
    pthread_mutex_unlock(&client->mutex);
    int count = ppoll(fds, 2, &left, NULL);
    pthread_mutex_lock(&client->mutex);
    client->keeper.receiver_polls = false;
    if (count > 0 && fds[0].revents != 0)
        drain_event(client->keeper.nudge_fd);
    if (count > 0 && fds[1].revents != 0 && connection->serial == serial)
        drive_socket(client);
}

/*
 * Wait until the receiver has the answer. The receiver watches the deadline too, and is
 * told if that is now earlier than it knows.
 */
static void wait_for_receiver(struct lk_client *client, struct waiter *waiter)
{
    if (client->deadline_ns < client->keeper.receiver_until_ns)
        nudge(client);
    pthread_cond_wait(&waiter->cond, &client->mutex);
}

/* The socket's next receiver is another call, or the keeper again. */
static void pass_on(struct lk_client *client)
{
    client->keeper.receiver = NULL;
    struct list_node *node = list_first(&client->keeper.waiters);
    for (; node != NULL; node = list_next(&client->keeper.waiters, node)) {
        struct waiter *other = LIST_OWNER(node, struct waiter, link);
        if (!other->done) {
            pthread_cond_signal(&other->cond);
            return;
        }
    }
    connection_watch(&client->connection, true);
}

static void wait_for_answer(struct lk_client *client, struct waiter *waiter)
{
    while (!waiter->done) {
        if (client->keeper.receiver == NULL) {
            client->keeper.receiver = waiter;
            connection_watch(&client->connection, false);
        }
        if (client->keeper.receiver != waiter) {
            wait_for_receiver(client, waiter);
            continue;
        }
        receive(client);
        if (!waiter->done && clocks_read().boot_ns >= client->deadline_ns)
            drive_time(client);
    }
    list_remove(&waiter->link);
    if (client->keeper.receiver == waiter || client->keeper.receiver == NULL)
        pass_on(client);
    if (client->deadline_ns < client->keeper.until_ns)
        kick(client);
}

enum status keeper_call(struct lk_client *client, struct core_call *call,
        struct core_completion *completion)
{
    struct waiter waiter = {.done = false};
    call->user = &waiter;
    struct clocks now = clocks_read();
    set_answer_limit(client, call, now);
    enum status status = core_submit(client->core, call, now, NULL);
    if (status != STATUS_OK)
        return status;
    if (call->kind == CORE_OPEN)
        session_adopt(client, core_opened(client->core), call->session_user);
    pthread_cond_init(&waiter.cond, NULL);
    list_push_back(&client->keeper.waiters, &waiter.link);
    client->keeper.inside++;
    drive_time(client);
    wait_for_answer(client, &waiter);
    client->keeper.inside--;
    if (client->keeper.inside == 0)
        pthread_cond_broadcast(&client->keeper.left);
    pthread_cond_destroy(&waiter.cond);
    *completion = waiter.completion;
    return waiter.completion.status;
}

void keeper_dismiss_waiters(struct lk_client *client)
{
    struct list_node *node = list_first(&client->keeper.waiters);
    for (; node != NULL; node = list_next(&client->keeper.waiters, node)) {
        struct waiter *waiter = LIST_OWNER(node, struct waiter, link);
        waiter->completion = (struct core_completion){.status = STATUS_LOST};
        waiter->done = true;
        pthread_cond_signal(&waiter->cond);
    }
    nudge(client);
    while (client->keeper.inside > 0)
        pthread_cond_wait(&client->keeper.left, &client->mutex);
}
