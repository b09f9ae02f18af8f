/*
 * Layouts of reads and what they show.
 */
#include "protocol/read.h"

#include "protocol/request.h"
#include "protocol/status.h"

void wire_read(struct wire *wire, struct read *read)
{
    if (wire->mode == WIRE_READ)
        *read = (struct read){0};
    wire_u8(wire, &read->kind);
    wire_bool(wire, &read->stale);
    wire_u64(wire, &read->stamp);
    if (read->kind == READ_LOCK) {
        wire_span(wire, &read->name, NAME_BYTES_MAX);
        wire_u64(wire, &read->asker);
        wire_require(wire, read->name.count > 0);
    } else {
        wire_require(wire, read->kind == READ_LIST);
        wire_u16(wire, &read->limit);
        wire_u64(wire, &read->cursor);
        wire_span(wire, &read->prefix, NAME_BYTES_MAX);
        wire_require(wire, read->limit >= 1 && read->limit <= LIST_LOCKS_MAX);
    }
}

static bool is_read_status(uint8_t status)
{
    return status == STATUS_OK || status == STATUS_BUSY || status == STATUS_NOT_LEADER ||
           status == STATUS_INVALID;
}

void wire_read_answer(struct wire *wire, struct read_answer *answer)
{
    wire_u64(wire, &answer->stamp);
    wire_u8(wire, &answer->status);
    wire_u64(wire, &answer->index);
    wire_u64(wire, &answer->time);
    wire_u64(wire, &answer->cursor);
    wire_u16(wire, &answer->count);
    wire_require(wire, is_read_status(answer->status));
    wire_require(wire, answer->count <= LIST_LOCKS_MAX);
    wire_require(wire, answer->status == STATUS_OK || answer->count == 0);
}

void wire_lock_view(struct wire *wire, struct lock_view *view)
{
    wire_span(wire, &view->name, NAME_BYTES_MAX);
    wire_u64(wire, &view->session);
    wire_u64(wire, &view->owner);
    wire_u64(wire, &view->token);
    wire_u32(wire, &view->count);
    wire_u32(wire, &view->waits);
    wire_u32(wire, &view->ahead);
    wire_u64(wire, &view->held_ns);
    wire_u64(wire, &view->remain_ns);
    wire_span(wire, &view->label, LABEL_BYTES_MAX);
    wire_require(wire, view->name.count > 0);
    wire_require(wire, view->ahead <= view->waits);
    bool held = view->session != 0;
    wire_require(wire, held == (view->token != 0));
    wire_require(wire, held == (view->count != 0));
    wire_require(wire, held || view->label.count == 0);
}
