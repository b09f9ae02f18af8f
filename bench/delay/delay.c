/*
 * Distance between nodes that share a machine: a TCP proxy on loopback that passes all
 * bytes on, in order and none lost, each so much later than it came.
 *
 *     delay ONE_WAY_US JITTER_US LISTEN_PORT=TARGET_PORT...
 *
 * Says "ready" when it listens, and runs until standard input ends. What is read at once is
 * a chunk; it is due ONE_WAY_US plus a random part of JITTER_US after it was read, and
 * never before the chunk ahead of it, as in one TCP stream. A chunk is written once it is
 * due; so nothing comes too early, and too late only by what the scheduler adds. A
 * direction that holds BYTES_MAX is not read until something of it was passed on: that is
 * the most that can be under way over this distance.
 *
 * A new connection is delayed by nothing; nodes make theirs once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BYTES_MAX = 8 << 20, /* Of one direction; a power of two */
    CHUNKS_MAX = 1 << 14,
    STREAMS_MAX = 64,
    ROUTES_MAX = 64,
    EVENTS = 64
};

#define NEVER UINT64_MAX

struct chunk {
    uint64_t due_ns;
    uint64_t end; /* Of its bytes, counted from the first of the stream */
};

/* One direction of a connection. Positions count from its first byte and chunk. */
struct stream {
    bool used;
    bool ended; /* Nothing more comes in. */
    int in;
    int out;
    char *bytes;
    struct chunk *chunks;
    uint64_t taken;
    uint64_t passed;
    uint64_t chunk_begin;
    uint64_t chunk_end;
    uint64_t last_due_ns;
    struct stream *other;
};

struct route {
    int listener;
    uint16_t target;
};

static uint64_t one_way_ns;
static uint64_t jitter_ns;
static int poll_fd;
static struct stream streams[STREAMS_MAX];
static struct route routes[ROUTES_MAX];
static int route_count;

