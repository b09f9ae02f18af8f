#include "floor_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "floor_sizes.h"
#include "tool/fail.h"

const struct floor_shape floor_requests = {
        FLOOR_REQUESTS_HEAD_BYTES, FLOOR_REQUESTS_HEAD_BYTES - 2, FLOOR_REQUEST_BYTES};
const struct floor_shape floor_answers = {
        FLOOR_ANSWERS_HEAD_BYTES, FRAME_HEAD_BYTES + 32, FLOOR_ANSWER_BYTES};

uint32_t floor_frame_bytes(const unsigned char *frame)
{
    uint32_t body_bytes;
    memcpy(&body_bytes, frame, sizeof(body_bytes));
    return FRAME_HEAD_BYTES + body_bytes;
}

uint32_t floor_frame_items(const struct floor_shape *shape, const unsigned char *frame)
{
    uint16_t count;
    memcpy(&count, frame + shape->count_at, sizeof(count));
    return count;
}

static uint32_t frame_max(const struct floor_shape *shape, uint32_t items)
{
    return shape->head_bytes + items * shape->item_bytes;
}

void floor_stream_init(struct floor_stream *stream, int fd, const struct floor_shape *shape,
        uint32_t items, unsigned seed)
{
    uint32_t requests = frame_max(&floor_requests, items);
    uint32_t answers = frame_max(&floor_answers, items);
    *stream = (struct floor_stream){
            .fd = fd,
            .shape = *shape,
            .frame = need(malloc(frame_max(shape, items))),
            .part = need(malloc(requests > answers ? requests : answers)),
    };
    for (uint32_t i = 0; i < frame_max(shape, items); i++)
        stream->frame[i] = (unsigned char)(seed + i / shape->item_bytes);
}

void floor_stream_flush(
        struct floor_stream *stream, struct floor_ring *ring, uint32_t index)
{
    if (stream->sending || stream->owed == 0)
        return;
    const struct floor_shape *shape = &stream->shape;
    uint16_t items = (uint16_t)stream->owed;
    uint32_t bytes = frame_max(shape, stream->owed);
    uint32_t body_bytes = bytes - FRAME_HEAD_BYTES;
    memcpy(stream->frame, &body_bytes, sizeof(body_bytes));
    memcpy(stream->frame + shape->count_at, &items, sizeof(items));
    struct floor_message message = {stream->fd, stream->frame, bytes};
    floor_send(ring, &message, index);
    stream->owed = 0;
    stream->sending = true;
}

void floor_stream_sent(struct floor_stream *stream, const struct floor_event *event)
{
    if (event->result < 0)
        floor_fatal("send", -event->result);
    stream->sending = false;
}

/* Put more of a frame together; true when it is whole. */
static bool complete_part(struct floor_stream *stream, struct floor_arrived *arrived)
{
    for (;;) {
        bool known = stream->part_bytes >= FRAME_HEAD_BYTES;
        uint32_t whole = known ? floor_frame_bytes(stream->part) : FRAME_HEAD_BYTES;
        uint32_t lacking = whole - stream->part_bytes;
        uint32_t count = lacking < arrived->count ? lacking : arrived->count;
        if (known && lacking == 0)
            return true;
        if (count == 0)
            return false;
        memcpy(stream->part + stream->part_bytes, arrived->bytes, count);
        stream->part_bytes += count;
        arrived->bytes += count;
        arrived->count -= count;
    }
}

const unsigned char *floor_stream_cut(
        struct floor_stream *stream, struct floor_arrived *arrived)
{
    const unsigned char *frame = arrived->bytes;
    bool whole = stream->part_bytes == 0 && arrived->count >= FRAME_HEAD_BYTES &&
                 arrived->count >= floor_frame_bytes(frame);
    if (whole) {
        arrived->bytes += floor_frame_bytes(frame);
        arrived->count -= floor_frame_bytes(frame);
        return frame;
    }
    if (!complete_part(stream, arrived))
        return NULL;
    stream->part_bytes = 0;
    return stream->part;
}
