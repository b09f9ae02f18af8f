/*
 * What operators ask and are answered: FRAME_ADMIN, FRAME_ADMIN_ANSWER with its rows,
 * FRAME_BACKUP, FRAME_BACKUP_ANSWER; the first byte says which.
 */
#include "mirror.h"
#include "protocol/admin.h"
#include "protocol/backup.h"

namespace {

void walk_answer(fuzz::mirror &mirror)
{
    admin_answer answer{};
    bool good = mirror.walk(wire_admin_answer, answer);
    for (unsigned i = 0; good && i < answer.member_count; i++) {
        admin_member row{};
        good = mirror.walk_known(wire_admin_member, row);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    fuzz::mirror mirror(data + 1, size - 1);
    admin_request request{};
    backup_request backup{};
    backup_answer piece{};
    switch (data[0] % 4) {
    case 0:
        mirror.walk(wire_admin_request, request);
        break;
    case 1:
        walk_answer(mirror);
        break;
    case 2:
        mirror.walk(wire_backup_request, backup);
        break;
    default:
        mirror.walk(wire_backup_answer, piece);
        break;
    }
    return 0;
}
