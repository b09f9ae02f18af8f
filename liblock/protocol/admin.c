/* Layouts of an operator's requests and their answers. */
#include "protocol/admin.h"

static bool is_node(uint8_t node)
{
    return node >= 1 && node <= NODE_ID_MAX;
}

void wire_admin_request(struct wire *wire, struct admin_request *request)
{
    wire_u8(wire, &request->kind);
    wire_u8(wire, &request->node);
    wire_u32(wire, &request->flags);
    wire_u64(wire, &request->number);
    wire_span(wire, &request->text, ADDRESS_BYTES_MAX);
    wire_require(wire, request->node <= NODE_ID_MAX);
}

void wire_admin_answer(struct wire *wire, struct admin_answer *answer)
{
    wire_u8(wire, &answer->kind);
    wire_u8(wire, &answer->result);
    wire_u8(wire, &answer->node);
    wire_u8(wire, &answer->leader);
    wire_span(wire, &answer->leader_address, ADDRESS_BYTES_MAX);
    wire_span(wire, &answer->sentence, ADMIN_SENTENCE_BYTES_MAX);
    wire_u16(wire, &answer->version);
    wire_u16(wire, &answer->version_next);
    wire_u64(wire, &answer->upgrade_after_ns);
    wire_u64(wire, &answer->upgrade_waited_ns);
    wire_u8(wire, &answer->member_count);
    wire_require(wire, answer->result <= ADMIN_UNDER_WAY && is_node(answer->node));
    wire_require(wire, answer->leader <= NODE_ID_MAX);
    wire_require(wire, answer->leader != 0 || answer->leader_address.count == 0);
}

void wire_admin_member(struct wire *wire, struct admin_member *member)
{
    struct wire_record record = wire_record_begin(wire);
    wire_u8(wire, &member->node);
    wire_u8(wire, &member->role);
    wire_bool(wire, &member->connected);
    wire_u64(wire, &member->incarnation);
    wire_u64(wire, &member->match);
    wire_u64(wire, &member->heard_ns);
    wire_u16(wire, &member->version_least);
    wire_u16(wire, &member->version_most);
    wire_span(wire, &member->address, ADDRESS_BYTES_MAX);
    wire_span(wire, &member->program, ADMIN_PROGRAM_BYTES_MAX);
    wire_require(wire, is_node(member->node));
    wire_record_end(wire, &record);
}
