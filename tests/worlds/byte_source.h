/* Numbers of all magnitudes and pieces of text, from the few bytes that a fuzzer gives. */
#ifndef TESTS_WORLDS_BYTE_SOURCE_H
#define TESTS_WORLDS_BYTE_SOURCE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

class byte_source {
public:
    byte_source(const uint8_t *data, size_t size) : at(data), end(data + size) {}

    bool has_more() const
    {
        return at < end;
    }

    uint8_t byte()
    {
        return at < end ? *at++ : 0;
    }

    /* 0 to 63, or a power of two, or one below it. */
    uint64_t number()
    {
        uint8_t raw = byte();
        if (raw < 128)
            return raw % 64;
        uint64_t power = uint64_t{1} << (raw % 64);
        return raw < 192 ? power : power - 1;
    }

    std::vector<unsigned char> some(size_t most = SIZE_MAX)
    {
        size_t count = std::min({size_t{byte()}, most, static_cast<size_t>(end - at)});
        std::vector<unsigned char> taken(at, at + count);
        at += count;
        return taken;
    }

private:
    const uint8_t *at;
    const uint8_t *end;
};

#endif
