/*
 * Batches: commands and keepalives of one entry, written side by side and read in place.
 */
#include "protocol/batch.h"

#include <string.h>

void wire_batch_head(struct wire *wire, struct batch_head *head)
{
    wire_u64(wire, &head->dt_ns);
    wire_u64(wire, &head->wall_ns);
    wire_u32(wire, &head->command_bytes);
    wire_u32(wire, &head->keepalive_count);
}

void wire_keepalive(struct wire *wire, struct keepalive *keepalive)
{
    wire_u64(wire, &keepalive->session);
    wire_u64(wire, &keepalive->confirmed);
    wire_u64(wire, &keepalive->answered);
    wire_u32(wire, &keepalive->waited_us);
    wire_require(wire, keepalive->session != 0);
}

void wire_command(struct wire *wire, struct command *command)
{
    wire_request(wire, &command->request);
    bool open = command->request.kind == REQUEST_OPEN;
    wire_require(wire, open == (command->section.session == 0));
    wire_require(
            wire, command->request.kind != REQUEST_KEEPALIVE || command->section.unproved);
    if (!open)
        return;
    wire_fixed(wire, command->section.secret, SECRET_BYTES);
    wire_fixed(wire, command->address, CLIENT_ADDRESS_BYTES);
}

bool batch_reader_init(struct batch_reader *reader, const void *body, size_t body_bytes)
{
    *reader = (struct batch_reader){0};
    struct wire head = wire_reader(body, body_bytes);
    wire_batch_head(&head, &reader->head);
    uint64_t keepalive_bytes = (uint64_t)reader->head.keepalive_count * KEEPALIVE_BYTES;
    if (head.failed || wire_left(&head) != reader->head.command_bytes + keepalive_bytes)
        return false;
    const unsigned char *commands = (const unsigned char *)body + BATCH_HEAD_BYTES;
    reader->commands = wire_reader(commands, reader->head.command_bytes);
    reader->keepalives =
            wire_reader(commands + reader->head.command_bytes, keepalive_bytes);
    return true;
}

bool batch_next_keepalive(struct batch_reader *reader, struct keepalive *keepalive)
{
    if (wire_left(&reader->keepalives) == 0)
        return false;
    wire_keepalive(&reader->keepalives, keepalive);
    return !reader->keepalives.failed;
}

static bool begin_section(struct batch_reader *reader)
{
    if (wire_left(&reader->commands) == 0)
        return false;
    memset(reader->command.section.secret, 0, SECRET_BYTES);
    wire_section_logged(&reader->commands, &reader->command.section);
    reader->section_left = reader->command.section.count;
    return !reader->commands.failed;
}

bool batch_next_command(struct batch_reader *reader, struct command **command)
{
    if (reader->commands.failed)
        return false;
    if (reader->section_left == 0 && !begin_section(reader))
        return false;
    wire_command(&reader->commands, &reader->command);
    reader->section_left--;
    *command = &reader->command;
    return !reader->commands.failed;
}

bool batch_complete(const struct batch_reader *reader)
{
    return reader->section_left == 0 && wire_complete(&reader->commands) &&
           wire_complete(&reader->keepalives);
}
