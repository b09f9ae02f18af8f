#include "io/http.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "io/listen.h"
#include "io/process.h"

enum {
    ACCEPTS_PER_TURN = 4,
};

static const uint64_t request_ns = 5 * NS_PER_S;
static const uint64_t response_ns = 5 * NS_PER_S;
static const uint64_t ending_ns = 500 * NS_PER_MS;
static const uint64_t accept_pause_ns = 100 * NS_PER_MS;

void http_carve(struct http *http, struct arena *arena, size_t response_bytes)
{
    unsigned char *heads =
            arena_take(arena, "http requests", HTTP_SLOTS, HTTP_HEAD_BYTES, 64);
    char *responses = arena_take(arena, "http responses", HTTP_SLOTS, response_bytes, 64);
    for (uint32_t i = 0; i < HTTP_SLOTS && heads != NULL; i++) {
        http->slots[i].head = heads + (size_t)i * HTTP_HEAD_BYTES;
        http->slots[i].response = responses + i * response_bytes;
    }
}

static uint32_t number_of(const struct http *http, const struct http_slot *slot)
{
    return (uint32_t)(slot - http->slots);
}

/* ---- One connection ---- */

static struct io_uring_sqe *prepare(struct http *http, struct http_slot *slot)
{
    assert(!slot->under_way);
    slot->under_way = true;
    return uring_next(http->uring);
}

static void tag(struct http *http, struct http_slot *slot, struct io_uring_sqe *sqe)
{
    io_uring_sqe_set_data64(sqe, uring_tag(OP_HTTP, number_of(http, slot)));
}

static void receive(struct http *http, struct http_slot *slot)
{
    struct io_uring_sqe *sqe = prepare(http, slot);
    io_uring_prep_recv(
            sqe, slot->fd, slot->head + slot->count, HTTP_HEAD_BYTES - slot->count, 0);
    tag(http, slot, sqe);
}

static void send_rest(struct http *http, struct http_slot *slot)
{
    struct io_uring_sqe *sqe = prepare(http, slot);
    io_uring_prep_send(
            sqe, slot->fd, slot->response + slot->sent, slot->count, MSG_NOSIGNAL);
    tag(http, slot, sqe);
}

static void free_slot(struct http_slot *slot)
{
    assert(!slot->under_way);
    (void)close(slot->fd);
    slot->state = HTTP_FREE;
}

/* It ends now: an operation under way completes soon, and then the slot is free. */
static void give_up(struct http_slot *slot)
{
    slot->state = HTTP_ENDING;
    slot->shut = true;
    slot->until_ns = UINT64_MAX;
    (void)shutdown(slot->fd, SHUT_RDWR);
    if (!slot->under_way)
        free_slot(slot);
}

static void let_read(struct http *http, struct http_slot *slot)
{
    slot->state = HTTP_ENDING;
    slot->until_ns = http->turn->now_ns + ending_ns;
    slot->count = 0;
    (void)shutdown(slot->fd, SHUT_WR);
    receive(http, slot);
}

/* The empty line, whose ends may be bare line feeds (RFC 9112, 2.2). */
static bool has_empty_line(const struct http_slot *slot)
{
    return memmem(slot->head, slot->count, "\n\r\n", 3) != NULL ||
           memmem(slot->head, slot->count, "\n\n", 2) != NULL;
}

static void respond(struct http *http, struct http_slot *slot)
{
    struct process_figures process;
    process_read(&process, http->folder);
    process.connections_refused = *http->connections_refused;
    const struct http_call call = {
            .node = http->turn->node,
            .process = &process,
            .head = slot->head,
            .count = slot->count,
            .whole = has_empty_line(slot),
    };
    slot->count = http->pages->answer(&call, slot->response);
    slot->sent = 0;
    slot->state = HTTP_SENDING;
    slot->until_ns = http->turn->now_ns + response_ns;
    send_rest(http, slot);
}

static void received(struct http *http, struct http_slot *slot, size_t count)
{
    slot->count += count;
    if (has_empty_line(slot) || slot->count == HTTP_HEAD_BYTES)
        respond(http, slot);
    else
        receive(http, slot);
}

