/* FRAME_ADMIN, or FRAME_ADMIN_ANSWER with its rows; the first byte says which. */
#include "mirror.h"
#include "protocol/admin.h"

namespace {

/* A record may end with what is not known here: then only what is known comes back. */
bool walk_row(struct wire &in, const uint8_t *data)
{
    admin_member row{};
    size_t begin = in.at;
    wire_admin_member(&in, &row);
    if (in.failed)
        return false;
    std::vector<uint8_t> copy(in.at - begin);
    struct wire out = wire_writer(copy.data(), copy.size());
    wire_admin_member(&out, &row);
    fuzz::require(!out.failed, "what was read can be written");
    struct wire again = wire_reader(copy.data(), out.at);
    admin_member same{};
    wire_admin_member(&again, &same);
    fuzz::require(wire_complete(&again) && same.node == row.node &&
                          same.version_most == row.version_most &&
                          same.program.count == row.program.count,
            "and it is the same then");
    bool whole = out.at == copy.size();
    fuzz::require(!whole || memcmp(copy.data(), data + begin, out.at) == 0,
            "a row without more is the same bytes");
    return true;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0) {
        fuzz::mirror mirror(data + 1, size - 1);
        admin_request request{};
        mirror.walk(wire_admin_request, request);
        return 0;
    }
    fuzz::mirror mirror(data + 1, size - 1);
    admin_answer answer{};
    if (!mirror.walk(wire_admin_answer, answer))
        return 0;
    struct wire in = wire_reader(data + 1, size - 1);
    wire_admin_answer(&in, &answer);
    for (unsigned i = 0; i < answer.member_count; i++) {
        if (!walk_row(in, data + 1))
            break;
    }
    return 0;
}
