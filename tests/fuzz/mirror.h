/*
 * What is decoded is encoded again beside it, and must be the same bytes: then nothing was
 * read that is not in a message, and every message has one form.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "protocol/wire.h"

namespace fuzz {

inline void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

class mirror {
public:
    mirror(const uint8_t *data, size_t size)
            : in(wire_reader(data, size)), input(data), copy(size)
    {
        out = wire_writer(copy.data(), copy.size());
    }

    /* Walk one message. False when it is refused; after that there is nothing more. */
    template <class message>
    bool walk(void (*layout)(struct wire *, message *), message &value)
    {
        layout(&in, &value);
        if (in.failed)
            return false;
        struct wire measure = wire_measure();
        layout(&measure, &value);
        size_t begin = out.at;
        layout(&out, &value);
        require(!out.failed, "what was read can be written");
        require(out.at == in.at, "it has the same length");
        require(measure.at == out.at - begin, "it has the measured length");
        require(out.at == 0 || memcmp(copy.data(), input, out.at) == 0,
                "it is the same bytes");
        return true;
    }

    /*
     * The same for a message that may have more fields than are known here: written again it
     * has only those that are known, and is the same message.
     */
    template <class message>
    bool walk_known(void (*layout)(struct wire *, message *), message &value)
    {
        size_t begin = in.at;
        layout(&in, &value);
        if (in.failed)
            return false;
        std::vector<uint8_t> known(in.at - begin);
        struct wire once = wire_writer(known.data(), known.size());
        layout(&once, &value);
        require(!once.failed, "what was read can be written");
        message same{};
        struct wire again = wire_reader(known.data(), once.at);
        layout(&again, &same);
        require(wire_complete(&again), "and read again");
        std::vector<uint8_t> twice(once.at);
        struct wire rewrite = wire_writer(twice.data(), twice.size());
        layout(&rewrite, &same);
        require(!rewrite.failed && rewrite.at == once.at &&
                        (once.at == 0 || memcmp(known.data(), twice.data(), once.at) == 0),
                "it is the same message then");
        out.at = in.at;
        return true;
    }

    bool has_more() const
    {
        return !in.failed && wire_left(&in) > 0;
    }

private:
    struct wire in;
    struct wire out;
    const uint8_t *input;
    std::vector<uint8_t> copy;
};

} // namespace fuzz
