/*
 * Frames in. A frame is read twice: first to see that it can be decoded to its end, then to
 * do what it says. So a nonsense frame changes nothing.
 *
 * A deadline is believed only when every change up to its section's number has arrived.
 */
#include "core/core_internal.h"

#include "base/mark.h"

/* ---- Sections ---- */

/*
 * The session of a section, if it is one of ours and not ended; an answer may have opened
 * it or ended it. `handle` found it before.
 */
static struct core_session *living(
        const struct core *core, const struct answer_section *head, uint32_t *handle)
{
    struct core_session *session = session_at(core, *handle);
    if (session == NULL || session->id != head->session)
        session = session_by_id(core, head->session);
    *handle = session != NULL ? session->handle : 0;
    return session;
}

static void do_section(struct core *core, struct wire *wire)
{
    struct answer_section head;
    wire_answer_section(wire, &head);
    uint32_t handle = 0;
    for (uint32_t i = 0; i < head.answer_count; i++) {
        struct answer answer;
        wire_answer(wire, &answer);
        answer_take(core, &head, living(core, &head, &handle), &answer);
    }
    struct core_session *session = living(core, &head, &handle);
    if (session != NULL && head.listed && !session->listing)
        session->list_mark = ++core->lists_seen;
    for (uint32_t i = 0; i < head.change_count; i++) {
        struct change change;
        wire_change(wire, &change);
        if (session != NULL && head.listed)
            change_take_listed(core, session, head.change, &change);
        else if (session != NULL && session->phase == PHASE_OPEN)
            change_take(core, session, &change);
    }
    if (session == NULL)
        return;
    if (head.listed)
        session->listing = head.more;
    if (head.listed && !head.more && session->seen < head.change) {
        changes_sweep(core, session);
        session->seen = head.change;
    }
    if (session->seen >= head.change && head.deadline > session->deadline)
        session->deadline = head.deadline;
    session_extend(core, session);
    session_touch(core, session);
}

static bool answers_readable(const struct frame *frame)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    while (!wire.failed && wire_left(&wire) > 0) {
        struct answer_section head;
        wire_answer_section(&wire, &head);
        for (uint32_t i = 0; i < head.answer_count && !wire.failed; i++) {
            struct answer answer;
            wire_answer(&wire, &answer);
        }
        for (uint32_t i = 0; i < head.change_count && !wire.failed; i++) {
            struct change change;
            wire_change(&wire, &change);
            wire_require(&wire, (change.change == 0) == head.listed);
        }
    }
    return !wire.failed;
}

static bool on_answers(struct core *core, const struct frame *frame)
{
    if (!answers_readable(frame))
        return false;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    while (wire_left(&wire) > 0)
        do_section(core, &wire);
    return true;
}

/* ---- Reads ---- */

static bool on_read_answer(struct core *core, const struct frame *frame)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    struct read_answer answer;
    wire_read_answer(&wire, &answer);
    if (wire.failed)
        return false;
    link_answered(core);
    struct core_request *request = request_at(core, (uint32_t)answer.stamp);
    bool awaited = request != NULL && request->number == answer.stamp &&
                   request->place == PLACE_SENT &&
                   (request->kind == CORE_QUERY || request->kind == CORE_LIST);
    if (!awaited)
        return true;
    if (answer.status == STATUS_NOT_LEADER && !request->stale) {
        request_move(core, request, &core->reads, PLACE_WAITING);
        link_on_not_leader(core);
        return true;
    }
    if (answer.status == STATUS_BUSY) {
        request->refused = true;
        request_move(core, request, &core->reads_resting, PLACE_WAITING);
        busy_rest(core);
        return true;
    }
    request->read = answer;
    request->read_bytes = wire_left(&wire);
    assert(request->read_bytes <= request->room_bytes);
    memcpy(request->room, frame->body + wire.at, request->read_bytes);
    bool done = answer.status != STATUS_NOT_LEADER;
    request_finish(core, request, done ? (enum status)answer.status : STATUS_UNKNOWN);
    return true;
}

/* ---- Frames ---- */

/* What a later version adds to one of these frames is passed over. */
static bool on_welcome(struct core *core, const struct frame *frame)
{
    struct welcome welcome;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_welcome(&wire, &welcome);
    if (!wire.failed)
        link_on_welcome(core, &welcome);
    return !wire.failed;
}

static bool on_refused(struct core *core, const struct frame *frame)
{
    struct refused refused;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_refused(&wire, &refused);
    if (!wire.failed)
        link_on_refused(core, &refused);
    return !wire.failed;
}

static bool on_leader(struct core *core, const struct frame *frame)
{
    struct leader leader;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_leader(&wire, &leader);
    if (!wire.failed)
        link_on_leader(core, &leader);
    return !wire.failed;
}

static bool on_frame(struct core *core, const struct frame *frame)
{
    bool welcomed = core->link.state == LINK_READY || core->link.state == LINK_FOLLOWING;
    if (frame->kind == FRAME_WELCOME)
        return on_welcome(core, frame);
    if (frame->kind == FRAME_REFUSED)
        return on_refused(core, frame);
    if (frame->kind == FRAME_LEADER)
        return on_leader(core, frame);
    if (frame->kind == FRAME_ANSWERS && welcomed)
        return on_answers(core, frame);
    if (frame->kind == FRAME_READ_ANSWER && welcomed)
        return on_read_answer(core, frame);
    return frame_may_be_skipped(frame->kind);
}

/* A node of another version says so in a frame that we cannot read otherwise. */
static void on_fault(struct core *core, enum frame_fault fault)
{
    if (fault == FRAME_FAULT_VERSION)
        link_on_failed(core, CORE_NOTICE_VERSION, 0);
    else
        link_on_failed(core, CORE_NOTICE_NONSENSE, fault);
}

void receive_bytes(struct core *core, const void *bytes, size_t count)
{
    uint64_t serial = core->link.serial;
    link_heard(core);
    frame_reader_feed(&core->reader, bytes, count);
    struct frame frame;
    while (frame_reader_next(&core->reader, &frame)) {
        bool readable = on_frame(core, &frame);
        if (core->link.state == LINK_IDLE || core->link.serial != serial)
            /* That connection was given up: everything else that came on it is dropped. */
            return;
        if (!readable) {
            MARK(client_nonsense);
            link_on_failed(core, CORE_NOTICE_NONSENSE, 0);
            return;
        }
    }
    if (core->reader.fault != FRAME_FAULT_NONE)
        on_fault(core, core->reader.fault);
}
