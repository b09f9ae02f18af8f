/* The body of FRAME_REQUESTS. */
#include "mirror.h"
#include "protocol/request.h"

namespace {

bool walk_section(fuzz::mirror &mirror)
{
    section section{};
    if (!mirror.walk(wire_section, section))
        return false;
    for (unsigned i = 0; i < section.count; i++) {
        request request{};
        if (!mirror.walk(wire_request, request))
            return false;
        fuzz::require(
                request.name.count <= NAME_BYTES_MAX, "a name is no longer than that");
    }
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz::mirror mirror(data, size);
    while (mirror.has_more() && walk_section(mirror))
        ;
    return 0;
}
