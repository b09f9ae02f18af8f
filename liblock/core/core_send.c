/*
 * Frames out. Lists have what is to be sent. It is written one request after another, as
 * many to a frame as fit, until the lists are empty or the buffer is full. What did not fit
 * keeps its place and is sent when bytes have left.
 *
 * The order is: opens; then for each session the requests that were not answered on an
 * earlier connection (in the order of numbers, with the same numbers), the requests that
 * give something up, and acquires; then reads; then keepalives.
 *
 * A node closes the connection of a client that reads its answers too slowly, and the
 * answers to a hundred thousand keepalives are more than it keeps. So at most owed_max
 * answers are owed at once: requests may fill half of it while keepalives wait, keepalives
 * three quarters, and requests all of it when no keepalive waits; so neither starves the
 * other.
 */
#include "core/core_internal.h"

#include "base/mark.h"
#include "base/numbers.h"

enum {
    READ_BYTES_MAX = 1 + 1 + 8 + 2 + 8 + 2 + NAME_BYTES_MAX,
};

/* A section of this session, with room for one more request. */
static bool open_section(struct core *core, const struct core_session *session)
{
    struct output *output = &core->output;
    if (!owed_has_room(&core->owed))
        return false;
    if (!output_open_requests(output))
        return false;
    if (output_has_section(output, session->handle))
        return true;
    struct section *section = output_begin_section(output, session->handle);
    section->session = session->id;
    section->answered = session_answered(session);
    section->confirmed = session_confirmed(session);
    memcpy(section->secret, session->secret, SECRET_BYTES);
    return true;
}

void send_hello(struct core *core)
{
    struct hello hello = hello_of_client(core->cluster);
    struct wire measure = wire_measure();
    wire_hello(&measure, &hello);
    bool room = output_open_frame(&core->output, FRAME_HELLO, measure.at);
    assert(room);
    struct wire wire = wire_writer(core->output.bytes + core->output.end, measure.at);
    wire_hello(&wire, &hello);
    core->output.end += wire.at;
    output_close_frame(&core->output);
}

/* ---- Keepalives ---- */

static bool put_keepalive(struct core *core, struct core_session *session)
{
    if (!open_section(core, session))
        return false;
    struct request request = {.kind = REQUEST_KEEPALIVE, .number = core->batch};
    output_put_request(&core->output, &request);
    owed_add(&core->owed, core->now.boot_ns);
    session->renewed_ns = core->now.boot_ns;
    list_remove(&session->keepalive_link);
    session_reschedule(core, session);
    return true;
}

/* All of a step count as one sending, with one stamp. */
static bool put_keepalives(struct core *core)
{
    if (list_is_empty(&core->keepalives))
        return true;
    if (!owed_has_room(&core->owed))
        return false;
    core->batch++;
    core->sendings[core->batch % SENDINGS_MAX] =
            (struct sending){.batch = core->batch, .sent = core->now};
    struct list_node *node;
    while ((node = list_first(&core->keepalives)) != NULL) {
        if (!put_keepalive(core, LIST_OWNER(node, struct core_session, keepalive_link)))
            return false;
    }
    return true;
}

/* ---- Opens ---- */

/*
 * When an OPEN is sent again, the first one may have been done: then there are two
 * sessions, and the one whose answer is lost expires. Each sending has its own secret, so
 * that requests for one session cannot be taken for the other's.
 */
static bool put_open(struct core *core, struct core_request *request)
{
    struct output *output = &core->output;
    struct core_session *session = session_at(core, request->session);
    if (!owed_has_room(&core->owed) || !output_open_requests(output))
        return false;
    request->number = (uint64_t)++core->stamp << 32 | request->handle;
    if (request->sent_on != 0) {
        MARK(client_opens_again);
        for (size_t i = 0; i < SECRET_BYTES; i++)
            session->secret[i] ^= core->link.random[i];
    }
    struct section *section = output_begin_section(output, session->handle);
    memcpy(section->secret, session->secret, SECRET_BYTES);
    struct request wire = {.kind = REQUEST_OPEN,
            .number = request->number,
            .wait_ns = session->ttl_ns,
            .name = {request->name, request->name_bytes}};
    output_put_request(output, &wire);
    output_close_section(output);
    request->refused = false;
    request->sent = core->now;
    request->sent_on = core->link.serial;
    owed_add(&core->owed, core->now.boot_ns);
    request_move(core, request, &core->opens_sent, PLACE_SENT);
    return true;
}

static bool put_opens(struct core *core)
{
    struct list_node *node;
    while ((node = list_first(&core->opens)) != NULL) {
        if (!put_open(core, LIST_OWNER(node, struct core_request, link)))
            return false;
    }
    return true;
}

/* ---- Numbered requests ---- */

