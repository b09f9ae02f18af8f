/* The body of FRAME_ANSWERS. */
#include "mirror.h"
#include "protocol/answer.h"

namespace {

bool walk_section(fuzz::mirror &mirror)
{
    answer_section section{};
    if (!mirror.walk(wire_answer_section, section))
        return false;
    bool good = true;
    for (unsigned i = 0; good && i < section.answer_count; i++) {
        answer answer{};
        good = mirror.walk(wire_answer, answer);
    }
    for (unsigned i = 0; good && i < section.change_count; i++) {
        change change{};
        good = mirror.walk(wire_change, change);
    }
    return good;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz::mirror mirror(data, size);
    while (mirror.has_more() && walk_section(mirror))
        ;
    return 0;
}
