#include "floor_leader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "floor_ring.h"
#include "floor_sizes.h"
#include "floor_stream.h"
#include "tool/fail.h"

static_assert(FLOOR_BLOCK_BYTES + FLOOR_SECTIONS_AT +
                              FLOOR_INFLIGHT_MAX *
                                      (FLOOR_SECTION_LOGGED_BYTES + FLOOR_REQUEST_BYTES) <
                      FLOOR_SLOT_BYTES - FLOOR_BLOCK_BYTES,
        "a batch has room for all that clients can ask for at once");

/* Streams: first the followers, then the clients in the order in which they come. */
enum {
    CLIENTS = FLOOR_FOLLOWERS
};

/* Which streams a commit answers, and how often. */
struct due {
    uint32_t stream;
    uint32_t items;
};

struct batch {
    unsigned char *record;
    uint32_t bytes; /* So far, of the record */
    uint32_t requests;
    uint32_t votes; /* Nodes on which it is durable; for a slot without a batch: all */
    uint32_t due_count;
    struct due dues[FLOOR_INFLIGHT_MAX];
};

struct leader {
    const struct floor_settings *settings;
    struct floor_counters *counters;
    struct floor_ring ring;
    struct floor_log log;
    struct batch *batches; /* One per slot */
    uint64_t open;         /* The batch that fills; those before it are sealed. */
    uint64_t committed;    /* Those before this are committed. */
    uint64_t waiting_ns;   /* Since when the open batch could be sealed; 0: not yet */
    struct floor_stream *streams;
    uint32_t stream_count;
    uint32_t gone; /* Clients */
    uint64_t next_to_send[FLOOR_FOLLOWERS];
    uint32_t *owing; /* Streams with answers to send */
    uint32_t owing_count;
};

static struct batch *batch_at(const struct leader *leader, uint64_t number)
{
    return &leader->batches[number % FLOOR_SLOTS];
}

/* ---- Requests ---- */

/* The frame without its head, and the section as in the log, without its secret. */
static void add_frame(struct leader *leader, uint32_t stream, const unsigned char *frame)
{
    struct batch *batch = batch_at(leader, leader->open);
    uint32_t items = floor_frame_items(&floor_requests, frame);
    const unsigned char *session = frame + FRAME_HEAD_BYTES;
    const unsigned char *rest = session + sizeof(uint64_t) + SECRET_BYTES;
    uint32_t rest_bytes = (uint32_t)(frame + floor_frame_bytes(frame) - rest);
    memcpy(batch->record + batch->bytes, session, sizeof(uint64_t));
    batch->bytes += (uint32_t)sizeof(uint64_t);
    batch->record[batch->bytes++] = 0; /* Not `unproved` */
    memcpy(batch->record + batch->bytes, rest, rest_bytes);
    batch->bytes += rest_bytes;
    batch->requests += items;
    batch->dues[batch->due_count++] = (struct due){stream, items};
}

static void take_requests(struct leader *leader, const struct floor_event *event)
{
    struct floor_stream *stream = &leader->streams[event->index];
    struct floor_arrived arrived = {event->bytes, (uint32_t)event->result};
    const unsigned char *frame;
    while ((frame = floor_stream_cut(stream, &arrived)) != NULL)
        add_frame(leader, event->index, frame);
}

/* ---- Batches ---- */

static void open_batch(struct leader *leader)
{
    struct batch *batch = batch_at(leader, leader->open);
    assert(batch->votes == FLOOR_NODES);
    batch->bytes = FLOOR_SECTIONS_AT;
    batch->requests = 0;
    batch->votes = 0;
    batch->due_count = 0;
    leader->waiting_ns = 0;
}

static bool may_seal(const struct leader *leader)
{
    return batch_at(leader, leader->open)->requests > 0 &&
           leader->open - leader->committed < leader->settings->batches &&
           batch_at(leader, leader->open + 1)->votes == FLOOR_NODES;
}

/* 0: seal it now. Else how long to wait for more. */
static uint64_t linger_left(struct leader *leader)
{
    uint64_t linger_ns = leader->settings->linger_us * NS_PER_US;
    if (linger_ns == 0 ||
            batch_at(leader, leader->open)->requests == leader->settings->inflight)
        return 0;
    uint64_t now = floor_now();
    if (leader->waiting_ns == 0)
        leader->waiting_ns = now;
    uint64_t waited = now - leader->waiting_ns;
    return waited < linger_ns ? linger_ns - waited : 0;
}

