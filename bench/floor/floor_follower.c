#include "floor_follower.h"

#include <string.h>

#include "floor_net.h"
#include "floor_ring.h"
#include "floor_sizes.h"
#include "floor_stream.h"

struct follower {
    struct floor_ring ring;
    struct floor_log log;
    int leader;
    unsigned char *slots;
    uint64_t batch; /* Which is being received */
    uint32_t held;  /* This many bytes of it, or more, have arrived. */
    unsigned char acks[FLOOR_SLOTS][FLOOR_ACK_BYTES];
};

/* Where a batch begins, as received. */
static unsigned char *wire_begin(const struct follower *follower, uint64_t batch)
{
    return floor_slot_record(follower->slots, batch) - FLOOR_WIRE_BEFORE_BYTES;
}

static unsigned char *receiving(const struct follower *follower)
{
    return wire_begin(follower, follower->batch);
}

static void receive_more(struct follower *follower)
{
    uint32_t room = FLOOR_SLOT_BYTES - FLOOR_BLOCK_BYTES + FLOOR_WIRE_BEFORE_BYTES;
    floor_receive_into(&follower->ring, follower->leader,
            receiving(follower) + follower->held, room - follower->held);
}

/* An acknowledgement says which batch is durable; lockd's has the index in that place. */
static struct floor_message fill_ack(struct follower *follower)
{
    unsigned char *ack = follower->acks[follower->batch % FLOOR_SLOTS];
    uint32_t body_bytes = FLOOR_ACK_BYTES - FRAME_HEAD_BYTES;
    memcpy(ack, &body_bytes, sizeof(body_bytes));
    memcpy(ack + FRAME_HEAD_BYTES, &follower->batch, sizeof(follower->batch));
    return (struct floor_message){follower->leader, ack, FLOOR_ACK_BYTES};
}

static void make_durable(struct follower *follower, uint32_t wire_bytes)
{
    unsigned char *bytes = floor_slot_record(follower->slots, follower->batch);
    uint32_t padded = floor_pad(bytes, wire_bytes - FLOOR_WIRE_BEFORE_BYTES);
    struct floor_record record = {
            follower->log.fd, bytes, padded, floor_log_place(&follower->log, padded)};
    struct floor_message ack = fill_ack(follower);
    floor_write_then_send(&follower->ring, &record, &ack);
}

/* The batch under way has arrived completely: its length in `*bytes`. */
static bool is_whole(const struct follower *follower, uint32_t *bytes)
{
    if (follower->held < FRAME_HEAD_BYTES)
        return false;
    *bytes = floor_frame_bytes(receiving(follower));
    return follower->held >= *bytes;
}

/*
 * With several batches under way a receive may bring the start of the next one: that is
 * moved to its own slot. With one under way there is nothing to move.
 */
static void take_batches(struct follower *follower)
{
    uint32_t bytes;
    while (is_whole(follower, &bytes)) {
        uint32_t rest_bytes = follower->held - bytes;
        memcpy(wire_begin(follower, follower->batch + 1), receiving(follower) + bytes,
                rest_bytes);
        make_durable(follower, bytes);
        follower->batch++;
        follower->held = rest_bytes;
    }
}

/* False: the leader has closed the connection. */
static bool take_event(struct follower *follower, const struct floor_event *event)
{
    if (event->op == FLOOR_WRITE)
        floor_fatal("a follower's write, or its acknowledgement", -event->result);
    if (event->result < 0)
        floor_fatal("a follower's receive", -event->result);
    follower->held += (uint32_t)event->result;
    take_batches(follower);
    return event->result > 0;
}

void floor_follow(
        struct floor_counters *counters, const struct floor_log *log, uint16_t port)
{
    static struct follower follower;
    struct floor_event event;
    bool open = true;
    follower.log = *log;
    follower.leader = floor_connect(port);
    follower.slots = floor_slots_map();
    floor_ring_open(&follower.ring, counters);
    floor_ring_register(
            &follower.ring, follower.slots, (uint64_t)FLOOR_SLOTS * FLOOR_SLOT_BYTES);
    while (open) {
        receive_more(&follower);
        floor_turn(&follower.ring, 1, 0);
        while (open && floor_next(&follower.ring, &event))
            open = take_event(&follower, &event);
    }
}
