#include "io/trace.h"

#include <fcntl.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"

enum {
    ABORT_WRITES_S = 5 /* Then the process ends, whatever it still has to write. */
};

/* The only globals of io: what the handler of SIGABRT needs. */
static const struct trace *abort_trace;
static int abort_directory;

void trace_carve(struct trace *trace, struct arena *arena)
{
    ring_init(&trace->ring, TRACE_EVENTS);
    trace->rows = arena_take(arena, "trace of events", TRACE_EVENTS, sizeof *trace->rows,
            alignof(struct node_event));
}

void trace_add(struct trace *trace, const struct node_event *event)
{
    if (ring_room(&trace->ring) == 0)
        (void)ring_pop(&trace->ring);
    trace->rows[ring_push(&trace->ring)] = *event;
}

/*
 * Renders by hand: snprintf may lock or allocate, and a handler must not. A cursor that is
 * full drops the rest; lines are far shorter than TRACE_LINE_BYTES.
 */
struct text {
    char *at;
    char *end;
};

static void put_char(struct text *text, char c)
{
    if (text->at < text->end)
        *text->at++ = c;
}

static void put_word(struct text *text, const char *word)
{
    for (; *word != 0; word++)
        put_char(text, *word);
}

static void put_number(struct text *text, uint64_t value, unsigned digits_min)
{
    char digits[20];
    unsigned count = 0;
    for (; value > 0 || count < digits_min; value /= 10)
        digits[count++] = (char)('0' + value % 10);
    while (count > 0)
        put_char(text, digits[--count]);
}

static void put_field(struct text *text, const char *name, uint64_t value)
{
    put_char(text, ' ');
    put_word(text, name);
    put_char(text, '=');
    put_number(text, value, 1);
}

static void put_time(struct text *text, uint64_t ns)
{
    put_number(text, ns / NS_PER_S, 1);
    put_char(text, '.');
    put_number(text, ns % NS_PER_S, 9);
}

static const char *name_event(enum node_event_kind kind)
{
    static const char *const names[] = {
            [NODE_ACCEPTED] = "accepted",
            [NODE_CONNECTED] = "connected",
            [NODE_CONNECT_FAILED] = "connect-failed",
            [NODE_RECEIVED] = "received",
            [NODE_SENT] = "sent",
            [NODE_CLOSED] = "closed",
            [NODE_WRITTEN] = "written",
            [NODE_READ] = "read",
            [NODE_SEGMENT_READY] = "segment-ready",
            [NODE_SEGMENT_FAILED] = "segment-failed",
            [NODE_FILE_DONE] = "file-done",
            [NODE_STOP] = "stop",
            [NODE_TURN_END] = "turn-end",
    };
    return names[kind];
}

static void put_details(struct text *text, const struct node_event *event)
{
    switch (event->kind) {
    case NODE_ACCEPTED:
        put_field(text, "conn", event->conn);
        break;
    case NODE_CONNECTED:
        put_field(text, "conn", event->conn);
        put_field(text, "peer", event->peer);
        break;
    case NODE_CONNECT_FAILED:
        put_field(text, "peer", event->peer);
        break;
    case NODE_RECEIVED:
    case NODE_SENT:
        put_field(text, "conn", event->conn);
        put_field(text, "count", event->count);
        break;
    case NODE_CLOSED:
        put_field(text, "conn", event->conn);
        put_field(text, "by_other", event->by_other);
        break;
    case NODE_WRITTEN:
    case NODE_SEGMENT_READY:
    case NODE_SEGMENT_FAILED:
    case NODE_FILE_DONE:
        put_field(text, "id", event->id);
        break;
    case NODE_READ:
        put_field(text, "id", event->id);
        put_field(text, "count", event->count);
        break;
    case NODE_STOP:
        break;
    case NODE_TURN_END:
        put_field(text, "raw", event->clocks.raw_ns);
        put_field(text, "boot", event->clocks.boot_ns);
        put_field(text, "wall", event->clocks.wall_ns);
        break;
    }
}

size_t trace_text(const struct node_event *event, char *text)
{
    struct text cursor = {.at = text, .end = text + TRACE_LINE_BYTES - 1};
    put_time(&cursor, event->now_ns);
    put_char(&cursor, ' ');
    put_word(&cursor, name_event(event->kind));
    put_details(&cursor, event);
    *cursor.at++ = '\n';
    return (size_t)(cursor.at - text);
}

static void write_all(int descriptor, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written <= 0)
            return;
        bytes += written;
        count -= (size_t)written;
    }
}

void trace_write(const struct trace *trace, int descriptor, uint32_t most)
{
    uint64_t begin = trace->ring.begin;
    if (ring_count(&trace->ring) > most)
        begin = trace->ring.end - most;
    for (uint64_t at = begin; at < trace->ring.end; at++) {
        char text[TRACE_LINE_BYTES];
        size_t count = trace_text(&trace->rows[ring_at(&trace->ring, at)], text);
        write_all(descriptor, text, count);
    }
}

static void on_abort(int signal_number)
{
    /* Whoever should read standard error may not, and the disk may stand still. */
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(ABORT_WRITES_S);
    char name[32];
    struct text cursor = {.at = name, .end = name + sizeof name - 1};
    put_word(&cursor, "events-");
    put_number(&cursor, (uint64_t)getpid(), 1);
    put_word(&cursor, ".txt");
    *cursor.at = 0;

    int file =
            openat(abort_directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file >= 0)
        trace_write(abort_trace, file, TRACE_EVENTS);
    static const char said[] =
            "lockd: the last events (the full list is in events-<pid>.txt in the data directory, if it could be written):\n";
    write_all(STDERR_FILENO, said, sizeof said - 1);
    trace_write(abort_trace, STDERR_FILENO, 32);
    /*
     * The default is back (SA_RESETHAND). A watchdog's signal came from outside: returning
     * would let the process go on.
     */
    (void)raise(signal_number);
}

void trace_on_abort(const struct trace *trace, int directory)
{
    abort_trace = trace;
    abort_directory = directory;
    struct sigaction action = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGABRT, &action, NULL);
}