static void sent(struct http *http, struct http_slot *slot, size_t count)
{
    slot->sent += count;
    slot->count -= count;
    if (slot->count == 0)
        let_read(http, slot);
    else
        send_rest(http, slot);
}

/* What still comes is thrown away. */
static void discarded(struct http *http, struct http_slot *slot)
{
    slot->count = 0;
    receive(http, slot);
}

void http_done(struct http *http, const struct uring_done *done)
{
    struct http_slot *slot = &http->slots[uring_tag_slot(done->tag)];
    slot->under_way = false;
    bool again = done->result == -EINTR || done->result == -EAGAIN;
    size_t count = done->result > 0 ? (size_t)done->result : 0;
    if (slot->shut)
        free_slot(slot);
    else if (done->result <= 0 && !again)
        give_up(slot);
    else if (slot->state == HTTP_READING)
        received(http, slot, count);
    else if (slot->state == HTTP_SENDING)
        sent(http, slot, count);
    else
        discarded(http, slot);
}

/* ---- Accepting ---- */

static struct http_slot *find_free(struct http *http)
{
    for (uint32_t i = 0; i < HTTP_SLOTS; i++) {
        if (http->slots[i].state == HTTP_FREE)
            return &http->slots[i];
    }
    return NULL;
}

/* Whoever has been there for longest gives way; its slot is free soon. */
static void give_way(struct http *http)
{
    struct http_slot *oldest = NULL;
    for (uint32_t i = 0; i < HTTP_SLOTS; i++) {
        struct http_slot *slot = &http->slots[i];
        if (slot->shut)
            return;
        if (oldest == NULL || slot->begun_ns < oldest->begun_ns)
            oldest = slot;
    }
    give_up(oldest);
}

static bool accept_one(struct http *http)
{
    struct http_slot *slot = find_free(http);
    if (slot == NULL) {
        give_way(http);
        return false;
    }
    int fd = accept4(http->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        http->accept_again_ns = http->turn->now_ns + accept_pause_ns;
    if (fd < 0)
        return false;
    slot->fd = fd;
    slot->state = HTTP_READING;
    slot->shut = false;
    slot->count = 0;
    slot->begun_ns = http->turn->now_ns;
    slot->until_ns = slot->begun_ns + request_ns;
    receive(http, slot);
    return true;
}

void http_accepted(struct http *http, const struct uring_done *done)
{
    http->polling = false;
    for (int i = 0; i < ACCEPTS_PER_TURN && done->result >= 0; i++) {
        if (!accept_one(http))
            break;
    }
}

/* ---- The turn ---- */

static void poll_listener(struct http *http)
{
    struct io_uring_sqe *sqe = uring_next(http->uring);
    io_uring_prep_poll_add(sqe, http->listener, POLLIN);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_HTTP_ACCEPT, 0));
    http->polling = true;
}

void http_time(struct http *http)
{
    if (http->listener < 0)
        return;
    for (uint32_t i = 0; i < HTTP_SLOTS; i++) {
        struct http_slot *slot = &http->slots[i];
        if (slot->state != HTTP_FREE && slot->until_ns <= http->turn->now_ns)
            give_up(slot);
    }
    if (!http->polling && http->turn->now_ns >= http->accept_again_ns)
        poll_listener(http);
}

uint64_t http_deadline(const struct http *http)
{
    if (http->listener < 0)
        return UINT64_MAX;
    uint64_t deadline = http->polling ? UINT64_MAX : http->accept_again_ns;
    for (uint32_t i = 0; i < HTTP_SLOTS; i++) {
        if (http->slots[i].state != HTTP_FREE)
            deadline = u64_min(deadline, http->slots[i].until_ns);
    }
    return deadline;
}

bool http_open(struct http *http, const struct address *address, char *reason)
{
    bool later;
    http->listener = listen_bind(address, reason, &later);
    if (http->listener < 0)
        return false;
    /* accept4() never waits: whoever was in the queue may be gone again. */
    (void)fcntl(http->listener, F_SETFL, fcntl(http->listener, F_GETFL) | O_NONBLOCK);
    return listen_begin(http->listener, address, reason);
}
