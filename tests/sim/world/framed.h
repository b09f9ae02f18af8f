/* A whole frame with one message, as those say it who speak to nodes without the library. */
#ifndef SIM_FRAMED_H
#define SIM_FRAMED_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/wire.h"

namespace sim {

template <class Message>
std::vector<uint8_t> framed(
        enum frame_kind kind, void (*layout)(struct wire *, Message *), Message message)
{
    constexpr size_t body_most = 16 * KIB;
    std::vector<uint8_t> frame(FRAME_HEAD_BYTES + body_most);
    struct wire wire = wire_writer(frame.data() + FRAME_HEAD_BYTES, body_most);
    layout(&wire, &message);
    frame.resize(FRAME_HEAD_BYTES + wire.at);
    frame_seal(frame.data(), kind, static_cast<uint32_t>(wire.at));
    return frame;
}

} // namespace sim

#endif
