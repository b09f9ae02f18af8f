/*
 * Names are looked up by threads of their own, because getaddrinfo() may take any time and
 * cannot be stopped. So there is one set of such threads in the process, and not one in each
 * client: a program that opens clients again and again while its name server is dead has as
 * many threads waiting as it has names, at most LOOKUP_THREADS_MAX, and the answer that comes
 * at last serves whoever asks next.
 *
 * This is the library's one piece of memory that belongs to no client. A child after fork has
 * a copy without threads, perhaps with a locked mutex. So the set remembers its process, and
 * another process makes its own.
 *
 * A result is used without asking again for FRESH_NS. Afterwards a new lookup is begun, but
 * who waits for it may use the old result meanwhile (lookup_old): a name server that died
 * costs those nothing who know the addresses.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "lk_connect.h"

#define FRESH_NS (10 * NS_PER_S)

enum {
    LOOKUPS_MAX = 64,
    LOOKUP_THREADS_MAX = 16,
};

enum progress {
    REST, /* Nobody is asking */
    QUEUED,
    ASKING
};

/* One name, and what is known of it. */
struct lookup {
    char address[ADDRESS_TEXT_BYTES]; /* As in the list of nodes; "": unused */
    struct host_port cut;
    enum progress progress;
    uint64_t ended;         /* Lookups that ended, */
    uint64_t ended_ns;      /* when the last one did, 0: it is not trusted, */
    int error;              /* and how */
    struct addresses found; /* Of the last one that found any */
    uint32_t first;         /* Try this one first. */
    struct list tickets;
};

struct lookups {
    struct lookups *parent; /* After fork; kept only so that it is not lost */
    pid_t process;
    pthread_mutex_t mutex;
    uint32_t threads;
    struct lookup all[LOOKUPS_MAX];
};

static struct lookups *shared; /* By __atomic only */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The set of this process; NULL: no memory. */
static struct lookups *get(void)
{
    struct lookups *now = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
    while (now == NULL || now->process != getpid()) {
        struct lookups *made = calloc(1, sizeof(*made));
        if (made == NULL)
            return NULL;
        made->parent = now;
        made->process = getpid();
        pthread_mutex_init(&made->mutex, NULL);
        for (uint32_t i = 0; i < LOOKUPS_MAX; i++)
            list_init(&made->all[i].tickets);
        if (__atomic_compare_exchange_n(
                    &shared, &now, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            return made;
        pthread_mutex_destroy(&made->mutex);
        free(made);
    }
    return now;
}

/* ---- The threads ---- */

static void note_result(struct lookup *lookup, int error, const struct addresses *found)
{
    lookup->progress = REST;
    lookup->ended++;
    lookup->ended_ns = now_ns();
    lookup->error = error == 0 && found->count == 0 ? EADDRNOTAVAIL : error;
    if (lookup->error == 0) {
        lookup->found = *found;
        lookup->first %= found->count;
    }
    struct list_node *node = list_first(&lookup->tickets);
    for (; node != NULL; node = list_next(&lookup->tickets, node))
        descriptor_wake(LIST_OWNER(node, struct lookup_ticket, link)->wake_fd);
}

static struct lookup *take_queued(struct lookups *lookups)
{
    for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
        if (lookups->all[i].progress == QUEUED)
            return &lookups->all[i];
    }
    return NULL;
}

/* Look up what is queued, then end. */
static void *run(void *argument)
{
    struct lookups *lookups = argument;
    struct lookup *lookup;
    pthread_mutex_lock(&lookups->mutex);
    while ((lookup = take_queued(lookups)) != NULL) {
        lookup->progress = ASKING;
        struct host_port cut = lookup->cut;
        pthread_mutex_unlock(&lookups->mutex);
        struct addresses found = {0};
        int error = resolve(&cut, &found);
        pthread_mutex_lock(&lookups->mutex);
        note_result(lookup, error, &found);
    }
    lookups->threads--;
    pthread_mutex_unlock(&lookups->mutex);
    return NULL;
}

/* One more detached thread that gets no signals. Without it, one that runs does the work. */
static int start_thread(struct lookups *lookups)
{
    if (lookups->threads == LOOKUP_THREADS_MAX)
        return 0;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run, lookups);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pthread_detach(thread);
        lookups->threads++;
    }
    return lookups->threads > 0 ? 0 : error;
}

/* ---- Names ---- */

static struct lookup *find(struct lookups *lookups, const char *address)
{
    for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
        if (strcmp(lookups->all[i].address, address) == 0)
            return &lookups->all[i];
    }
    return NULL;
}

/* A place that nobody needs: an unused one, or else the one that was looked up longest ago. */
static struct lookup *take_place(struct lookups *lookups)
{
    struct lookup *oldest = NULL;
    for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
        struct lookup *lookup = &lookups->all[i];
        if (lookup->progress != REST || !list_is_empty(&lookup->tickets))
            continue;
        if (oldest == NULL || lookup->ended_ns < oldest->ended_ns)
            oldest = lookup;
    }
    return oldest;
}

static struct lookup *find_or_make(
        struct lookups *lookups, const char *address, const struct host_port *cut)
{
    struct lookup *lookup = find(lookups, address);
    if (lookup != NULL)
        return lookup;
    lookup = take_place(lookups);
    if (lookup == NULL)
        return NULL;
    *lookup = (struct lookup){.cut = *cut};
    list_init(&lookup->tickets);
    memcpy(lookup->address, address, strlen(address) + 1);
    return lookup;
}

