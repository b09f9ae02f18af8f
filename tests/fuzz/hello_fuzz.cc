/* The frames that open, turn and end a connection; the first byte says which. */
#include "mirror.h"
#include "protocol/hello.h"

namespace {

template <class message>
void walk(fuzz::mirror &mirror, void (*layout)(struct wire *, message *))
{
    message value{};
    mirror.walk(layout, value);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    fuzz::mirror mirror(data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        walk(mirror, wire_hello);
        break;
    case 1:
        walk(mirror, wire_welcome);
        break;
    case 2:
        walk(mirror, wire_refused);
        break;
    case 3:
        walk(mirror, wire_peer_welcome);
        break;
    default:
        walk(mirror, wire_leader);
        break;
    }
    return 0;
}