static void fail(const char *what)
{
    (void)fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* xorshift; the same jitter in each run. */
static uint64_t jitter(void)
{
    static uint64_t state = 88172645463325252U;
    if (jitter_ns == 0)
        return 0;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % jitter_ns;
}

/* Edge-triggered: each turn tries every stream, and there are few. */
static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll");
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void prepare(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    watch(fd);
}

static struct stream *new_stream(int in, int out)
{
    for (int i = 0; i < STREAMS_MAX; i++) {
        struct stream *stream = &streams[i];
        if (stream->used)
            continue;
        char *bytes = stream->bytes ? stream->bytes : malloc(BYTES_MAX);
        struct chunk *chunks =
                stream->chunks ? stream->chunks : malloc(CHUNKS_MAX * sizeof(*chunks));
        if (!bytes || !chunks)
            fail("memory");
        *stream = (struct stream){
                .used = true, .in = in, .out = out, .bytes = bytes, .chunks = chunks};
        return stream;
    }
    errno = EMFILE;
    fail("connections");
    return NULL;
}

static void drop(struct stream *stream)
{
    close(stream->in);
    close(stream->out);
    stream->used = false;
    stream->other->used = false;
}

/* On loopback a connect does not wait: it is taken or refused at once. */
static void take(const struct route *route, int fd)
{
    int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(route->target);
    if (to < 0 || connect(to, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(to);
        close(fd);
        return;
    }
    prepare(fd);
    prepare(to);
    struct stream *there = new_stream(fd, to);
    struct stream *back = new_stream(to, fd);
    there->other = back;
    back->other = there;
}

static void take_all(void)
{
    for (int i = 0; i < route_count; i++) {
        int fd;
        while ((fd = accept4(routes[i].listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
            take(&routes[i], fd);
    }
}

/* False: the connection broke. */
static bool receive(struct stream *stream)
{
    while (!stream->ended && stream->chunk_end - stream->chunk_begin < CHUNKS_MAX) {
        uint64_t at = stream->taken % BYTES_MAX;
        uint64_t room = BYTES_MAX - (stream->taken - stream->passed);
        if (room > BYTES_MAX - at)
            room = BYTES_MAX - at;
        if (room == 0)
            return true;
        ssize_t count = read(stream->in, stream->bytes + at, room);
        if (count < 0)
            return errno == EAGAIN || errno == EINTR;
        stream->ended = count == 0;
        stream->taken += (uint64_t)count;
        uint64_t due = now_ns() + one_way_ns + jitter();
        if (due > stream->last_due_ns)
            stream->last_due_ns = due;
        stream->chunks[stream->chunk_end++ % CHUNKS_MAX] =
                (struct chunk){stream->last_due_ns, stream->taken};
    }
    return true;
}

/* False: the connection broke, or came to its end. */
static bool pass(struct stream *stream)
{
    while (stream->chunk_begin < stream->chunk_end) {
        const struct chunk *chunk = &stream->chunks[stream->chunk_begin % CHUNKS_MAX];
        if (chunk->due_ns > now_ns())
            return true;
        uint64_t at = stream->passed % BYTES_MAX;
        uint64_t count = chunk->end - stream->passed;
        if (count > BYTES_MAX - at)
            count = BYTES_MAX - at;
        ssize_t sent = send(stream->out, stream->bytes + at, count, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        stream->passed += (uint64_t)sent;
        if (stream->passed == chunk->end)
            stream->chunk_begin++;
        if (stream->ended && stream->passed == stream->taken)
            return false;
    }
    return true;
}

static bool move(struct stream *stream)
{
    return pass(stream) && receive(stream) && pass(stream);
}

/* What is due and was not taken by the socket waits for the socket. */
static uint64_t wake(void)
{
    uint64_t wake = NEVER;
    uint64_t now = now_ns();
    for (int i = 0; i < STREAMS_MAX; i++) {
        const struct stream *stream = &streams[i];
        if (!stream->used || stream->chunk_begin == stream->chunk_end)
            continue;
        uint64_t due = stream->chunks[stream->chunk_begin % CHUNKS_MAX].due_ns;
        if (due > now && due < wake)
            wake = due;
        else if (due <= now)
            wake = now + 1000000 < wake ? now + 1000000 : wake;
    }
    return wake;
}

/* False: standard input ended. */
static bool turn(void)
{
    struct epoll_event events[EVENTS];
    uint64_t until = wake();
    uint64_t now = now_ns();
    uint64_t left = until > now ? until - now : 0;
    struct timespec timeout = {(time_t)(left / 1000000000U), (long)(left % 1000000000U)};
    int count =
            epoll_pwait2(poll_fd, events, EVENTS, until == NEVER ? NULL : &timeout, NULL);
    for (int i = 0; i < count; i++) {
        char text[64];
        if (events[i].data.fd == STDIN_FILENO &&
                read(STDIN_FILENO, text, sizeof(text)) <= 0)
            return false;
    }
    take_all();
    for (int i = 0; i < STREAMS_MAX; i++) {
        if (streams[i].used && !move(&streams[i]))
            drop(&streams[i]);
    }
    return true;
}

static uint64_t number(const char *text, uint64_t most, char end)
{
    char *rest;
    errno = 0;
    uint64_t value = strtoull(text, &rest, 10);
    if (text[0] >= '0' && text[0] <= '9' && *rest == end && errno == 0 && value <= most)
        return value;
    (void)fprintf(
            stderr, "delay: %s: not a number up to %llu\n", text, (unsigned long long)most);
    exit(2);
}

static void add_route(const char *text)
{
    const char *target = strchr(text, '=');
    struct sockaddr_in address = loopback((uint16_t)number(text, UINT16_MAX, '='));
    struct route route = {.target = (uint16_t)number(target + 1, UINT16_MAX, '\0'),
            .listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    int on = 1;
    (void)setsockopt(route.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(route.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
            listen(route.listener, 16) != 0)
        fail(text);
    watch(route.listener);
    routes[route_count++] = route;
}

int main(int count, char **arguments)
{
    if (count < 4 || count - 3 > ROUTES_MAX) {
        (void)fputs(
                "usage: delay ONE_WAY_US JITTER_US LISTEN_PORT=TARGET_PORT...\n", stderr);
        return 2;
    }
    one_way_ns = number(arguments[1], 10000000, '\0') * 1000;
    jitter_ns = number(arguments[2], 10000000, '\0') * 1000;
    prctl(PR_SET_TIMERSLACK, 1);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 3; i < count; i++)
        add_route(arguments[i]);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        fail("standard input must be a pipe");
    (void)puts("ready");
    (void)fflush(stdout);
    while (turn())
        continue;
    return 0;
}