static bool is_fresh(const struct lookup *lookup)
{
    return lookup->ended_ns != 0 && lookup->error == 0 &&
           now_ns() - lookup->ended_ns < FRESH_NS;
}

static enum looked_up begin(struct lookups *lookups, struct lookup *lookup,
        struct lookup_ticket *ticket, int *error)
{
    bool fresh = is_fresh(lookup);
    if (!fresh && lookup->progress == REST) {
        lookup->progress = QUEUED;
        *error = start_thread(lookups);
        if (*error != 0) {
            lookup->progress = REST;
            return LOOKUP_FAILED;
        }
    }
    ticket->lookup = lookup;
    ticket->begun = fresh ? lookup->ended - 1 : lookup->ended;
    list_push_back(&lookup->tickets, &ticket->link);
    return fresh ? LOOKUP_FOUND : LOOKUP_PENDING;
}

enum looked_up lookup_begin(
        struct lookup_ticket *ticket, const char *address, int wake_fd, int *error)
{
    struct host_port cut;
    *ticket = (struct lookup_ticket){.wake_fd = wake_fd};
    *error = EINVAL;
    if (strlen(address) >= ADDRESS_TEXT_BYTES || !address_cut(address, &cut))
        return LOOKUP_FAILED;
    struct lookups *lookups = get();
    *error = ENOMEM;
    if (lookups == NULL)
        return LOOKUP_FAILED;
    pthread_mutex_lock(&lookups->mutex);
    struct lookup *lookup = find_or_make(lookups, address, &cut);
    *error = EAGAIN;
    enum looked_up result =
            lookup == NULL ? LOOKUP_FAILED : begin(lookups, lookup, ticket, error);
    pthread_mutex_unlock(&lookups->mutex);
    return result;
}

/* Beginning with the one that is to be first. */
static void copy_addresses(const struct lookup *lookup, struct addresses *found)
{
    uint32_t count = lookup->found.count;
    found->count = count;
    for (uint32_t i = 0; i < count; i++)
        found->all[i] = lookup->found.all[(lookup->first + i) % count];
}

enum looked_up lookup_take(
        const struct lookup_ticket *ticket, struct addresses *found, int *error)
{
    struct lookups *lookups = get();
    const struct lookup *lookup = ticket->lookup;
    enum looked_up result = LOOKUP_PENDING;
    pthread_mutex_lock(&lookups->mutex);
    if (lookup->ended > ticket->begun) {
        *error = lookup->error;
        result = lookup->error == 0 ? LOOKUP_FOUND : LOOKUP_FAILED;
        if (result == LOOKUP_FOUND)
            copy_addresses(lookup, found);
    }
    pthread_mutex_unlock(&lookups->mutex);
    return result;
}

bool lookup_old(const struct lookup_ticket *ticket, struct addresses *found)
{
    struct lookups *lookups = get();
    pthread_mutex_lock(&lookups->mutex);
    copy_addresses(ticket->lookup, found);
    pthread_mutex_unlock(&lookups->mutex);
    return found->count > 0;
}

void lookup_end(struct lookup_ticket *ticket)
{
    if (ticket->lookup == NULL)
        return;
    struct lookups *lookups = get();
    struct lookup *lookup = ticket->lookup;
    pthread_mutex_lock(&lookups->mutex);
    list_remove(&ticket->link);
    /* Nobody wants to know any longer. What a thread is asking already is kept. */
    if (lookup->progress == QUEUED && list_is_empty(&lookup->tickets))
        lookup->progress = REST;
    pthread_mutex_unlock(&lookups->mutex);
    ticket->lookup = NULL;
}

static void prefer(struct lookup *lookup, const struct sockaddr_storage *worked)
{
    for (uint32_t i = 0; i < lookup->found.count; i++) {
        if (memcmp(&lookup->found.all[i].address, worked, lookup->found.all[i].bytes) == 0)
            lookup->first = i;
    }
}

void lookup_prefer(const char *address, const struct sockaddr_storage *worked)
{
    struct lookups *lookups = get();
    if (lookups == NULL)
        return;
    pthread_mutex_lock(&lookups->mutex);
    struct lookup *lookup = find(lookups, address);
    if (lookup != NULL)
        prefer(lookup, worked);
    pthread_mutex_unlock(&lookups->mutex);
}

void lookup_distrust(const char *address)
{
    struct lookups *lookups = get();
    if (lookups == NULL)
        return;
    pthread_mutex_lock(&lookups->mutex);
    struct lookup *lookup = find(lookups, address);
    if (lookup != NULL && lookup->found.count > 0) {
        lookup->ended_ns = 0;
        lookup->first = (lookup->first + 1) % lookup->found.count;
    }
    pthread_mutex_unlock(&lookups->mutex);
}

bool lookup_is_pending(const char *address)
{
    struct lookups *lookups = __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
    if (lookups == NULL || lookups->process != getpid())
        return false;
    pthread_mutex_lock(&lookups->mutex);
    const struct lookup *lookup = find(lookups, address);
    bool pending = lookup != NULL && lookup->progress != REST;
    pthread_mutex_unlock(&lookups->mutex);
    return pending;
}