/* Into the section that was just opened. */
static void put_numbered(
        struct core *core, struct core_session *session, struct core_request *request)
{
    struct request wire = {.kind = request->wire_kind,
            .number = request->number,
            .target = request->target,
            .owner = request->owner,
            .wait_ns = request->wait_ns,
            .name = {request->name, request->name_bytes}};
    if (request->wire_kind == REQUEST_ACQUIRE && request->reentrant)
        wire.flags = ACQUIRE_REENTRANT;
    if (request->wire_kind == REQUEST_RELEASE && request->all)
        wire.flags = RELEASE_ALL;
    output_put_request(&core->output, &wire);
    request->doubtful = request->doubtful || request->sent_on != 0;
    request->sent = core->now;
    request->sent_on = core->link.serial;
    session->renewed_ns = core->now.boot_ns; /* Commands renew as well. */
    owed_add(&core->owed, core->now.boot_ns);
}

static bool put_again(struct core *core, struct core_session *session)
{
    if (!session->resend)
        return true;
    struct list_node *node = list_first(&session->sent);
    for (; node != NULL; node = list_next(&session->sent, node)) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        if (request->sent_on == core->link.serial)
            continue;
        if (!open_section(core, session))
            return false;
        put_numbered(core, session, request);
    }
    session->resend = false;
    return true;
}

/* The time that a request has waited here is taken off its wait in the cluster. */
static void set_wait(struct core *core, struct core_request *request)
{
    if (request->refused) {
        request->refused = false;
        request_set_limit(core, request);
    }
    if (request->limit_ns == UINT64_MAX)
        request->wait_ns = WAIT_FOREVER;
    else
        request->wait_ns = u64_rest(request->limit_ns, core->now.boot_ns);
}

/*
 * Give numbers to the requests that wait in a list, and send them, as far as window and
 * buffer allow.
 */
static bool put_new(struct core *core, struct core_session *session, struct list *list)
{
    struct list_node *node;
    while ((node = list_first(list)) != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        if (!request_may_number(core, session, request)) {
            MARK(client_window_full);
            return true;
        }
        if (!open_section(core, session))
            return false;
        if (request->wire_kind == REQUEST_ACQUIRE)
            set_wait(core, request);
        request_number(core, session, request);
        put_numbered(core, session, request);
    }
    return true;
}

static bool put_session(struct core *core, struct core_session *session)
{
    if (!put_again(core, session) || !put_new(core, session, &session->urgent))
        return false;
    if (!session_can_acquire(session) || list_is_empty(&session->acquires))
        return true;
    if (!busy_hushed(core))
        return put_new(core, session, &session->acquires);
    core->held_back = true;
    return true;
}

static bool put_sessions(struct core *core)
{
    struct list_node *node;
    while ((node = list_first(&core->dirty)) != NULL) {
        struct core_session *session = LIST_OWNER(node, struct core_session, dirty_link);
        if (!put_session(core, session))
            return false;
        list_remove(&session->dirty_link);
    }
    return true;
}

/* ---- Reads ---- */

static bool put_read(struct core *core, struct core_request *request)
{
    struct output *output = &core->output;
    output_close_frame(output);
    if (!owed_has_room(&core->owed) ||
            !output_open_frame(output, FRAME_READ, READ_BYTES_MAX))
        return false;
    request->number = (uint64_t)++core->stamp << 32 | request->handle;
    struct span name = {request->name, request->name_bytes};
    struct read read = {.kind = request->kind == CORE_QUERY ? READ_LOCK : READ_LIST,
            .stale = request->stale,
            .stamp = request->number,
            .asker = request->asker,
            .limit = request->limit,
            .cursor = request->cursor};
    if (request->kind == CORE_QUERY)
        read.name = name;
    else
        read.prefix = name;
    struct wire wire = wire_writer(output->bytes + output->end, READ_BYTES_MAX);
    wire_read(&wire, &read);
    assert(!wire.failed);
    output->end += wire.at;
    output_close_frame(output);
    request->refused = false;
    request->sent_on = core->link.serial;
    owed_add(&core->owed, core->now.boot_ns);
    request_move(core, request, &core->reads_sent, PLACE_SENT);
    return true;
}

/* Only a stale read may be answered by a node that knows no leader. */
static void put_reads(struct core *core)
{
    struct list_node *node = list_first(&core->reads);
    while (node != NULL) {
        struct core_request *request = LIST_OWNER(node, struct core_request, link);
        node = list_next(&core->reads, node);
        bool now = core->link.state == LINK_READY || request->stale;
        if (now && !put_read(core, request))
            return;
    }
}

static void put_requests(struct core *core)
{
    bool room = true;
    if (core->link.state == LINK_READY)
        room = put_opens(core) && put_sessions(core);
    if (room)
        put_reads(core);
}

void send_all(struct core *core)
{
    core->output.full = false;
    if (core->link.state != LINK_READY && core->link.state != LINK_FOLLOWING)
        return;
    output_compact(&core->output);
    uint32_t all = core->settings.owed_max;
    core->owed.limit = all / 2;
    put_requests(core);
    core->owed.limit = all - all / 4;
    bool renewed = core->link.state != LINK_READY || put_keepalives(core);
    core->owed.limit = all;
    if (renewed)
        put_requests(core);
    output_close_frame(&core->output);
}