static void send_batches(struct leader *leader, uint32_t follower)
{
    struct floor_stream *stream = &leader->streams[follower];
    uint64_t number = leader->next_to_send[follower];
    if (stream->sending || number == leader->open)
        return;
    const struct batch *batch = batch_at(leader, number);
    struct floor_message message = {stream->fd, batch->record - FLOOR_WIRE_BEFORE_BYTES,
            FLOOR_WIRE_BEFORE_BYTES + batch->bytes};
    floor_send(&leader->ring, &message, follower);
    stream->sending = true;
    leader->next_to_send[follower]++;
}

/* A follower has to know how long it is. Number and place make blocks differ. */
static void fill_heads(const struct batch *batch, uint64_t number, uint64_t place)
{
    unsigned char *wire = batch->record - FLOOR_WIRE_BEFORE_BYTES;
    uint32_t body_bytes = FLOOR_WIRE_BEFORE_BYTES + batch->bytes - FRAME_HEAD_BYTES;
    memcpy(wire, &body_bytes, sizeof(body_bytes));
    memcpy(batch->record, &number, sizeof(number));
    memcpy(batch->record + sizeof(number), &place, sizeof(place));
}

static void seal(struct leader *leader)
{
    uint64_t number = leader->open;
    struct batch *batch = batch_at(leader, number);
    uint32_t padded = floor_pad(batch->record, batch->bytes);
    uint64_t place = floor_log_place(&leader->log, padded);
    fill_heads(batch, number, place);
    leader->open++;
    for (uint32_t i = 0; i < FLOOR_FOLLOWERS; i++)
        send_batches(leader, i);
    struct floor_record record = {leader->log.fd, batch->record, padded, place};
    floor_write(&leader->ring, &record, (uint32_t)(number % FLOOR_SLOTS));
    open_batch(leader);
}

/* ---- Votes and answers ---- */

static void owe(struct leader *leader, const struct due *due)
{
    struct floor_stream *stream = &leader->streams[due->stream];
    stream->owed += due->items;
    if (!stream->listed)
        leader->owing[leader->owing_count++] = due->stream;
    stream->listed = true;
}

static void commit(struct leader *leader)
{
    while (leader->committed < leader->open &&
            batch_at(leader, leader->committed)->votes >= FLOOR_MAJORITY) {
        const struct batch *batch = batch_at(leader, leader->committed);
        for (uint32_t i = 0; i < batch->due_count; i++)
            owe(leader, &batch->dues[i]);
        leader->counters->batches++;
        leader->counters->requests += batch->requests;
        leader->committed++;
    }
}

static void send_answers(struct leader *leader)
{
    for (uint32_t i = 0; i < leader->owing_count; i++) {
        struct floor_stream *stream = &leader->streams[leader->owing[i]];
        stream->listed = false;
        floor_stream_flush(stream, &leader->ring, leader->owing[i]);
    }
    leader->owing_count = 0;
}

static void take_acks(struct leader *leader, const struct floor_event *event)
{
    struct floor_stream *stream = &leader->streams[event->index];
    struct floor_arrived arrived = {event->bytes, (uint32_t)event->result};
    const unsigned char *frame;
    while ((frame = floor_stream_cut(stream, &arrived)) != NULL) {
        uint64_t number;
        memcpy(&number, frame + FRAME_HEAD_BYTES, sizeof(number));
        batch_at(leader, number)->votes++;
    }
}

/* ---- Events ---- */

static void add_stream(struct leader *leader, int fd, uint32_t items)
{
    uint32_t index = leader->stream_count++;
    floor_stream_init(&leader->streams[index], fd, &floor_answers, items, index);
    floor_receive(&leader->ring, fd, index);
}

static void take_client(struct leader *leader, const struct floor_event *event)
{
    if (event->result < 0)
        floor_fatal("accept", -event->result);
    add_stream(leader, event->result, floor_share(leader->settings));
}

