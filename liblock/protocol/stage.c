/* Layout of the stages of a node. */
#include "protocol/stage.h"

void wire_stages_head(struct wire *wire, struct stages_head *head)
{
    wire_u64(wire, &head->uptime_ns);
    wire_u8(wire, &head->rows);
    wire_u8(wire, &head->sums);
}

void wire_stage_row(struct wire *wire, struct stage_row *row)
{
    wire_u8(wire, &row->stage);
    wire_u64(wire, &row->greatest);
}

void wire_stage_value(struct wire *wire, struct stage_value *value)
{
    wire_u8(wire, &value->sum);
    wire_u64(wire, &value->value);
}
