/* Writes the lines of the log from a thread of its own: see log_writer.h. */
#include "ops/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Writes a line, however long that takes. False: it cannot be written. */
static bool write_line(int descriptor, const char *line, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(descriptor, line, bytes);
        if (written > 0) {
            line += written;
            bytes -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            struct pollfd writable = {.fd = descriptor, .events = POLLOUT};
            (void)poll(&writable, 1, -1);
        } else if (written == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static size_t waiting(const struct log_writer *writer)
{
    return writer->end - writer->begin;
}

static char *place(struct log_writer *writer, size_t at)
{
    return &writer->lines[at % LOG_WRITER_BYTES];
}

/* The oldest line, up to its end; the bytes of it. The mutex is held. */
static size_t take_line(struct log_writer *writer, char *line)
{
    size_t bytes = 0;
    while (waiting(writer) > 0 && bytes < LOG_LINE_BYTES_MAX) {
        line[bytes] = *place(writer, writer->begin++);
        if (line[bytes++] == '\n')
            break;
    }
    return bytes;
}

/* What is to be written next; 0: nothing. The mutex is held. */
static size_t next_line(struct log_writer *writer, char *line)
{
    if (waiting(writer) > 0)
        return take_line(writer, line);
    uint64_t untold = writer->untold;
    writer->untold = 0;
    return untold > 0 ? writer->describe_dropped(writer->context, line, untold) : 0;
}

static void count_dropped(struct log_writer *writer)
{
    writer->untold++;
    (void)__atomic_add_fetch(&writer->dropped, 1, __ATOMIC_RELAXED);
}

static void *run(void *argument)
{
    struct log_writer *writer = argument;
    char line[LOG_LINE_BYTES_MAX];
    (void)pthread_mutex_lock(&writer->mutex);
    for (;;) {
        size_t bytes = next_line(writer, line);
        writer->writing = bytes > 0;
        if (bytes == 0) {
            (void)pthread_cond_broadcast(&writer->idle);
            (void)pthread_cond_wait(&writer->wanted, &writer->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&writer->mutex);
        bool written = write_line(writer->descriptor, line, bytes);
        (void)pthread_mutex_lock(&writer->mutex);
        if (!written)
            (void)__atomic_add_fetch(&writer->dropped, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* The thread takes no signals: the loop handles them. */
static bool start_thread(struct log_writer *writer)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, run, writer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 && pthread_detach(thread) == 0;
}

bool log_writer_start(struct log_writer *writer, int descriptor,
        size_t (*describe_dropped)(const void *context, char *line, uint64_t count),
        const void *context)
{
    *writer = (struct log_writer){.descriptor = descriptor,
            .describe_dropped = describe_dropped,
            .context = context};
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&writer->mutex, NULL);
    (void)pthread_cond_init(&writer->wanted, NULL);
    (void)pthread_cond_init(&writer->idle, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    writer->running = start_thread(writer);
    return writer->running;
}

/* Without the thread: only if nobody has to wait. */
static void put_now(struct log_writer *writer, const char *line, size_t bytes)
{
    struct pollfd writable = {.fd = writer->descriptor, .events = POLLOUT};
    bool ready = poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT) != 0;
    if (!ready || write(writer->descriptor, line, bytes) != (ssize_t)bytes)
        count_dropped(writer);
}

void log_writer_put(struct log_writer *writer, const char *line, size_t bytes)
{
    if (!writer->running) {
        put_now(writer, line, bytes);
        return;
    }
    (void)pthread_mutex_lock(&writer->mutex);
    if (writer->untold > 0 || bytes > LOG_WRITER_BYTES - waiting(writer)) {
        count_dropped(writer);
    } else {
        for (size_t i = 0; i < bytes; i++)
            *place(writer, writer->end++) = line[i];
    }
    (void)pthread_cond_signal(&writer->wanted);
    (void)pthread_mutex_unlock(&writer->mutex);
}

void log_writer_flush(struct log_writer *writer, uint32_t wait_ms)
{
    if (!writer->running)
        return;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    (void)pthread_mutex_lock(&writer->mutex);
    int failed = 0;
    while (failed == 0 && (waiting(writer) > 0 || writer->untold > 0 || writer->writing))
        failed = pthread_cond_timedwait(&writer->idle, &writer->mutex, &until);
    (void)pthread_mutex_unlock(&writer->mutex);
}

uint64_t log_writer_dropped(struct log_writer *writer)
{
    return __atomic_load_n(&writer->dropped, __ATOMIC_RELAXED);
}
