/*
 * Cuts a stream into frames. The reader's buffer holds [consumed, held): the bytes of a
 * frame that has not arrived whole. When bytes are received straight into the buffer, some
 * whole frames come before such a part. The input follows these bytes in the stream.
 *
 * No byte is moved twice: only what its first frame lacks goes into the buffer, and a part
 * is moved to the buffer's start only once, after the frames before it were taken.
 */
#include "protocol/frame.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/mark.h"
#include "protocol/wire.h"

/* The first half of a head; the sum's seed is made of the same bytes. */
enum {
    SEED_BYTES = 8
};

struct frame_head {
    uint32_t body_bytes;
    uint16_t kind;
    uint8_t version;
    uint8_t zero;
    uint64_t sum;
};

static void walk_head(struct wire *wire, struct frame_head *head)
{
    wire_u32(wire, &head->body_bytes);
    wire_u16(wire, &head->kind);
    wire_u8(wire, &head->version);
    wire_u8(wire, &head->zero);
    wire_u64(wire, &head->sum);
}

/* The head at `bytes` with its seed as a number. */
static struct frame_head read_head(const unsigned char *bytes, uint64_t *seed)
{
    struct frame_head head;
    struct wire wire = wire_reader(bytes, FRAME_HEAD_BYTES);
    walk_head(&wire, &head);
    struct wire again = wire_reader(bytes, SEED_BYTES);
    wire_u64(&again, seed);
    assert(wire_complete(&wire) && wire_complete(&again));
    return head;
}

static uint64_t sum_body(
        const unsigned char *body, uint16_t kind, uint32_t count, uint64_t seed)
{
    bool whole = kind != FRAME_PEER_APPEND || count < PEER_APPEND_HEAD_BYTES;
    return hash_bytes(body, whole ? count : PEER_APPEND_HEAD_BYTES, seed);
}

static bool is_kind(uint16_t kind)
{
    return (kind >= FRAME_HELLO && kind <= FRAME_BACKUP_ANSWER) ||
           (kind >= FRAME_PEER_VOTE && kind <= FRAME_PEER_MEMBERS) ||
           (kind >= FRAME_SKIPPED_FIRST && kind <= FRAME_SKIPPED_LAST);
}

void frame_reader_init(struct frame_reader *reader, void *buffer, size_t buffer_bytes)
{
    assert(buffer_bytes >= FRAME_HEAD_BYTES);
    *reader = (struct frame_reader){.buffer = buffer, .buffer_bytes = buffer_bytes};
}

/* Move the part of a frame that the buffer holds to the buffer's start. */
static void compact(struct frame_reader *reader)
{
    if (reader->consumed == 0)
        return;
    size_t part = reader->held - reader->consumed;
    if (part > 0) {
        MARK(frame_part_moved);
        memmove(reader->buffer, reader->buffer + reader->consumed, part);
    }
    reader->held = part;
    reader->consumed = 0;
}

unsigned char *frame_reader_space(struct frame_reader *reader, size_t *room)
{
    assert(reader->input_bytes == 0);
    compact(reader);
    *room = reader->buffer_bytes - reader->held;
    assert(*room > 0);
    return reader->buffer + reader->held;
}

void frame_reader_feed(struct frame_reader *reader, const void *bytes, size_t count)
{
    assert(reader->input_bytes == 0);
    if (reader->fault != FRAME_FAULT_NONE)
        return;
    if (bytes == reader->buffer + reader->held) {
        assert(count <= reader->buffer_bytes - reader->held);
        reader->held += count;
        return;
    }
    reader->input = bytes;
    reader->input_bytes = count;
}

/* Nothing is read after a fault: the rest is dropped. */
static bool fail(struct frame_reader *reader, enum frame_fault fault)
{
    MARK(frame_fault);
    reader->fault = fault;
    reader->held = 0;
    reader->consumed = 0;
    reader->input_bytes = 0;
    return false;
}

/*
 * Move input into the buffer until `wanted` bytes of its frame are there; false: too few.
 */
static bool fill(struct frame_reader *reader, size_t wanted)
{
    size_t part = reader->held - reader->consumed;
    if (part >= wanted)
        return true;
    size_t count = wanted - part;
    if (count > reader->input_bytes)
        count = reader->input_bytes;
    if (count == 0)
        return false;
    if (reader->buffer_bytes - reader->held < count)
        compact(reader);
    memcpy(reader->buffer + reader->held, reader->input, count);
    reader->held += count;
    reader->input += count;
    reader->input_bytes -= count;
    return part + count == wanted;
}

static enum frame_fault judge_head(const struct frame_head *head, size_t buffer_bytes)
{
    if (head->version != FRAME_VERSION)
        return FRAME_FAULT_VERSION;
    if (head->zero != 0 || !is_kind(head->kind))
        return FRAME_FAULT_KIND;
    if (head->body_bytes > buffer_bytes - FRAME_HEAD_BYTES)
        return FRAME_FAULT_LENGTH;
    return FRAME_FAULT_NONE;
}

bool frame_reader_next(struct frame_reader *reader, struct frame *frame)
{
    if (reader->fault != FRAME_FAULT_NONE)
        return false;
    if (reader->consumed == reader->held) {
        reader->consumed = 0;
        reader->held = 0;
    }

    bool in_place = reader->held == 0 && reader->input_bytes >= FRAME_HEAD_BYTES;
    if (!in_place && !fill(reader, FRAME_HEAD_BYTES))
        return false;
    uint64_t seed;
    const unsigned char *bytes =
            in_place ? reader->input : reader->buffer + reader->consumed;
    struct frame_head head = read_head(bytes, &seed);
    enum frame_fault fault = judge_head(&head, reader->buffer_bytes);
    if (fault != FRAME_FAULT_NONE)
        return fail(reader, fault);

    size_t whole = FRAME_HEAD_BYTES + (size_t)head.body_bytes;
    in_place = in_place && reader->input_bytes >= whole;
    if (!in_place && !fill(reader, whole))
        return false;
    /* Compute it again: filling may have moved the part, or taken it out of the input. */
    bytes = in_place ? reader->input : reader->buffer + reader->consumed;
    const unsigned char *body = bytes + FRAME_HEAD_BYTES;
    if (sum_body(body, head.kind, head.body_bytes, seed) != head.sum)
        return fail(reader, FRAME_FAULT_SUM);

    if (in_place) {
        reader->input += whole;
        reader->input_bytes -= whole;
    } else {
        reader->consumed += whole;
    }
    *frame = (struct frame){.kind = (enum frame_kind)head.kind,
            .body = body,
            .body_bytes = head.body_bytes};
    return true;
}

void frame_seal(unsigned char *head, enum frame_kind kind, uint32_t body_bytes)
{
    struct frame_head fields = {
            .body_bytes = body_bytes, .kind = (uint16_t)kind, .version = FRAME_VERSION};
    assert(is_kind(fields.kind));
    struct wire wire = wire_writer(head, FRAME_HEAD_BYTES);
    walk_head(&wire, &fields);
    uint64_t seed;
    read_head(head, &seed);
    fields.sum = sum_body(head + FRAME_HEAD_BYTES, fields.kind, body_bytes, seed);
    wire = wire_writer(head, FRAME_HEAD_BYTES);
    walk_head(&wire, &fields);
    assert(wire_complete(&wire));
}
