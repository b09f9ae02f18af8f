#include "core/core_output.h"

#include "base/mark.h"

enum {
    SECTION_BYTES = 8 + SECRET_BYTES + 8 + 8 + 2,
    REQUEST_BYTES_MAX = 2 + 3 * 8 + 2 + NAME_BYTES_MAX, /* The longest: an acquire */
};

void output_close_section(struct output *output)
{
    if (!output->section_head.open)
        return;
    struct wire wire = late_head_write(&output->section_head, output->bytes);
    wire_section(&wire, &output->section);
    late_head_done(&wire);
    output->section_session = 0;
}

void output_close_frame(struct output *output)
{
    if (!output->frame.open)
        return;
    output_close_section(output);
    late_head_seal_frame(&output->frame, output->bytes, output->end, output->kind);
}

bool output_open_frame(struct output *output, enum frame_kind kind, size_t bytes)
{
    if (output->frame.open && output->kind == kind) {
        size_t body = late_head_behind(&output->frame, output->end);
        bool fits = body + bytes <= FRAME_CLIENT_BODY_MAX &&
                    output->end + bytes <= output->capacity;
        if (fits)
            return true;
    }
    output_close_frame(output);
    if (output->end + FRAME_HEAD_BYTES + bytes > output->capacity) {
        MARK(client_output_full);
        output->full = true;
        return false;
    }
    output->kind = kind;
    output->end = late_head_leave(&output->frame, output->end, FRAME_HEAD_BYTES);
    return true;
}

bool output_open_requests(struct output *output)
{
    return output_open_frame(output, FRAME_REQUESTS, SECTION_BYTES + REQUEST_BYTES_MAX);
}

struct section *output_begin_section(struct output *output, uint32_t session)
{
    assert(session != 0 && output->frame.open && output->kind == FRAME_REQUESTS);
    output_close_section(output);
    output->section = (struct section){0};
    output->section_session = session;
    output->end = late_head_leave(&output->section_head, output->end, SECTION_BYTES);
    return &output->section;
}

void output_put_request(struct output *output, struct request *request)
{
    struct wire wire = wire_writer(output->bytes + output->end, REQUEST_BYTES_MAX);
    wire_request(&wire, request);
    assert(!wire.failed);
    output->end += wire.at;
    output->section.count++;
}

void output_compact(struct output *output)
{
    if (output->begin == 0)
        return;
    assert(!output->frame.open);
    size_t bytes = output->end - output->begin;
    memmove(output->bytes, output->bytes + output->begin, bytes);
    output->begin = 0;
    output->end = bytes;
}

void output_drop(struct output *output)
{
    output->begin = 0;
    output->end = 0;
    output->frame.open = false;
    output->section_head.open = false;
    output->section_session = 0;
}
