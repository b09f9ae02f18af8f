/*
 * Threads in calls, and the end of a client.
 *
 * lk_close() may come while other threads are in any call. Each call counts itself in before
 * it touches the client, and out afterwards; lk_close() refuses newcomers, sends the others
 * home, and waits until the last one has left. lk_check() and lk_deadline() do not count: they
 * may be called by signal handlers, and cost no more than reading the clock.
 *
 * So the memory that calls read first must outlive the client. A client is one mapping:
 *
 *     a page, not copied by fork | struct lk_client, its sessions | its core
 *     1: alive
 *
 * When the client is closed, all of it becomes zero, and the kernel takes the pages back. The
 * addresses stay mapped until GRAVES more clients were closed. A zero means "closed", wherever
 * one is read. Thus also a call that comes too late, which is an error of its caller, returns
 * LK_STATUS_LOST and harms nobody.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lk_internal.h"

enum {
    GRAVES = 64
};

/* ---- Memory ---- */

/* Clients that were closed, the oldest next to the next one. By __atomic only. */
static void *graves[GRAVES];
static uint64_t grave_bytes[GRAVES];
static uint32_t next_grave;

static size_t pages(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static size_t core_bytes(const struct core_settings *settings)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    core_carve(&arena, settings);
    return arena_used_bytes(&arena);
}

static size_t head_bytes(const struct core_settings *settings)
{
    size_t sessions = settings->sessions_max * sizeof(struct lk_session);
    return PAGE_BYTES + pages(sizeof(struct lk_client)) + pages(sessions);
}

struct lk_client *client_map(const struct core_settings *settings)
{
    size_t head = head_bytes(settings);
    size_t core = core_bytes(settings);
    unsigned char *memory = mmap(NULL, head + pages(core), PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (madvise(memory, PAGE_BYTES, MADV_WIPEONFORK) != 0) {
        munmap(memory, head + pages(core));
        return NULL;
    }
    void *place = memory + PAGE_BYTES;
    void *sessions = memory + PAGE_BYTES + pages(sizeof(struct lk_client));
    struct lk_client *client = place;
    client->mapped_bytes = head + pages(core);
    client->sessions = sessions;
    client->settings = *settings;
    struct arena arena;
    arena_init(&arena, memory + head, core);
    client->core = core_carve(&arena, settings);
    arena_seal(&arena);
    __atomic_store_n(client_alive(client), 1, __ATOMIC_RELAXED);
    return client;
}

/* The addresses stay readable until the place is needed for another. */
static void bury(void *memory, size_t bytes)
{
    uint32_t place = __atomic_fetch_add(&next_grave, 1, __ATOMIC_RELAXED) % GRAVES;
    void *old = __atomic_exchange_n(&graves[place], NULL, __ATOMIC_ACQ_REL);
    if (old != NULL)
        munmap(old, __atomic_load_n(&grave_bytes[place], __ATOMIC_RELAXED));
    __atomic_store_n(&grave_bytes[place], bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&graves[place], memory, __ATOMIC_RELEASE);
}

void client_unmap(struct lk_client *client)
{
    void *memory = client_alive(client);
    size_t bytes = client->mapped_bytes;
    /* Memory that the program has locked cannot be dropped like this. */
    if (madvise(memory, bytes, MADV_DONTNEED) == 0)
        bury(memory, bytes);
    else
        munmap(memory, bytes);
}

/* ---- In and out ---- */

/* A client that was closed, with the page before it. */
static struct {
    unsigned char page[PAGE_BYTES];
    struct lk_client client;
} closed;

struct lk_client *client_of(const struct lk_session *session)
{
    if (session == NULL)
        return NULL;
    struct lk_client *client = __atomic_load_n(&session->client, __ATOMIC_RELAXED);
    return client == NULL ? &closed.client : client;
}

static void futex(uint32_t *word, int what, uint32_t value)
{
    syscall(SYS_futex, word, what, value, NULL, NULL, 0);
}

bool client_enter(struct lk_client *client)
{
    if (client == NULL || !client_is_ours(client))
        return false;
    __atomic_add_fetch(&client->inside, 1, __ATOMIC_SEQ_CST);
    if (client_is_open(client))
        return true;
    client_leave(client);
    return false;
}

void client_leave(struct lk_client *client)
{
    uint32_t left = __atomic_sub_fetch(&client->inside, 1, __ATOMIC_SEQ_CST);
    if (left == 0 && !client_is_open(client))
        futex(&client->inside, FUTEX_WAKE_PRIVATE, 1);
}

bool client_shut(struct lk_client *client)
{
    return __atomic_exchange_n(&client->open, 0, __ATOMIC_SEQ_CST) != 0;
}

void client_wait_for_leaving(struct lk_client *client)
{
    uint32_t inside;
    while ((inside = __atomic_load_n(&client->inside, __ATOMIC_SEQ_CST)) != 0)
        futex(&client->inside, FUTEX_WAIT_PRIVATE, inside);
}

enum lk_status refuse_handle(const struct lk_client *client)
{
    if (client == NULL)
        return fail(LK_STATUS_INVALID, "the client or session is NULL");
    if (client_is_ours(client) || client->mapped_bytes == 0)
        return fail(LK_STATUS_LOST, "the client is being closed, or was");
    return fail(LK_STATUS_LOST,
            "this handle belongs to the parent process; open a client after fork()");
}

/* ---- Calls that may wait ---- */

/* All but those that this thread causes itself. */
static void block_signals(struct visit *visit)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t all;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &visit->mask);
}

enum lk_status visit_begin(struct visit *visit, struct lk_client *client)
{
    *visit = (struct visit){.client = client};
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &visit->cancel_state);
    if (!client_enter(client)) {
        pthread_setcancelstate(visit->cancel_state, NULL);
        return refuse_handle(client);
    }
    visit->interruptible = (client->options.flags & LK_FLAG_INTERRUPTIBLE) != 0;
    if (visit->interruptible)
        block_signals(visit);
    return LK_OK;
}

void visit_end(struct visit *visit)
{
    client_leave(visit->client);
    if (visit->interruptible)
        pthread_sigmask(SIG_SETMASK, &visit->mask, NULL);
    pthread_setcancelstate(visit->cancel_state, NULL);
}

static void on_cancel(void *argument)
{
    struct visit *visit = argument;
    visit->on_cancel(visit);
}

int visit_poll(struct visit *visit, struct pollfd *fds, uint32_t count,
        const struct timespec *wait)
{
    int ready;
    int error;
    pthread_cleanup_push(on_cancel, visit);
    pthread_setcancelstate(visit->cancel_state, NULL);
    ready = ppoll(fds, count, wait, visit->interruptible ? &visit->mask : NULL);
    error = errno;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop(0);
    errno = error;
    return ready;
}
