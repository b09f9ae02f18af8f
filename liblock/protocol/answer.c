/*
 * Layouts of what the leader answers. They check the node's answers: a grant has a token,
 * and nothing else has one.
 */
#include "protocol/answer.h"

#include "protocol/request.h"
#include "protocol/status.h"

WIRE_WALK walk_answer_section(struct wire *wire, struct answer_section *section)
{
    wire_u64(wire, &section->session);
    wire_u64(wire, &section->applied);
    wire_u64(wire, &section->deadline);
    wire_u64(wire, &section->change);
    wire_u16(wire, &section->answer_count);
    wire_u16(wire, &section->change_count);
    wire_bool(wire, &section->listed);
    wire_bool(wire, &section->more);
    if (section->session == 0)
        wire_require(wire, section->change_count == 0 && !section->listed);
    wire_require(wire, section->listed || !section->more);
}

void wire_answer_section(struct wire *wire, struct answer_section *section)
{
    struct wire copy = wire_as(wire, wire->mode);
    if (wire->mode == WIRE_READ) {
        copy = wire_as(wire, WIRE_READ);
        walk_answer_section(&copy, section);
    } else {
        walk_answer_section(&copy, section);
    }
    *wire = copy;
}

/* STATUS_UNKNOWN is what a client reports without an answer. */
static bool is_status(uint8_t status)
{
    if (status == STATUS_UNKNOWN)
        return false;
    return status <= STATUS_VERSION || status == STATUS_QUEUED ||
           status == STATUS_NOT_LEADER;
}

static bool detail_fits(uint8_t status, uint8_t detail)
{
    if (status == STATUS_LOST)
        return detail >= LOST_EXPIRED && detail <= LOST_UNKNOWN;
    if (status == STATUS_LIMIT)
        return detail >= LIMIT_SESSIONS && detail <= LIMIT_LAST;
    return detail == 0;
}

WIRE_WALK walk_answer(struct wire *wire, struct answer *answer)
{
    wire_u8(wire, &answer->kind);
    wire_u8(wire, &answer->status);
    wire_u8(wire, &answer->detail);
    wire_u64(wire, &answer->number);
    wire_u64(wire, &answer->token);
    wire_u32(wire, &answer->count);
    wire_require(wire, answer->kind >= REQUEST_OPEN && answer->kind <= REQUEST_RELEASE);
    wire_require(wire, is_status(answer->status));
    wire_require(wire, detail_fits(answer->status, answer->detail));
    bool granted = answer->kind == REQUEST_ACQUIRE && answer->status == STATUS_OK;
    wire_require(wire, granted == (answer->token != 0));
    wire_require(wire, answer->status != STATUS_QUEUED || answer->kind == REQUEST_ACQUIRE);
}

void wire_answer(struct wire *wire, struct answer *answer)
{
    struct wire copy = wire_as(wire, wire->mode);
    if (wire->mode == WIRE_READ) {
        copy = wire_as(wire, WIRE_READ);
        walk_answer(&copy, answer);
    } else {
        walk_answer(&copy, answer);
    }
    *wire = copy;
}

void wire_change(struct wire *wire, struct change *change)
{
    wire_u8(wire, &change->kind);
    wire_u8(wire, &change->status);
    wire_u64(wire, &change->change);
    wire_u64(wire, &change->number);
    wire_u64(wire, &change->token);
    wire_require(wire, change->kind >= CHANGE_GRANTED && change->kind <= CHANGE_WAITS);
    bool listed = change->kind == CHANGE_HOLDS || change->kind == CHANGE_WAITS;
    wire_require(wire, listed == (change->change == 0));
    bool failed = change->kind == CHANGE_FAILED;
    wire_require(wire, failed == (change->status != STATUS_OK));
    wire_require(wire, is_status(change->status) && change->status < STATUS_WIRE);
    bool held = !failed && change->kind != CHANGE_WAITS;
    wire_require(wire, held == (change->token != 0));
    wire_require(wire, change->number > 0 || change->kind == CHANGE_ENDED);
}
