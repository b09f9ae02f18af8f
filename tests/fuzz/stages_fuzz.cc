/* The body of FRAME_STAGES_ANSWER: rows of buckets, and sums, as many as its head says. */
#include "mirror.h"
#include "protocol/node_status.h"
#include "protocol/stage.h"

namespace {

bool walk_row(fuzz::mirror &mirror)
{
    stage_row row{};
    uint16_t count = 0;
    bool good = mirror.walk(wire_stage_row, row) && mirror.walk(wire_bucket_count, count);
    for (unsigned i = 0; good && i < count; i++) {
        node_status_bucket bucket{};
        good = mirror.walk(wire_bucket, bucket);
    }
    return good;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz::mirror mirror(data, size);
    stages_head head{};
    bool good = mirror.walk(wire_stages_head, head);
    for (unsigned i = 0; good && i < head.rows; i++)
        good = walk_row(mirror);
    for (unsigned i = 0; good && i < head.sums; i++) {
        stage_value value{};
        good = mirror.walk(wire_stage_value, value);
    }
    return 0;
}
