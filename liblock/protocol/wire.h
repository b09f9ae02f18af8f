/*
 * The cursor that reads, writes or measures.
 *
 * Every message has one function that walks its fields with a cursor, and that function
 * serves all three directions, so that encoding and decoding cannot disagree and the size
 * is computed by the same code. A cursor remembers its first failure; after it, nothing
 * moves and values read are zero. So a layout function walks to the end of a message, and
 * the caller checks once.
 *
 * Invariant: at <= end. Numbers are little-endian and need no alignment. A cursor that has
 * failed has nothing left, so a field needs to check only bounds.
 */
#ifndef PROTOCOL_WIRE_H
#define PROTOCOL_WIRE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

enum wire_mode {
    WIRE_READ,
    WIRE_WRITE,
    WIRE_MEASURE, /* Nothing is touched; `at` becomes the size. */
};

struct wire {
    enum wire_mode mode;
    bool failed; /* Read past the end, wrote past the end, or a value out of its range. */
    unsigned char *bytes;
    size_t at;
    size_t end;
};

/* A run of bytes in a buffer of the caller. */
struct span {
    const unsigned char *bytes;
    uint32_t count;
};

/* The three ways to begin. A reader never writes through `bytes`. */
static inline struct wire wire_reader(const void *bytes, size_t count)
{
    struct wire wire = {WIRE_READ, false, (unsigned char *)(uintptr_t)bytes, 0, count};
    return wire;
}

static inline struct wire wire_writer(void *bytes, size_t count)
{
    struct wire wire = {WIRE_WRITE, false, (unsigned char *)bytes, 0, count};
    return wire;
}

static inline struct wire wire_measure(void)
{
    struct wire wire = {WIRE_MEASURE, false, NULL, 0, SIZE_MAX};
    return wire;
}

/*
 * Without this, compilers would call the fields of a long layout, and test the direction in
 * each.
 */
#define WIRE_INLINE static inline __attribute__((always_inline))

/* True when nothing failed and, for a reader, nothing is left over. */
static inline bool wire_complete(const struct wire *wire)
{
    return !wire->failed && (wire->mode != WIRE_READ || wire->at == wire->end);
}

/* Bytes not yet read or written. */
static inline size_t wire_left(const struct wire *wire)
{
    return wire->end - wire->at;
}

/* Nothing is left from here on, so everything that follows fails as well. */
WIRE_INLINE void wire_fail(struct wire *wire)
{
    wire->failed = true;
    wire->end = wire->at;
}

/* Fail unless `holds`: for ranges that only the message's function knows. */
WIRE_INLINE void wire_require(struct wire *wire, bool holds)
{
    if (!holds)
        wire_fail(wire);
}

/*
 * Pass `count` bytes; false if there are fewer. All fields go through here: only this
 * function moves the cursor and knows bounds.
 */
WIRE_INLINE bool wire_pass(struct wire *wire, size_t count)
{
    if (wire->end - wire->at < count) {
        wire_fail(wire);
        return false;
    }
    wire->at += count;
    return true;
}

/* Where the bytes are that were just passed, unless the cursor only measures. */
WIRE_INLINE unsigned char *wire_passed(const struct wire *wire, size_t count)
{
    return wire->bytes + (wire->at - count);
}