static void take_received(struct leader *leader, const struct floor_event *event)
{
    if (event->result == 0) {
        if (event->index < CLIENTS)
            floor_fatal("a follower is gone", 0);
        leader->gone++;
        return;
    }
    if (event->result > 0 && event->index < CLIENTS)
        take_acks(leader, event);
    else if (event->result > 0)
        take_requests(leader, event);
    else if (event->result != -ENOBUFS)
        floor_fatal("receive", -event->result);
    if (!event->more)
        floor_receive(&leader->ring, leader->streams[event->index].fd, event->index);
}

static void take_sent(struct leader *leader, const struct floor_event *event)
{
    struct floor_stream *stream = &leader->streams[event->index];
    floor_stream_sent(stream, event);
    if (event->index < CLIENTS)
        send_batches(leader, event->index);
    else if (stream->owed > 0)
        owe(leader, &(struct due){event->index, 0});
}

static void take_written(struct batch *batch, int32_t result)
{
    if (result < 0)
        floor_fatal("the leader's write", -result);
    if ((uint32_t)result < batch->bytes)
        floor_fatal("the leader's write was cut short", 0);
    batch->votes++;
}

static void take_event(struct leader *leader, const struct floor_event *event)
{
    switch (event->op) {
    case FLOOR_ACCEPT:
        take_client(leader, event);
        break;
    case FLOOR_RECEIVE:
        take_received(leader, event);
        break;
    case FLOOR_SEND:
        take_sent(leader, event);
        break;
    case FLOOR_WRITE:
        take_written(&leader->batches[event->index], event->result);
        break;
    }
}

/* All clients have come and gone, and every slot but the open one is on all three disks. */
static bool is_done(const struct leader *leader)
{
    if (leader->gone < leader->settings->connections)
        return false;
    for (uint64_t i = 1; i < FLOOR_SLOTS; i++) {
        if (batch_at(leader, leader->open + i)->votes < FLOOR_NODES)
            return false;
    }
    return true;
}

/*
 * When the one batch under way has all possible requests, only votes can come, and a single
 * vote is not worth waking up for. This too a service can only guess.
 */
static unsigned events_awaited(const struct leader *leader)
{
    const struct batch *batch = batch_at(leader, leader->committed);
    bool alone = leader->committed + 1 == leader->open;
    bool known = leader->settings->linger_us > 0;
    if (known && alone && batch->requests == leader->settings->inflight)
        return FLOOR_MAJORITY - batch->votes;
    return 1;
}

static void turn(struct leader *leader, uint64_t wait_ns)
{
    struct floor_event event;
    floor_turn(&leader->ring, events_awaited(leader), wait_ns);
    while (floor_next(&leader->ring, &event))
        take_event(leader, &event);
}

static void prepare(struct leader *leader, const struct floor_leader_input *input)
{
    uint32_t streams = CLIENTS + (uint32_t)input->settings->connections;
    unsigned char *slots = floor_slots_map();
    leader->settings = input->settings;
    leader->counters = input->counters;
    leader->log = *input->log;
    leader->batches = need(calloc(FLOOR_SLOTS, sizeof(leader->batches[0])));
    leader->streams = need(calloc(streams, sizeof(leader->streams[0])));
    leader->owing = need(calloc(streams, sizeof(leader->owing[0])));
    for (uint32_t i = 0; i < FLOOR_SLOTS; i++) {
        leader->batches[i].record = floor_slot_record(slots, i);
        leader->batches[i].votes = FLOOR_NODES;
    }
    floor_ring_open(&leader->ring, leader->counters);
    floor_ring_register(&leader->ring, slots, (uint64_t)FLOOR_SLOTS * FLOOR_SLOT_BYTES);
    floor_ring_provide(&leader->ring);
    for (uint32_t i = 0; i < FLOOR_FOLLOWERS; i++)
        add_stream(leader, floor_accept_one(&input->followers), 1);
    floor_accept(&leader->ring, input->clients.fd);
    open_batch(leader);
}

void floor_lead(const struct floor_leader_input *input)
{
    static struct leader leader;
    prepare(&leader, input);
    uint64_t wait_ns = 0;
    while (!is_done(&leader)) {
        turn(&leader, wait_ns);
        commit(&leader);
        wait_ns = may_seal(&leader) ? linger_left(&leader) : 0;
        if (may_seal(&leader) && wait_ns == 0)
            seal(&leader);
        send_answers(&leader);
    }
}
