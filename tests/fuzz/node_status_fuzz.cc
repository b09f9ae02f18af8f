/* The body of FRAME_STATUS_ANSWER: a status and two rows of buckets. */
#include "mirror.h"
#include "protocol/node_status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz::mirror mirror(data, size);
    node_status status{};
    if (!mirror.walk(wire_node_status, status))
        return 0;
    for (int row = 0; row < 2; row++) {
        uint16_t count = 0;
        bool good = mirror.walk(wire_bucket_count, count);
        for (unsigned i = 0; good && i < count; i++) {
            node_status_bucket bucket{};
            good = mirror.walk(wire_bucket, bucket);
        }
        if (!good)
            break;
    }
    return 0;
}
