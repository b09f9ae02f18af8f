/*
 * How a cursor begins and ends. What it passes is inline: wire.h.
 */
#include "protocol/wire.h"

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

bool wire_complete(const struct wire *wire)
{
    if (wire->failed)
        return false;
    return wire->mode != WIRE_READ || wire->at == wire->end;
}
