#include "base/arena.h"

#include <assert.h>

void arena_init(struct arena *arena, void *memory, size_t bytes)
{
    *arena = (struct arena){
            .memory = memory,
            .bytes = memory == NULL ? SIZE_MAX : bytes,
    };
}

void *arena_take(struct arena *arena, const char *name, size_t count, size_t item_bytes,
        size_t align)
{
    assert(!arena->sealed);
    assert(arena->row_count < ARENA_ROW_MAX);
    assert(align > 0 && (align & (align - 1)) == 0);
    assert(item_bytes == 0 || count <= SIZE_MAX / item_bytes);

    size_t wanted = count * item_bytes;
    size_t padding = (align - arena->used_bytes % align) % align;
    size_t room = arena->bytes - arena->used_bytes;
    assert(padding <= room);
    assert(wanted <= room - padding);

    size_t begin = arena->used_bytes + padding;
    arena->used_bytes = begin + wanted;
    arena->rows[arena->row_count++] =
            (struct arena_row){.name = name, .count = count, .item_bytes = item_bytes};
    if (arena->memory == NULL)
        return NULL;
    assert((uintptr_t)arena->memory % align == 0);
    return arena->memory + begin;
}

void arena_seal(struct arena *arena)
{
    assert(!arena->sealed);
    arena->sealed = true;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}

const struct arena_row *arena_rows(const struct arena *arena, uint32_t *count)
{
    *count = arena->row_count;
    return arena->rows;
}
