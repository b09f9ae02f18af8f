/*
 * The cursor that reads, writes or measures.
 *
 * Every message has one function that walks its fields with a cursor, and that function
 * serves all three directions, so that encoding and decoding cannot disagree and the size
 * is computed by the same code. A cursor remembers its first failure; after it, nothing
 * moves and values read are zero. So a message is walked to its end and checked once.
 *
 * Invariant: at <= end. Numbers are little-endian and need no alignment.
 */
#ifndef PROTOCOL_WIRE_H
#define PROTOCOL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* A run of bytes inside somebody else's buffer. */
struct span {
    const unsigned char *bytes;
    uint32_t count;
};

/* The three ways to begin. A reader never writes through `bytes`. */
struct wire wire_reader(const void *bytes, size_t count);
struct wire wire_writer(void *bytes, size_t count);
struct wire wire_measure(void);

void wire_u8(struct wire *wire, uint8_t *value);
void wire_u16(struct wire *wire, uint16_t *value);
void wire_u32(struct wire *wire, uint32_t *value);
void wire_u64(struct wire *wire, uint64_t *value);
void wire_bool(struct wire *wire, bool *value); /* One byte; anything but 0 and 1 fails. */

/* `count` bytes as they are. */
void wire_fixed(struct wire *wire, void *bytes, size_t count);

/*
 * A length of two bytes and that many bytes; more than `most` fails. When read, the span
 * points into the cursor's buffer and lives as long as that.
 */
void wire_span(struct wire *wire, struct span *span, uint32_t most);

/* Fail unless `holds`: for ranges that only the message's function knows. */
void wire_require(struct wire *wire, bool holds);

/* True when nothing failed and, for a reader, nothing is left over. */
bool wire_complete(const struct wire *wire);

/* Bytes not yet read or written. */
size_t wire_left(const struct wire *wire);

#ifdef __cplusplus
}
#endif

#endif
