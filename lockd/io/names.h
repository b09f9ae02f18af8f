/*
 * Names of peers are resolved in threads of their own, because resolving blocks for seconds
 * if a name server is down. The loop leaves a query and is woken through a descriptor. Numeric
 * addresses do not need this.
 */
#ifndef IO_NAMES_H
#define IO_NAMES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/address.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NAMES_ADDRESSES_MAX = 8,
    NAMES_MAX = 9 /* As many as a node may connect to at a time */
};

struct name_answer {
    uint32_t count; /* 0: it could not be resolved, `error` is getaddrinfo's. */
    int error;
    struct sockaddr_storage addresses[NAMES_ADDRESSES_MAX];
};

struct names {
    pthread_mutex_t mutex; /* Guards the sets, hosts and answers. */
    pthread_cond_t asked;
    uint32_t wanted; /* Bit set of slots to resolve, ... */
    uint32_t taken;  /* ... and of those that a thread is at */
    uint32_t ready;  /* Bit set of slots with an answer that is not taken yet */
    struct address hosts[NAMES_MAX];
    struct name_answer answers[NAMES_MAX];
    int wake; /* An eventfd, readable when something is ready */
    bool running;
};

/*
 * For this many names. `names` must not move or go away: the threads run until the process
 * ends.
 */
bool names_open(struct names *names, uint32_t count);

/* Query the addresses of `host`; the answer comes in the same slot, below NAMES_MAX. */
void names_ask(struct names *names, uint32_t slot, const struct address *host);

/* Take the answer of a slot; false if there is none yet. */
bool names_take(struct names *names, uint32_t slot, struct name_answer *answer);

/* The address of a numeric host, without the thread. False: it is a name. */
bool names_numeric(const struct address *host, struct sockaddr_storage *address);

/* The length of a socket address. */
socklen_t names_length(const struct sockaddr_storage *address);

#ifdef __cplusplus
}
#endif

#endif
