/*
 * A separate thread resolves names to addresses, because getaddrinfo() may take any time
 * and cannot be stopped. The thread shares ownership of its data, so that a client may
 * close while the thread still waits for a name server.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lk_connect.h"

static void look_up(const struct host_port *cut, int flags, struct addresses *found)
{
    struct addrinfo hints = {
            .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    found->count = 0;
    found->error = getaddrinfo(cut->address.host, cut->port + cut->port_at, &hints, &list);
    if (found->error != 0)
        return;
    for (struct addrinfo *at = list; at != NULL && found->count < ADDRESSES_MAX;
            at = at->ai_next) {
        if (at->ai_addrlen > sizeof(struct sockaddr_storage))
            continue;
        memcpy(&found->all[found->count].address, at->ai_addr, at->ai_addrlen);
        found->all[found->count++].bytes = at->ai_addrlen;
    }
    freeaddrinfo(list);
}

bool resolve_number(const char *address, struct addresses *found)
{
    struct host_port cut;
    if (!address_cut(address, &cut))
        return false;
    look_up(&cut, AI_NUMERICHOST, found);
    return found->error == 0 && found->count > 0;
}

void resolve_drop(struct resolving *resolving)
{
    if (__atomic_fetch_sub(&resolving->users, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    close(resolving->wake);
    free(resolving);
}

static void *run(void *argument)
{
    struct resolving *resolving = argument;
    look_up(&resolving->cut, AI_ADDRCONFIG, &resolving->found);
    __atomic_store_n(&resolving->done, true, __ATOMIC_RELEASE);
    uint64_t one = 1;
    ssize_t ignored = write(resolving->wake, &one, sizeof(one));
    (void)ignored; /* Full: then its reader has been woken already. */
    resolve_drop(resolving);
    return NULL;
}

/* A detached thread that gets no signals. */
static int start_thread(struct resolving *resolving)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run, resolving);
    if (error == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct resolving *resolve_begin(const char *address, int wake_fd)
{
    struct resolving *resolving = calloc(1, sizeof(*resolving));
    if (resolving == NULL)
        return NULL;
    resolving->users = 2;
    resolving->wake = fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);
    if (resolving->wake < 0 || !address_cut(address, &resolving->cut)) {
        free(resolving);
        return NULL;
    }
    int error = start_thread(resolving);
    if (error == 0)
        return resolving;
    close(resolving->wake);
    free(resolving);
    errno = error;
    return NULL;
}
