/* Layouts of clients' requests. What can be refused without any state is refused here. */
#include "protocol/request.h"

/* What follows the names of the session. */
WIRE_WALK walk_section(struct wire *wire, struct section *section)
{
    wire_u64(wire, &section->answered);
    wire_u64(wire, &section->confirmed);
    wire_u16(wire, &section->count);
    wire_require(wire, section->count > 0);
    /*
     * Session 0 is that of an OPEN, which is alone in its section and has nothing to
     * confirm.
     */
    if (section->session == 0) {
        wire_require(wire, section->count == 1);
        wire_require(wire, section->answered == 0 && section->confirmed == 0);
    }
}

WIRE_WALK walk_whole_section(struct wire *wire, struct section *section)
{
    wire_u64(wire, &section->session);
    wire_fixed(wire, section->secret, SECRET_BYTES);
    walk_section(wire, section);
}

WIRE_WALK walk_section_logged(struct wire *wire, struct section *section)
{
    wire_u64(wire, &section->session);
    wire_bool(wire, &section->unproved);
    wire_require(wire, section->session != 0 || !section->unproved);
    if (section->unproved)
        wire_fixed(wire, section->secret, SECRET_BYTES);
    walk_section(wire, section);
}

void wire_section(struct wire *wire, struct section *section)
{
    struct wire copy = wire_as(wire, wire->mode);
    if (wire->mode == WIRE_READ) {
        copy = wire_as(wire, WIRE_READ);
        walk_whole_section(&copy, section);
    } else {
        walk_whole_section(&copy, section);
    }
    *wire = copy;
}

void wire_section_logged(struct wire *wire, struct section *section)
{
    struct wire copy = wire_as(wire, wire->mode);
    if (wire->mode == WIRE_READ) {
        copy = wire_as(wire, WIRE_READ);
        walk_section_logged(&copy, section);
    } else {
        walk_section_logged(&copy, section);
    }
    *wire = copy;
}

WIRE_WALK walk_open(struct wire *wire, struct request *request)
{
    wire_u64(wire, &request->number);
    wire_u64(wire, &request->wait_ns);
    wire_span(wire, &request->name, LABEL_BYTES_MAX);
}

WIRE_WALK walk_number(struct wire *wire, struct request *request)
{
    wire_u64(wire, &request->number);
    wire_require(wire, request->number > 0);
}

WIRE_WALK walk_name(struct wire *wire, struct request *request)
{
    wire_span(wire, &request->name, NAME_BYTES_MAX);
    wire_require(wire, request->name.count > 0);
}

WIRE_WALK walk_acquire(struct wire *wire, struct request *request)
{
    wire_u8(wire, &request->flags);
    wire_require(wire, (request->flags & ~ACQUIRE_REENTRANT) == 0);
    walk_number(wire, request);
    wire_u64(wire, &request->owner);
    wire_u64(wire, &request->wait_ns);
    walk_name(wire, request);
}

WIRE_WALK walk_cancel(struct wire *wire, struct request *request)
{
    walk_number(wire, request);
    wire_u64(wire, &request->target);
    wire_require(wire, request->target > 0);
}

WIRE_WALK walk_release(struct wire *wire, struct request *request)
{
    wire_u8(wire, &request->flags);
    wire_require(wire, (request->flags & ~RELEASE_ALL) == 0);
    walk_number(wire, request);
    wire_u64(wire, &request->target);
    walk_name(wire, request);
}

WIRE_WALK walk_request(struct wire *wire, struct request *request)
{
    if (wire->mode == WIRE_READ)
        *request = (struct request){0};
    wire_u8(wire, &request->kind);
    switch (request->kind) {
    case REQUEST_OPEN:
        walk_open(wire, request);
        break;
    case REQUEST_KEEPALIVE:
        wire_u64(wire, &request->number);
        break;
    case REQUEST_CLOSE:
        walk_number(wire, request);
        break;
    case REQUEST_ACQUIRE:
        walk_acquire(wire, request);
        break;
    case REQUEST_CANCEL:
        walk_cancel(wire, request);
        break;
    case REQUEST_RELEASE:
        walk_release(wire, request);
        break;
    default:
        wire_require(wire, false);
        break;
    }
}

/* The longest is an ACQUIRE. */
enum {
    REQUEST_BYTES_MAX = 1 + 1 + 8 + 8 + 8 + 2 + NAME_BYTES_MAX
};

/*
 * A reader that has room for the longest request walks with a cursor of its own, which
 * begins here: then the places of all fields are constants, and compilers leave out what
 * looks at bounds.
 */
WIRE_WALK read_request(struct wire *wire, struct request *request)
{
    if (wire_left(wire) < REQUEST_BYTES_MAX) {
        struct wire copy = wire_as(wire, WIRE_READ);
        walk_request(&copy, request);
        *wire = copy;
        return;
    }
    struct wire here = wire_reader(wire->bytes + wire->at, REQUEST_BYTES_MAX);
    walk_request(&here, request);
    wire->at += here.at;
    wire_require(wire, !here.failed);
}

void wire_request(struct wire *wire, struct request *request)
{
    if (wire->mode == WIRE_READ) {
        read_request(wire, request);
        return;
    }
    struct wire copy = wire_as(wire, wire->mode);
    walk_request(&copy, request);
    *wire = copy;
}

uint8_t wire_skip_request(struct wire *wire)
{
    struct request request;
    read_request(wire, &request);
    return request.kind;
}
