/*
 * The frame reader, against itself: the same stream is cut in two different ways, copied in
 * one reader and received straight into the other, and both must hear the same.
 *
 * The first byte is a seed for the cuts, the second the longest body. The third says whether
 * the rest is the stream, or a recipe for one of sealed frames, of which random bytes would
 * not make any: kind, length, fill, and where to flip a bit.
 */
#include <string>

#include "base/prng.h"
#include "mirror.h"
#include "protocol/frame.h"

namespace {

using bytes = std::vector<unsigned char>;

struct heard {
    int kind;
    std::string body;
    bool operator==(const heard &) const = default;
};

struct hearing {
    std::vector<heard> frames;
    frame_fault fault;
};

void take_all(frame_reader &reader, hearing &hearing)
{
    struct frame frame;
    while (frame_reader_next(&reader, &frame)) {
        const char *body = reinterpret_cast<const char *>(frame.body);
        hearing.frames.push_back({frame.kind, std::string(body, frame.body_bytes)});
    }
}

hearing hear(const bytes &stream, size_t buffer_bytes, prng &prng, bool straight)
{
    bytes buffer(buffer_bytes);
    frame_reader reader;
    frame_reader_init(&reader, buffer.data(), buffer.size());
    hearing hearing{};
    for (size_t at = 0; at < stream.size();) {
        uint64_t most = uint64_t{1} << prng_below(&prng, 10);
        size_t count = std::min<size_t>(prng_between(&prng, 1, most), stream.size() - at);
        if (straight) {
            size_t room = 0;
            unsigned char *space = frame_reader_space(&reader, &room);
            fuzz::require(room > 0, "there is room");
            count = std::min(count, room);
            memcpy(space, &stream[at], count);
            frame_reader_feed(&reader, space, count);
            take_all(reader, hearing);
        } else {
            const bytes piece(stream.begin() + static_cast<ptrdiff_t>(at),
                    stream.begin() + static_cast<ptrdiff_t>(at + count));
            frame_reader_feed(&reader, piece.data(), piece.size());
            take_all(reader, hearing);
        }
        at += count;
    }
    hearing.fault = reader.fault;
    return hearing;
}

/* Four bytes make a frame. */
bytes cook(const uint8_t *recipe, size_t size)
{
    static const frame_kind kinds[] = {
            FRAME_HELLO, FRAME_REQUESTS, FRAME_STATUS, FRAME_PEER_VOTE, FRAME_PEER_APPEND};
    bytes stream;
    for (size_t at = 0; at + 4 <= size; at += 4) {
        bytes frame(FRAME_HEAD_BYTES + recipe[at + 1], recipe[at + 2]);
        frame_seal(frame.data(), kinds[recipe[at] % std::size(kinds)], recipe[at + 1]);
        if (recipe[at + 3] != 0)
            frame[recipe[at + 3] % frame.size()] ^= 1;
        stream.insert(stream.end(), frame.begin(), frame.end());
    }
    return stream;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct prng prng;
    prng_init(&prng, data[0]);
    size_t buffer_bytes = FRAME_HEAD_BYTES + data[1];
    bytes stream(data + 3, data + size);
    if (data[2] % 2 == 1)
        stream = cook(data + 3, size - 3);
    hearing copied = hear(stream, buffer_bytes, prng, false);
    hearing straight = hear(stream, buffer_bytes, prng, true);
    fuzz::require(copied.frames == straight.frames, "both hear the same frames");
    fuzz::require(copied.fault == straight.fault, "and the same fault");
    for (const heard &heard : copied.frames)
        fuzz::require(heard.body.size() <= data[1], "no frame is longer than the bound");
    return 0;
}
