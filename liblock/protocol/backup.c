#include "protocol/backup.h"

void wire_backup_request(struct wire *wire, struct backup_request *request)
{
    wire_u64(wire, &request->index);
    wire_u64(wire, &request->offset);
}

void wire_backup_answer(struct wire *wire, struct backup_answer *answer)
{
    wire_u8(wire, &answer->result);
    wire_u8(wire, &answer->node);
    wire_u64(wire, &answer->index);
    wire_u64(wire, &answer->bytes);
    wire_u64(wire, &answer->offset);
    wire_span(wire, &answer->piece, BACKUP_PIECE_BYTES);
}
