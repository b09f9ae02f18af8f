/* FRAME_ADMIN, or FRAME_ADMIN_ANSWER with its rows; the first byte says which. */
#include "mirror.h"
#include "protocol/admin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    fuzz::mirror mirror(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        admin_request request{};
        mirror.walk(wire_admin_request, request);
        return 0;
    }
    admin_answer answer{};
    bool good = mirror.walk(wire_admin_answer, answer);
    for (unsigned i = 0; good && i < answer.member_count; i++) {
        admin_member row{};
        good = mirror.walk_known(wire_admin_member, row);
    }
    return 0;
}
