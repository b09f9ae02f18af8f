/*
 * One connection, seen from either end. It cuts what arrives into frames, and has one send
 * under way at a time, with everything that is to be sent.
 *
 * A frame begins with the length of its body, as lockd's do (protocol/frame.h). A frame
 * that arrived whole is handed out where it lies. Only a frame that arrived in parts is put
 * together, in the stream's memory.
 *
 * What is sent is the same each time; only its length differs. So a stream's frame to send
 * is filled in once, with its greatest length, and a send only writes the length and the
 * count into its head. Only the kernel copies bytes.
 */
#ifndef BENCH_FLOOR_STREAM_H
#define BENCH_FLOOR_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "floor_ring.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How one kind of frame is made: a head, and a number of equal items. */
struct floor_shape {
    uint32_t head_bytes; /* The frame's head and the section's */
    uint32_t count_at;   /* Where the section has the number of items, u16 */
    uint32_t item_bytes;
};

extern const struct floor_shape floor_requests;
extern const struct floor_shape floor_answers;

struct floor_stream {
    int fd;
    struct floor_shape shape; /* Of what is sent */
    unsigned char *frame;     /* It */
    uint32_t owed;            /* Items to send */
    bool sending;
    bool listed;         /* Among those that have something to send (owner's list) */
    unsigned char *part; /* Of a frame that has not arrived whole */
    uint32_t part_bytes;
};

/*
 * `items`: the most that are sent at once, or received. `seed` makes the content of streams
 * differ.
 */
void floor_stream_init(struct floor_stream *stream, int fd, const struct floor_shape *shape,
        uint32_t items, unsigned seed);

/* Send what is owed, unless a send is under way; the event has `index`. */
void floor_stream_flush(
        struct floor_stream *stream, struct floor_ring *ring, uint32_t index);

/* That send is done, in full. */
void floor_stream_sent(struct floor_stream *stream, const struct floor_event *event);

/* Bytes to cut into frames, as they arrived. */
struct floor_arrived {
    const unsigned char *bytes;
    uint32_t count;
};

/*
 * The next whole frame, valid until the call after; NULL when the rest is kept for later.
 */
const unsigned char *floor_stream_cut(
        struct floor_stream *stream, struct floor_arrived *arrived);

/* How long a frame is: its head says. */
uint32_t floor_frame_bytes(const unsigned char *frame);

/* How many items a frame of that shape has. */
uint32_t floor_frame_items(const struct floor_shape *shape, const unsigned char *frame);

#ifdef __cplusplus
}
#endif

#endif
