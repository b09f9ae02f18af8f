#include "floor_load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "floor_net.h"
#include "floor_ring.h"
#include "floor_stream.h"
#include "tool/fail.h"

/* Requests of one connection that are under way, oldest first: when each was sent. */
struct asked {
    uint64_t *sent_ns;
    uint32_t first;
    uint32_t count;
};

struct load {
    struct floor_ring ring;
    struct floor_shared *shared;
    struct floor_counters *counters;
    uint32_t connections;
    uint32_t share; /* The most that `asked` can hold */
    struct floor_stream *streams;
    struct asked *asked;
    uint32_t *free; /* Streams that have requests to send */
    uint32_t free_count;
    uint64_t under_way;
    uint64_t now_ns; /* Of this turn */
};

static void note_answer(struct load *load, struct asked *asked)
{
    uint64_t sent_ns = asked->sent_ns[asked->first];
    const struct floor_shared *shared = load->shared;
    asked->first = asked->first + 1 == load->share ? 0 : asked->first + 1;
    asked->count--;
    load->counters->requests +=
            shared->begin_ns <= load->now_ns && load->now_ns < shared->end_ns;
    if (shared->begin_ns <= sent_ns && sent_ns < shared->end_ns)
        histogram_add(&load->shared->latency, load->now_ns - sent_ns);
}

static void list_free(struct load *load, uint32_t index)
{
    if (load->streams[index].listed)
        return;
    load->streams[index].listed = true;
    load->free[load->free_count++] = index;
}

/* A request that was answered begins again, until the span is over. */
static void take_answers(struct load *load, const struct floor_event *event)
{
    struct floor_stream *stream = &load->streams[event->index];
    struct floor_arrived arrived = {event->bytes, (uint32_t)event->result};
    const unsigned char *frame;
    while ((frame = floor_stream_cut(stream, &arrived)) != NULL) {
        uint32_t items = floor_frame_items(&floor_answers, frame);
        for (uint32_t i = 0; i < items; i++)
            note_answer(load, &load->asked[event->index]);
        load->under_way -= items;
        stream->owed += items;
        list_free(load, event->index);
    }
}

static void send_requests(struct load *load, uint32_t index)
{
    struct floor_stream *stream = &load->streams[index];
    struct asked *asked = &load->asked[index];
    stream->listed = false;
    if (stream->sending)
        return;
    for (uint32_t i = 0; i < stream->owed; i++) {
        asked->sent_ns[(asked->first + asked->count) % load->share] = load->now_ns;
        asked->count++;
    }
    load->under_way += stream->owed;
    floor_stream_flush(stream, &load->ring, index);
}

static void send_all(struct load *load)
{
    for (uint32_t i = 0; i < load->free_count; i++)
        send_requests(load, load->free[i]);
    load->free_count = 0;
}

static void take_event(struct load *load, const struct floor_event *event)
{
    struct floor_stream *stream = &load->streams[event->index];
    if (event->op == FLOOR_SEND) {
        floor_stream_sent(stream, event);
        if (stream->owed > 0)
            list_free(load, event->index);
        return;
    }
    if (event->result == 0 || (event->result < 0 && event->result != -ENOBUFS))
        floor_fatal("the leader is gone", -event->result);
    if (event->result > 0)
        take_answers(load, event);
    if (!event->more)
        floor_receive(&load->ring, stream->fd, event->index);
}

static void turn(struct load *load)
{
    struct floor_event event;
    floor_turn(&load->ring, 1, 0);
    load->now_ns = floor_now();
    while (floor_next(&load->ring, &event))
        take_event(load, &event);
}

static void connect_all(struct load *load, const struct floor_load_input *input)
{
    const struct floor_settings *settings = input->settings;
    load->streams = need(calloc(load->connections, sizeof(load->streams[0])));
    load->asked = need(calloc(load->connections, sizeof(load->asked[0])));
    load->free = need(calloc(load->connections, sizeof(load->free[0])));
    floor_ring_open(&load->ring, load->counters);
    floor_ring_provide(&load->ring);
    for (uint32_t i = 0; i < load->connections; i++) {
        int fd = floor_connect(input->port);
        floor_stream_init(&load->streams[i], fd, &floor_requests, load->share, i);
        load->asked[i].sent_ns = need(calloc(load->share, sizeof(uint64_t)));
        load->streams[i].owed = (uint32_t)(settings->inflight / load->connections +
                                           (i < settings->inflight % load->connections));
        list_free(load, i);
        floor_receive(&load->ring, fd, i);
    }
}

static void choose_span(struct load *load, const struct floor_load_input *input)
{
    load->now_ns = floor_now();
    load->shared->begin_ns = load->now_ns + input->settings->warmup_ns;
    load->shared->end_ns = load->shared->begin_ns + input->settings->time_ns;
    if (write(input->started, "", 1) != 1)
        floor_fatal("telling that the load runs", errno);
}

void floor_load(const struct floor_load_input *input)
{
    static struct load load;
    load.shared = input->shared;
    load.counters = &input->shared->counters[FLOOR_LOAD];
    load.connections = (uint32_t)input->settings->connections;
    load.share = floor_share(input->settings);
    connect_all(&load, input);
    choose_span(&load, input);
    while (load.now_ns < load.shared->end_ns) {
        send_all(&load);
        turn(&load);
    }
    while (load.under_way > 0)
        turn(&load);
}
