/* Layouts of Raft's messages. All begin with the same fields: kind, from, to, term. */
#include "protocol/peer.h"

#include <assert.h>

#include "protocol/settings.h"

/* kind, from, to, term; previous; commit, round, served_ns, echo_ns, begin, end */
enum {
    APPEND_FIELD_BYTES = 11 + 16 + 48
};

enum frame_kind peer_frame_kind(enum peer_kind kind)
{
    assert(kind >= PEER_VOTE && kind <= PEER_READ_ANSWER);
    return (enum frame_kind)(FRAME_PEER_VOTE + (kind - PEER_VOTE));
}

static bool is_node(uint8_t node)
{
    return node >= 1 && node <= NODE_ID_MAX;
}

WIRE_WALK walk_id(struct wire *wire, struct entry_id *id)
{
    wire_u64(wire, &id->term);
    wire_u64(wire, &id->index);
}

/* The id of an entry, or {0, 0}: the place before the first. */
WIRE_WALK walk_place(struct wire *wire, struct entry_id *id)
{
    walk_id(wire, id);
    wire_require(wire, (id->term == 0) == (id->index == 0));
}

WIRE_WALK walk_state(struct wire *wire, uint8_t *state)
{
    wire_u8(wire, state);
    wire_require(wire, *state <= PEER_STATE_DAMAGED);
}

WIRE_WALK walk_vote(struct wire *wire, struct peer_message *message)
{
    wire_bool(wire, &message->pre);
    wire_bool(wire, &message->transfer);
    wire_bool(wire, &message->bootstrap);
    walk_place(wire, &message->last);
}

WIRE_WALK walk_vote_answer(struct wire *wire, struct peer_message *message)
{
    wire_bool(wire, &message->pre);
    wire_bool(wire, &message->granted);
    walk_state(wire, &message->state);
}

WIRE_WALK walk_append(struct wire *wire, struct peer_message *message)
{
    walk_place(wire, &message->previous);
    wire_u64(wire, &message->commit);
    wire_u64(wire, &message->round);
    wire_u64(wire, &message->served_ns);
    wire_u64(wire, &message->echo_ns);
    wire_u64(wire, &message->begin);
    wire_u64(wire, &message->end);
    wire_require(wire, message->begin <= message->end);
    if (message->begin < message->end)
        wire_require(wire, message->begin == message->previous.index + 1);
    /* Room for what a later version says. */
    for (int i = APPEND_FIELD_BYTES; i < PEER_APPEND_HEAD_BYTES; i++) {
        uint8_t spare = 0;
        wire_u8(wire, &spare);
    }
}

WIRE_WALK walk_append_answer(struct wire *wire, struct peer_message *message)
{
    wire_bool(wire, &message->accepted);
    wire_u64(wire, &message->match);
    walk_id(wire, &message->hint);
    wire_u64(wire, &message->round);
    wire_u64(wire, &message->stamp_ns);
    wire_bool(wire, &message->clock_suspect);
    walk_state(wire, &message->state);
    wire_u8(wire, &message->fitness);
    wire_require(wire, message->fitness <= PEER_CANNOT_WRITE);
    wire_u64(wire, &message->applied);
    /* Said only by those who do: earlier versions end before it. */
    bool says = wire->mode == WIRE_READ ? wire_left(wire) > 0 : message->yields;
    if (says)
        wire_bool(wire, &message->yields);
}

WIRE_WALK walk_read_answer(struct wire *wire, struct peer_message *message)
{
    wire_u64(wire, &message->context);
    wire_bool(wire, &message->granted);
    wire_u64(wire, &message->index);
}

WIRE_WALK walk_fields(struct wire *wire, struct peer_message *message)
{
    switch (message->kind) {
    case PEER_VOTE:
        walk_vote(wire, message);
        break;
    case PEER_VOTE_ANSWER:
        walk_vote_answer(wire, message);
        break;
    case PEER_APPEND:
        walk_append(wire, message);
        break;
    case PEER_APPEND_ANSWER:
        walk_append_answer(wire, message);
        break;
    case PEER_TIMEOUT_NOW:
        break;
    case PEER_READ:
        wire_u64(wire, &message->context);
        break;
    case PEER_READ_ANSWER:
        walk_read_answer(wire, message);
        break;
    }
}

WIRE_WALK walk_message(struct wire *wire, struct peer_message *message)
{
    uint8_t kind = wire->mode == WIRE_READ ? 0 : (uint8_t)message->kind;
    if (wire->mode == WIRE_READ)
        *message = (struct peer_message){.kind = PEER_TIMEOUT_NOW};
    wire_u8(wire, &kind);
    wire_u8(wire, &message->from);
    wire_u8(wire, &message->to);
    wire_u64(wire, &message->term);
    wire_require(wire, kind >= PEER_VOTE && kind <= PEER_READ_ANSWER);
    wire_require(wire, is_node(message->from) && is_node(message->to));
    wire_require(wire, message->from != message->to);
    if (wire->failed)
        return;
    message->kind = (enum peer_kind)kind;
    walk_fields(wire, message);
}

void wire_peer_message(struct wire *wire, struct peer_message *message)
{
    struct wire copy = wire_as(wire, wire->mode);
    if (wire->mode == WIRE_READ) {
        copy = wire_as(wire, WIRE_READ);
        walk_message(&copy, message);
    } else {
        walk_message(&copy, message);
    }
    *wire = copy;
}
