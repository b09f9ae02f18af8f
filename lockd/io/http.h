/*
 * A small HTTP server for metrics and probes, on the loop's ring and on a port of its own.
 *
 * A connection serves one request. Its slot passes through these states:
 *
 *     FREE -> READING -> SENDING -> ENDING -> FREE
 *
 * READING: until the empty line that ends a request's head. SENDING: the response leaves.
 * ENDING: our side is shut, and the other side has a moment to read; closing a socket with
 * unread bytes would destroy the response on its way. There are few slots. While all are in
 * use, whoever has been there for longest gives way to the next: so clients that are silent
 * or slow keep nobody out. A probe is answered in the turn in which it arrives, hence an
 * answer shows that the loop turns.
 */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "io/tell.h"
#include "io/turn.h"
#include "io/uring.h"
#include "node/report.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HTTP_SLOTS = 8,
    HTTP_HEAD_BYTES = 4096, /* The longest head of a request */
};

/* A request that is to be answered. */
struct http_call {
    const struct node *node;
    const struct process_figures *process;
    const unsigned char *head; /* What was received */
    size_t count;
    bool whole; /* It has the empty line that ends a head; false: it is too long. */
};

/* `ops` makes the responses; main connects the two. */
struct http_pages {
    /* Writes the whole response to `room`, which has `room_bytes`; returns its length. */
    size_t (*answer)(const struct http_call *call, char *room);
    size_t room_bytes;
};

enum http_state {
    HTTP_FREE,
    HTTP_READING,
    HTTP_SENDING,
    HTTP_ENDING,
};

struct http_slot {
    enum http_state state;
    int fd;
    bool under_way; /* An operation in the kernel refers to the slot. */
    bool shut;      /* Both sides: what is under way completes soon. */
    uint64_t begun_ns;
    uint64_t until_ns; /* Given up then */
    size_t count;      /* Bytes received, or still to be sent */
    size_t sent;
    unsigned char *head;
    char *response;
};

struct http {
    struct uring *uring;
    struct turn *turn;
    const struct tell *tell;
    const struct http_pages *pages;
    const uint64_t *connections_refused; /* A figure of net */
    int folder;                          /* The data directory */
    int listener;                        /* -1: there is no HTTP. */
    bool polling;
    uint64_t accept_again_ns; /* Not before: no descriptor was free. */
    struct http_slot slots[HTTP_SLOTS];
};

/* Memory for requests and responses; `response_bytes` as in http_pages. */
void http_carve(struct http *http, struct arena *arena, size_t response_bytes);

/* Listen there. False with a sentence in `reason` (LISTEN_REASON_BYTES). */
bool http_open(struct http *http, const struct address *address, char *reason);

/* Completions of OP_HTTP_ACCEPT and OP_HTTP. */
void http_accepted(struct http *http, const struct uring_done *done);
void http_done(struct http *http, const struct uring_done *done);

/* Once a turn: gives up whoever is too slow, and polls for the next connection. */
void http_time(struct http *http);

/* When http_time() has something to do; UINT64_MAX: nothing. */
uint64_t http_deadline(const struct http *http);

#ifdef __cplusplus
}
#endif

#endif