WIRE_INLINE void wire_u8(struct wire *wire, uint8_t *value)
{
    bool there = wire_pass(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = there ? *wire_passed(wire, sizeof(*value)) : 0;
    else if (there && wire->mode == WIRE_WRITE)
        *wire_passed(wire, sizeof(*value)) = *value;
}

/*
 * Numbers are put together from bytes, so that neither alignment nor the order of the
 * machine matters; compilers make one load or store of it where they can.
 */
WIRE_INLINE uint16_t wire_get_u16(const unsigned char *b)
{
    return (uint16_t)((unsigned)b[0] | (unsigned)b[1] << 8);
}

WIRE_INLINE void wire_put_u16(unsigned char *b, uint16_t value)
{
    b[0] = (unsigned char)value;
    b[1] = (unsigned char)(value >> 8);
}

WIRE_INLINE uint32_t wire_get_u32(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

WIRE_INLINE void wire_put_u32(unsigned char *b, uint32_t value)
{
    b[0] = (unsigned char)value;
    b[1] = (unsigned char)(value >> 8);
    b[2] = (unsigned char)(value >> 16);
    b[3] = (unsigned char)(value >> 24);
}

WIRE_INLINE uint64_t wire_get_u64(const unsigned char *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
           (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 |
           (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

WIRE_INLINE void wire_put_u64(unsigned char *b, uint64_t value)
{
    b[0] = (unsigned char)value;
    b[1] = (unsigned char)(value >> 8);
    b[2] = (unsigned char)(value >> 16);
    b[3] = (unsigned char)(value >> 24);
    b[4] = (unsigned char)(value >> 32);
    b[5] = (unsigned char)(value >> 40);
    b[6] = (unsigned char)(value >> 48);
    b[7] = (unsigned char)(value >> 56);
}

WIRE_INLINE void wire_u16(struct wire *wire, uint16_t *value)
{
    bool there = wire_pass(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = there ? wire_get_u16(wire_passed(wire, sizeof(*value))) : 0;
    else if (there && wire->mode == WIRE_WRITE)
        wire_put_u16(wire_passed(wire, sizeof(*value)), *value);
}

WIRE_INLINE void wire_u32(struct wire *wire, uint32_t *value)
{
    bool there = wire_pass(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = there ? wire_get_u32(wire_passed(wire, sizeof(*value))) : 0;
    else if (there && wire->mode == WIRE_WRITE)
        wire_put_u32(wire_passed(wire, sizeof(*value)), *value);
}

WIRE_INLINE void wire_u64(struct wire *wire, uint64_t *value)
{
    bool there = wire_pass(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = there ? wire_get_u64(wire_passed(wire, sizeof(*value))) : 0;
    else if (there && wire->mode == WIRE_WRITE)
        wire_put_u64(wire_passed(wire, sizeof(*value)), *value);
}

/* One byte; anything but 0 and 1 fails. */
WIRE_INLINE void wire_bool(struct wire *wire, bool *value)
{
    uint8_t byte = wire->mode == WIRE_READ ? 0 : *value;
    wire_u8(wire, &byte);
    wire_require(wire, byte <= 1);
    if (wire->mode == WIRE_READ)
        *value = byte == 1;
}

/* `count` bytes as they are. */
WIRE_INLINE void wire_fixed(struct wire *wire, void *bytes, size_t count)
{
    if (count == 0)
        return;
    bool there = wire_pass(wire, count);
    if (wire->mode == WIRE_READ && there)
        memcpy(bytes, wire_passed(wire, count), count);
    else if (wire->mode == WIRE_READ)
        memset(bytes, 0, count);
    else if (there && wire->mode == WIRE_WRITE)
        memcpy(wire_passed(wire, count), bytes, count);
}

/*
 * A length of two bytes and that many bytes; more than `most` fails. When read, the span
 * points into the cursor's buffer and is valid as long as that.
 */
WIRE_INLINE void wire_span(struct wire *wire, struct span *span, uint32_t most)
{
    assert(most <= UINT16_MAX);
    if (wire->mode != WIRE_READ)
        wire_require(wire, span->count <= most);
    uint16_t count = wire->mode == WIRE_READ ? 0 : (uint16_t)span->count;
    wire_u16(wire, &count);
    wire_require(wire, count <= most);
    bool there = wire_pass(wire, count) && !wire->failed;
    if (wire->mode == WIRE_READ) {
        span->bytes = there ? wire_passed(wire, count) : NULL;
        span->count = there ? count : 0;
    } else if (there && wire->mode == WIRE_WRITE && count > 0) {
        memcpy(wire_passed(wire, count), span->bytes, count);
    }
}

/*
 * A record: its length in two bytes, then its fields. A later version adds fields at the end
 * of a record: a reader that does not know them passes over them. A reader that knows more
 * fields than the writer wrote asks wire_has_more() first, and takes those that are missing
 * for zero.
 */
struct wire_record {
    size_t begin;
    size_t outer_end;
};

static inline struct wire_record wire_record_begin(struct wire *wire)
{
    uint16_t count = 0;
    wire_u16(wire, &count);
    struct wire_record record = {wire->at, wire->end};
    if (wire->mode != WIRE_READ)
        return record;
    wire_require(wire, count <= wire_left(wire));
    if (!wire->failed)
        wire->end = wire->at + count;
    return record;
}

static inline void wire_record_end(struct wire *wire, const struct wire_record *record)
{
    if (wire->mode != WIRE_READ)
        wire_require(wire, wire->at - record->begin <= UINT16_MAX);
    if (wire->failed)
        return;
    if (wire->mode == WIRE_WRITE)
        wire_put_u16(wire->bytes + record->begin - sizeof(uint16_t),
                (uint16_t)(wire->at - record->begin));
    if (wire->mode == WIRE_READ) {
        wire->at = wire->end;
        wire->end = record->outer_end;
    }
}

/* False: the writer wrote no more fields than those before. */
static inline bool wire_has_more(const struct wire *wire)
{
    return wire->mode != WIRE_READ || wire->at < wire->end;
}

/*
 * For the layouts that every command passes, several times on each node. Such a layout is
 * written once, as a walk, and compiled twice: for reading, and for the rest. It walks with
 * a copy of the cursor, which then stays in registers.
 */
#define WIRE_WALK WIRE_INLINE void

WIRE_INLINE struct wire wire_as(const struct wire *wire, enum wire_mode mode)
{
    struct wire copy = {mode, wire->failed, wire->bytes, wire->at, wire->end};
    return copy;
}

#ifdef __cplusplus
}
#endif

#endif
