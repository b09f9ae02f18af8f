/* Bodies of peers' frames: a message, and behind an append its entries. */
#include "mirror.h"
#include "protocol/entry.h"
#include "protocol/peer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz::mirror mirror(data, size);
    peer_message message{};
    if (!mirror.walk_known(wire_peer_message, message) || message.kind != PEER_APPEND)
        return 0;
    size_t at = PEER_APPEND_HEAD_BYTES;
    entry_head head{};
    while (entry_decode(data + at, size - at, &head)) {
        at += entry_bytes(&head);
        fuzz::require(at <= size, "an entry ends where the frame ends, or before");
    }
    return 0;
}
