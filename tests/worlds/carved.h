/* Memory for the containers under test. */
#ifndef TESTS_WORLDS_CARVED_H
#define TESTS_WORLDS_CARVED_H

#include <memory>

#include "base/arena.h"

/* A zeroed arena of some size, for as long as the object lives. */
class carved {
public:
    explicit carved(size_t bytes)
            : memory(new page[(bytes + sizeof(page) - 1) / sizeof(page)]())
    {
        arena_init(&arena, memory.get(), bytes);
    }

    struct arena arena;

private:
    struct alignas(4096) page {
        unsigned char bytes[4096];
    };
    std::unique_ptr<page[]> memory;
};

#endif
