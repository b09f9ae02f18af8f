/*
 * Bytes to send, and at their end the frame that is being written. A frame has one kind; if
 * it carries requests, it has sections of one session each. Heads are written last, when
 * their counts are known.
 */
#ifndef CORE_CORE_OUTPUT_H
#define CORE_CORE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"
#include "protocol/late_head.h"
#include "protocol/request.h"

#ifdef __cplusplus
extern "C" {
#endif

struct output {
    unsigned char *bytes;
    size_t capacity;
    size_t begin;
    size_t end;
    bool full; /* Something found no room in this step */
    struct late_head frame;
    enum frame_kind kind;
    struct late_head section_head;
    uint32_t section_session; /* 0: no section open */
    struct section section;
};

/* Make sure that `bytes` more fit into an open frame of that kind; false: no room now. */
bool output_open_frame(struct output *output, enum frame_kind kind, size_t bytes);
void output_close_frame(struct output *output);

/* The same for one more request, in a frame of requests. */
bool output_open_requests(struct output *output);

/* The open section is this session's, and takes one more request. */
static inline bool output_has_section(const struct output *output, uint32_t session)
{
    return output->section_session == session && output->section.count < UINT16_MAX;
}

/* Begin a section of the session in the open frame; the caller fills in its head. */
struct section *output_begin_section(struct output *output, uint32_t session);
void output_close_section(struct output *output);
void output_put_request(struct output *output, struct request *request);

/* Move what is unsent to the start of the buffer, for room after it. */
void output_compact(struct output *output);

/* None of it will be sent. */
void output_drop(struct output *output);

#ifdef __cplusplus
}
#endif

#endif
