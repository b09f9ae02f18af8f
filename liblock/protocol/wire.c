/*
 * The cursor. Everything goes through step(), which alone moves it and alone knows bounds.
 */
#include "protocol/wire.h"

#include <assert.h>
#include <string.h>

struct wire wire_reader(const void *bytes, size_t count)
{
    /* One cursor serves both directions; in WIRE_READ nothing writes through `bytes`. */
    unsigned char *inner = (unsigned char *)(uintptr_t)bytes;
    return (struct wire){.mode = WIRE_READ, .bytes = inner, .end = count};
}

struct wire wire_writer(void *bytes, size_t count)
{
    return (struct wire){.mode = WIRE_WRITE, .bytes = bytes, .end = count};
}

struct wire wire_measure(void)
{
    return (struct wire){.mode = WIRE_MEASURE, .end = SIZE_MAX};
}

/* Pass `count` bytes. Where they stand, or NULL when there is nothing to read or write. */
static unsigned char *step(struct wire *wire, size_t count)
{
    assert(wire->at <= wire->end);
    if (wire->failed)
        return NULL;
    if (wire->end - wire->at < count) {
        wire->failed = true;
        return NULL;
    }
    size_t at = wire->at;
    wire->at += count;
    return wire->mode == WIRE_MEASURE ? NULL : wire->bytes + at;
}

void wire_u8(struct wire *wire, uint8_t *value)
{
    unsigned char *bytes = step(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = bytes == NULL ? 0 : bytes[0];
    else if (bytes != NULL)
        bytes[0] = *value;
}

/*
 * Numbers are put together from bytes, so that neither alignment nor the order of the
 * machine matters; compilers make one load or store of it where they can.
 */
void wire_u16(struct wire *wire, uint16_t *value)
{
    unsigned char *b = step(wire, sizeof(*value));
    if (wire->mode == WIRE_READ) {
        *value = b == NULL ? 0 : (uint16_t)((unsigned)b[0] | (unsigned)b[1] << 8);
    } else if (b != NULL) {
        b[0] = (unsigned char)*value;
        b[1] = (unsigned char)(*value >> 8);
    }
}

static uint32_t get_u32(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

static void put_u32(unsigned char *b, uint32_t value)
{
    b[0] = (unsigned char)value;
    b[1] = (unsigned char)(value >> 8);
    b[2] = (unsigned char)(value >> 16);
    b[3] = (unsigned char)(value >> 24);
}

void wire_u32(struct wire *wire, uint32_t *value)
{
    unsigned char *bytes = step(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = bytes == NULL ? 0 : get_u32(bytes);
    else if (bytes != NULL)
        put_u32(bytes, *value);
}

static uint64_t get_u64(const unsigned char *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
           (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 |
           (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

static void put_u64(unsigned char *b, uint64_t value)
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

void wire_u64(struct wire *wire, uint64_t *value)
{
    unsigned char *bytes = step(wire, sizeof(*value));
    if (wire->mode == WIRE_READ)
        *value = bytes == NULL ? 0 : get_u64(bytes);
    else if (bytes != NULL)
        put_u64(bytes, *value);
}

void wire_bool(struct wire *wire, bool *value)
{
    uint8_t byte = wire->mode == WIRE_READ ? 0 : *value;
    wire_u8(wire, &byte);
    wire_require(wire, byte <= 1);
    if (wire->mode == WIRE_READ)
        *value = byte == 1;
}

void wire_fixed(struct wire *wire, void *bytes, size_t count)
{
    if (count == 0)
        return;
    unsigned char *place = step(wire, count);
    if (wire->mode == WIRE_READ) {
        if (place == NULL)
            memset(bytes, 0, count);
        else
            memcpy(bytes, place, count);
    } else if (place != NULL) {
        memcpy(place, bytes, count);
    }
}

void wire_span(struct wire *wire, struct span *span, uint32_t most)
{
    assert(most <= UINT16_MAX);
    if (wire->mode != WIRE_READ)
        wire_require(wire, span->count <= most);
    uint16_t count = wire->mode == WIRE_READ ? 0 : (uint16_t)span->count;
    wire_u16(wire, &count);
    wire_require(wire, count <= most);
    unsigned char *place = step(wire, count);
    if (wire->mode == WIRE_READ)
        *span = (struct span){.bytes = place, .count = place == NULL ? 0 : count};
    else if (place != NULL && count > 0)
        memcpy(place, span->bytes, count);
}

void wire_require(struct wire *wire, bool holds)
{
    if (!holds)
        wire->failed = true;
}

bool wire_complete(const struct wire *wire)
{
    if (wire->failed)
        return false;
    return wire->mode != WIRE_READ || wire->at == wire->end;
}

size_t wire_left(const struct wire *wire)
{
    return wire->end - wire->at;
}
