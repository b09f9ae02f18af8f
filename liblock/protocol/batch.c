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

/* What the section says of the kinds of requests in it */
WIRE_INLINE void require_kind(
        struct wire *wire, const struct section *section, uint8_t kind)
{
    wire_require(wire, (kind == REQUEST_OPEN) == (section->session == 0));
    wire_require(wire, kind != REQUEST_KEEPALIVE || section->unproved);
}

void wire_command(struct wire *wire, struct command *command)
{
    wire_request(wire, &command->request);
    require_kind(wire, &command->section, command->request.kind);
    if (command->request.kind != REQUEST_OPEN)
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
    memset(reader->section.secret, 0, SECRET_BYTES);
    wire_section_logged(&reader->commands, &reader->section);
    reader->section_left = reader->section.count;
    return !reader->commands.failed;
}

bool batch_next_command(struct batch_reader *reader, struct command *command)
{
    if (reader->commands.failed)
        return false;
    if (reader->section_left == 0 && !begin_section(reader))
        return false;
    command->section = reader->section;
    wire_command(&reader->commands, command);
    reader->section_left--;
    return !reader->commands.failed;
}

static void skip_section(struct wire *commands)
{
    struct section section;
    wire_section_logged(commands, &section);
    for (uint32_t left = section.count; left > 0 && !commands->failed; left--) {
        uint8_t kind = wire_skip_request(commands);
        require_kind(commands, &section, kind);
        if (kind == REQUEST_OPEN)
            (void)wire_pass(commands, SECRET_BYTES + CLIENT_ADDRESS_BYTES);
    }
}

bool batch_is_whole(const struct batch_reader *reader)
{
    struct wire commands = reader->commands;
    while (wire_left(&commands) > 0)
        skip_section(&commands);
    struct wire keepalives = reader->keepalives;
    struct keepalive keepalive = {0};
    while (wire_left(&keepalives) > 0)
        wire_keepalive(&keepalives, &keepalive);
    return wire_complete(&commands) && wire_complete(&keepalives);
}

bool batch_complete(const struct batch_reader *reader)
{
    return reader->section_left == 0 && wire_complete(&reader->commands) &&
           wire_complete(&reader->keepalives);
}
