/*
 * A head that is written last.
 *
 * A frame and a section begin with a head that says what follows: how long it is, how many
 * answers or requests it has. That is known only when the last of them is written. So room
 * is left for the head, what follows is written after that room, and the head comes last:
 *
 *     size_t end = late_head_leave(&head, output_end, SECTION_BYTES); ... write from `end`
 *     on, count ... struct wire wire = late_head_write(&head, output); wire_section(&wire,
 *     &section); late_head_done(&wire);
 *
 * Offsets are kept and not pointers: the buffer may be moved meanwhile, with `at` adjusted.
 *
 * Invariant: while it is open, [at, at + bytes) lies in the buffer and holds nothing yet.
 */
#ifndef PROTOCOL_LATE_HEAD_H
#define PROTOCOL_LATE_HEAD_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct late_head {
    bool open;    /* Room is left, and the head is not written yet. */
    size_t at;    /* Where it will be in the buffer */
    size_t bytes; /* How long it will be */
};

/* Leave room for `bytes` of head at `at`. Returns where what follows it begins. */
static inline size_t late_head_leave(struct late_head *head, size_t at, size_t bytes)
{
    assert(!head->open && bytes > 0);
    head->open = true;
    head->at = at;
    head->bytes = bytes;
    return at + bytes;
}

/* Write the head now, with this cursor over exactly its room. */
static inline struct wire late_head_write(struct late_head *head, unsigned char *buffer)
{
    assert(head->open);
    head->open = false;
    return wire_writer(buffer + head->at, head->bytes);
}

/* It filled its room, neither more nor less. */
static inline void late_head_done(const struct wire *wire)
{
    assert(!wire->failed && wire->at == wire->end);
}

/* How much follows the head, in a buffer that is filled up to `end`. */
static inline size_t late_head_behind(const struct late_head *head, size_t end)
{
    assert(head->open && end >= head->at + head->bytes);
    return end - head->at - head->bytes;
}

/* The head is that of a frame whose body ends at `end`: write it, with the body's sum. */
static inline void late_head_seal_frame(
        struct late_head *head, unsigned char *buffer, size_t end, enum frame_kind kind)
{
    assert(head->bytes == FRAME_HEAD_BYTES);
    frame_seal(buffer + head->at, kind, (uint32_t)late_head_behind(head, end));
    head->open = false;
}

#ifdef __cplusplus
}
#endif

#endif
