#include "io/names.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void resolve(const struct address *host, struct name_answer *answer)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    char port[8];

    *answer = (struct name_answer){0};
    (void)snprintf(port, sizeof port, "%u", (unsigned)host->port);
    answer->error = getaddrinfo(host->host, port, &hints, &list);
    if (answer->error != 0)
        return;
    for (struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        if (answer->count == NAMES_ADDRESSES_MAX ||
                at->ai_addrlen > sizeof answer->addresses[0])
            continue;
        memcpy(&answer->addresses[answer->count++], at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(list);
}

/* There is a thread for each name, so that none waits for another one's name server. */
static void *run(void *argument)
{
    struct names *names = argument;
    (void)pthread_mutex_lock(&names->mutex);
    for (;;) {
        while ((names->wanted & ~names->taken) == 0)
            (void)pthread_cond_wait(&names->asked, &names->mutex);
        uint32_t slot = (uint32_t)__builtin_ctz(names->wanted & ~names->taken);
        names->taken |= UINT32_C(1) << slot;
        struct address host = names->hosts[slot];
        struct name_answer answer;
        (void)pthread_mutex_unlock(&names->mutex);

        resolve(&host, &answer);

        (void)pthread_mutex_lock(&names->mutex);
        names->wanted &= ~(UINT32_C(1) << slot);
        names->taken &= ~(UINT32_C(1) << slot);
        names->ready |= UINT32_C(1) << slot;
        names->answers[slot] = answer;
        (void)eventfd_write(names->wake, 1);
    }
    return NULL;
}

/* The thread takes no signals: the loop handles them. */
static bool start_thread(struct names *names)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, run, names);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 && pthread_detach(thread) == 0;
}

bool names_open(struct names *names, uint32_t count)
{
    assert(count <= NAMES_MAX);
    *names = (struct names){0};
    (void)pthread_mutex_init(&names->mutex, NULL);
    (void)pthread_cond_init(&names->asked, NULL);
    names->wake = eventfd(0, EFD_CLOEXEC);
    names->running = names->wake >= 0;
    for (uint32_t i = 0; i < count && names->running; i++)
        names->running = start_thread(names);
    return names->running;
}

void names_ask(struct names *names, uint32_t slot, const struct address *host)
{
    assert(names->running && slot < NAMES_MAX);
    (void)pthread_mutex_lock(&names->mutex);
    names->hosts[slot] = *host;
    names->wanted |= UINT32_C(1) << slot;
    names->ready &= ~(UINT32_C(1) << slot);
    (void)pthread_cond_signal(&names->asked);
    (void)pthread_mutex_unlock(&names->mutex);
}

bool names_take(struct names *names, uint32_t slot, struct name_answer *answer)
{
    (void)pthread_mutex_lock(&names->mutex);
    bool ready = (names->ready >> slot & 1) != 0;
    if (ready)
        *answer = names->answers[slot];
    names->ready &= ~(UINT32_C(1) << slot);
    (void)pthread_mutex_unlock(&names->mutex);
    return ready;
}

bool names_numeric(const struct address *host, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(host->port);
        return true;
    }
    if (inet_pton(AF_INET6, host->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(host->port);
        return true;
    }
    return false;
}

socklen_t names_length(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}
