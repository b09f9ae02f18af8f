/* Layouts of a snapshot's pieces and of their answers. */
#include "protocol/peer_snapshot.h"

static void walk_id(struct wire *wire, struct entry_id *id)
{
    wire_u64(wire, &id->term);
    wire_u64(wire, &id->index);
    wire_require(wire, id->term != 0 && id->index != 0);
}

void wire_peer_snapshot(struct wire *wire, struct peer_snapshot *piece)
{
    wire_u64(wire, &piece->term);
    walk_id(wire, &piece->last);
    wire_u64(wire, &piece->last_sum);
    wire_u64(wire, &piece->file_bytes);
    wire_u64(wire, &piece->offset);
    wire_u32(wire, &piece->count);
    wire_require(wire, piece->term >= piece->last.term);
    wire_require(wire, piece->count > 0 && piece->offset < piece->file_bytes);
    wire_require(wire, piece->count <= piece->file_bytes - piece->offset);
}

void peer_snapshot_content(struct wire *wire, struct peer_snapshot *piece)
{
    bool there = wire_pass(wire, piece->count) && !wire->failed;
    piece->content = (struct span){0};
    if (there)
        piece->content = (struct span){wire_passed(wire, piece->count), piece->count};
}

void wire_peer_snapshot_answer(struct wire *wire, struct peer_snapshot_answer *answer)
{
    wire_u64(wire, &answer->term);
    walk_id(wire, &answer->last);
    wire_u64(wire, &answer->offset);
    wire_u8(wire, &answer->wish);
    wire_require(wire, answer->wish <= PEER_SNAPSHOT_LATER);
}
