/*
 * What tests of decoders are made of: random values from a seed, and a message to bytes and
 * back through its layout function.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "protocol/settings.h"
#include "protocol/wire.h"

namespace messages {

using bytes = std::vector<unsigned char>;

/* A seeded source of values. Spans that it gives live as long as it does. */
class dice {
public:
    explicit dice(uint64_t seed)
    {
        prng_init(&prng, seed);
    }

    uint64_t below(uint64_t n)
    {
        return prng_below(&prng, n);
    }
    uint64_t between(uint64_t low, uint64_t high)
    {
        return prng_between(&prng, low, high);
    }
    bool coin()
    {
        return below(2) == 1;
    }

    /* Of all magnitudes alike, and the two ends often. */
    uint64_t number()
    {
        uint64_t pick = below(8);
        if (pick == 0)
            return 0;
        if (pick == 1)
            return UINT64_MAX;
        return prng_next(&prng) >> below(64);
    }
    uint64_t positive()
    {
        return std::max<uint64_t>(1, number());
    }
    uint32_t small()
    {
        return static_cast<uint32_t>(number());
    }
    uint8_t byte(uint64_t low, uint64_t high)
    {
        return static_cast<uint8_t>(between(low, high));
    }
    uint8_t node()
    {
        return byte(1, NODE_ID_MAX);
    }

    span text(uint32_t least, uint32_t most)
    {
        uint32_t count =
                static_cast<uint32_t>(between(least, coin() ? most : least + most / 8));
        std::string &kept = texts.emplace_back();
        for (uint32_t i = 0; i < count; i++)
            kept.push_back(static_cast<char>(below(256)));
        return {reinterpret_cast<const unsigned char *>(kept.data()), count};
    }

private:
    struct prng prng;
    std::deque<std::string> texts;
};

inline std::string_view view(span text)
{
    return {reinterpret_cast<const char *>(text.bytes), text.count};
}

inline std::string_view view(const unsigned char *begin, size_t count)
{
    return {reinterpret_cast<const char *>(begin), count};
}

/* The bytes of a message; none when its layout refuses it. */
template <class message> bytes encode(void (*walk)(struct wire *, message *), message value)
{
    struct wire measure = wire_measure();
    walk(&measure, &value);
    if (!wire_complete(&measure))
        return {};
    bytes out(measure.at);
    struct wire writer = wire_writer(out.data(), out.size());
    walk(&writer, &value);
    return wire_complete(&writer) && writer.at == out.size() ? out : bytes{};
}

/* True when the bytes are such a message and nothing else. */
template <class message>
bool decode(void (*walk)(struct wire *, message *), const bytes &in, message &value)
{
    struct wire reader = wire_reader(in.data(), in.size());
    value = {};
    walk(&reader, &value);
    return wire_complete(&reader);
}

} // namespace messages
