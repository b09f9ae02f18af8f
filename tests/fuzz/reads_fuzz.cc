/* The bodies of FRAME_READ and FRAME_READ_ANSWER; the first byte says which. */
#include "mirror.h"
#include "protocol/read.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    fuzz::mirror mirror(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        struct read read {};
        mirror.walk(wire_read, read);
        return 0;
    }
    read_answer answer{};
    if (!mirror.walk(wire_read_answer, answer))
        return 0;
    for (unsigned i = 0; i < answer.count; i++) {
        lock_view view{};
        if (!mirror.walk(wire_lock_view, view))
            break;
    }
    return 0;
}
