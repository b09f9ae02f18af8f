/* Slots, the open frame of answers, other frames, and sending: see conn.h. */
#include "node/conn.h"

#include "base/mark.h"

enum {
    FRAME_BODY_TARGET = FRAME_CLIENT_BODY_MAX - 4096 /* A frame is ended past this. */
};

void conns_carve(struct conns *conns, struct arena *arena, const struct node_limits *limits)
{
    size_t slot_bytes =
            limits->client_frame_bytes + 2 * (size_t)limits->client_output_bytes;
    conns->slots = arena_take(
            arena, "node.connections", limits->connections_max, sizeof(struct conn), 64);
    conns->memory = arena_take(
            arena, "node.connection_buffers", limits->connections_max, slot_bytes, 4096);
    callers_carve(&conns->callers, arena, limits->connections_max);
    conns->busy =
            arena_take(arena, "node.busy", limits->connections_max, sizeof(uint32_t), 64);
}

struct conn *conn_at(struct conns *conns, uint32_t slot)
{
    assert(slot < conns->max);
    return &conns->slots[slot];
}

uint32_t conn_slot(const struct conns *conns, const struct conn *conn)
{
    return (uint32_t)(conn - conns->slots);
}

struct conn *conn_if_alive(struct conns *conns, uint32_t slot, uint32_t serial)
{
    if (slot == NO_CONN)
        return NULL;
    struct conn *conn = conn_at(conns, slot);
    bool alive = conn->role != CONN_FREE && !conn->closing && conn->serial == serial;
    return alive ? conn : NULL;
}

static void list_busy(struct conns *conns, struct conn *conn)
{
    if (conn->listed)
        return;
    conn->listed = true;
    assert(conns->busy_count < conns->max);
    conns->busy[conns->busy_count++] = conn_slot(conns, conn);
}

void conn_open(struct conns *conns, uint32_t slot, uint8_t peer)
{
    struct conn *conn = conn_at(conns, slot);
    assert(conn->role == CONN_FREE);
    assert(conns->taken < conns->max);
    conn->role = CONN_NEW;
    conn->dialed = peer != 0;
    conn->peer = peer;
    conn->serial++;
    conns->taken++;
}

void conn_note_from(struct conn *conn, const struct node_event *event)
{
    size_t count = event->bytes ? event->count : 0;
    if (count > sizeof conn->from - 1)
        count = sizeof conn->from - 1;
    if (count > 0)
        memcpy(conn->from, event->bytes, count);
    conn->from[count] = 0;
    if (event->address)
        memcpy(conn->address, event->address, CLIENT_ADDRESS_BYTES);
}

void conn_begin_unfinished(struct conns *conns, struct conn *conn, uint64_t now_ns)
{
    conn_finish(conn);
    conn->unfinished_ns = now_ns;
    list_push_back(&conns->unfinished, &conn->unfinished);
}

void conn_finish(struct conn *conn)
{
    if (list_is_linked(&conn->unfinished))
        list_remove(&conn->unfinished);
}

struct conn *conns_unfinished(struct conns *conns)
{
    struct list_node *first = list_first(&conns->unfinished);
    return first ? LIST_OWNER(first, struct conn, unfinished) : NULL;
}

/* Back to a free slot: its own buffers, nothing in them. `busy` may still name it. */
static void reset_slot(struct conns *conns, struct conn *conn)
{
    const struct node_limits *limits = conns->limits;
    uint32_t slot = conn_slot(conns, conn);
    size_t output_bytes = limits->client_output_bytes;
    struct conn fresh = {.serial = conn->serial, .listed = conn->listed};
    unsigned char *memory =
            conns->memory + (size_t)slot * (limits->client_frame_bytes + 2 * output_bytes);
    frame_reader_init(&fresh.reader, memory, limits->client_frame_bytes);
    fresh.output.buffers[0] = memory + limits->client_frame_bytes;
    fresh.output.buffers[1] = fresh.output.buffers[0] + output_bytes;
    fresh.output.capacity = output_bytes;
    *conn = fresh;
    list_init(&conn->behind);
}

void conns_init(
        struct conns *conns, const struct node_limits *limits, struct notices *notices)
{
    conns->limits = limits;
    assert(limits->client_output_bytes > 0 && limits->client_frame_bytes > 0);
    conns->max = limits->connections_max;
    conns->notices = notices;
    conns->clients = 0;
    callers_init(&conns->callers);
    list_init(&conns->unfinished);
    for (uint32_t slot = 0; slot < conns->max; slot++)
        reset_slot(conns, &conns->slots[slot]);
}

void conn_closed(struct conns *conns, uint32_t slot, struct conn *last)
{
    struct conn *conn = conn_at(conns, slot);
    assert(conn->role != CONN_FREE);
    assert(list_is_empty(&conn->behind));
    assert(conns->taken > 0);
    conn_finish(conn);
    if (conn->role == CONN_CLIENT && !conn->guest) {
        assert(conns->clients > 0);
        conns->clients--;
        callers_remove(&conns->callers, conn->address);
    }
    *last = *conn;
    reset_slot(conns, conn);
    conns->taken--;
}

/* ---- The open frame of answers ---- */

/* Write the head of the open section, now that its counts are known. */
void conn_section_end(struct conn *conn)
{
    struct open_answers *answers = &conn->answers;
    if (!answers->section.open)
        return;
    struct wire wire = late_head_write(&answers->section, conn_filling(conn));
    wire_answer_section(&wire, &answers->head);
    late_head_done(&wire);
}

void conn_section(struct conn *conn, const struct answer_section *head)
{
    struct open_answers *answers = &conn->answers;
    assert(answers->frame.open);
    conn_section_end(conn);
    answers->head = *head;
    struct wire measure = wire_measure();
    wire_answer_section(&measure, &answers->head);
    conn->output.filled =
            late_head_leave(&answers->section, conn->output.filled, measure.at);
}

/* End the open frame. */
static void seal(struct conn *conn)
{
    struct open_answers *answers = &conn->answers;
    if (!answers->frame.open)
        return;
    conn_section_end(conn);
    late_head_seal_frame(
            &answers->frame, conn_filling(conn), conn->output.filled, FRAME_ANSWERS);
}

bool conn_answers(struct conns *conns, struct conn *conn, size_t bytes)
{
    struct open_answers *answers = &conn->answers;
    struct output *output = &conn->output;
    size_t used = answers->frame.open ? output->filled - answers->frame.at : 0;
    if (used + bytes > FRAME_BODY_TARGET)
        seal(conn);
    if (conn_room(conn) < FRAME_HEAD_BYTES + bytes) {
        conn_cut_off(conns, conn);
        return false;
    }
    if (!answers->frame.open) {
        output->filled = late_head_leave(&answers->frame, output->filled, FRAME_HEAD_BYTES);
        list_busy(conns, conn);
    }
    return true;
}

/* ---- Other frames ---- */

struct wire conn_begin(struct conn *conn, size_t body_max)
{
    seal(conn);
    if (conn->closing || conn_room(conn) < FRAME_HEAD_BYTES + body_max)
        return wire_writer(NULL, 0);
    unsigned char *body = conn_filling(conn) + conn->output.filled + FRAME_HEAD_BYTES;
    return wire_writer(body, body_max);
}

void conn_end(
        struct conns *conns, struct conn *conn, enum frame_kind kind, struct wire *wire)
{
    if (wire->failed || wire->bytes == NULL) {
        conn_cut_off(conns, conn);
        return;
    }
    assert(!conn->answers.frame.open);
    struct output *output = &conn->output;
    frame_seal(wire->bytes - FRAME_HEAD_BYTES, kind, (uint32_t)wire->at);
    output->filled += FRAME_HEAD_BYTES + wire->at;
    assert(output->filled <= output->capacity);
    list_busy(conns, conn);
}

/* ---- The end of a connection, and its change into a peer's ---- */

void conn_close(struct conns *conns, struct conn *conn)
{
    if (conn->closing)
        return;
    assert(conn->role != CONN_FREE);
    seal(conn);
    conn_finish(conn);
    conn->closing = true;
    list_busy(conns, conn);
}

void conn_nonsense(struct conns *conns, struct conn *conn, uint64_t what)
{
    if (conn->closing)
        return;
    conns->notices->counters.bad_frames++;
    const struct node_notice notice = {
            .kind = NOTICE_BAD_FRAME, .peer = conn->peer, .number = what};
    notices_tell_of(conns->notices, &notice, conn->from);
    conn_close(conns, conn);
}

/*
 * Peers and clients must not receive a stream with a hole: sending nothing more is better.
 */
void conn_cut_off(struct conns *conns, struct conn *conn)
{
    if (conn->closing)
        return;
    assert(conn->role != CONN_FREE);
    MARK(conn_output_full);
    const struct node_notice notice = {.kind = NOTICE_SLOW_CLIENT, .peer = conn->peer};
    notices_tell_of(conns->notices, &notice, conn->from);
    conn_close(conns, conn);
}

void conn_become_peer(struct conns *conns, struct conn *conn, struct peer *peer)
{
    assert(conn->role == CONN_NEW && !conn->waiting && !conn->closing);
    assert(peer->conn == NO_CONN);
    assert(conn->output.filled == 0 && conn->output.sending == 0);
    assert(!conn->answers.frame.open);
    conn->output.buffers[0] = peer->outputs[0];
    conn->output.buffers[1] = peer->outputs[1];
    conn->output.capacity = conns->limits->peer_output_bytes;
    frame_reader_init(&conn->reader, peer->input, conns->limits->peer_frame_bytes);
    conn->role = CONN_PEER;
    conn->peer = peer->id;
    peer->conn = conn_slot(conns, conn);
    conn_finish(conn);
}

void conn_become_client(struct conns *conns, struct conn *conn, bool guest)
{
    assert(conn->role == CONN_NEW && !conn->dialed && !conn->waiting);
    conn->role = CONN_CLIENT;
    conn->greeted = true;
    conn->guest = guest;
    if (guest)
        return;
    conns->clients++;
    callers_add(&conns->callers, conn->address);
    conn_finish(conn);
}

/* ---- Sending ---- */

bool conn_sent(struct conns *conns, uint32_t slot, size_t count)
{
    struct conn *conn = conn_at(conns, slot);
    struct output *output = &conn->output;
    assert(conn->role != CONN_FREE);
    assert(output->on_way);
    assert(count <= output->sending - output->sent);
    output->sent += count;
    bool all = output->sent == output->sending;
    if (all) {
        output->sending = 0;
        output->sent = 0;
    }
    output->on_way = false;
    list_busy(conns, conn);
    return all;
}

/* The rest of what is being sent, or else what was filled meanwhile. */
static bool next_send(struct conn *conn, struct node_send *send)
{
    struct output *output = &conn->output;
    if (output->on_way || conn->close_told)
        return false;
    if (output->sending == 0) {
        if (output->filled == 0)
            return false;
        output->sending = output->filled;
        output->filled = 0;
        output->filling ^= 1;
    }
    send->bytes = output->buffers[output->filling ^ 1] + output->sent;
    send->count = output->sending - output->sent;
    output->on_way = true;
    return true;
}

void conns_send(struct conns *conns, struct node_effects *effects)
{
    assert(effects->send_count == 0 && effects->close_count == 0);
    for (uint32_t i = 0; i < conns->busy_count; i++) {
        struct conn *conn = &conns->slots[conns->busy[i]];
        conn->listed = false;
        if (conn->role == CONN_FREE)
            continue;
        seal(conn);
        struct node_send send = {.conn = conns->busy[i]};
        if (next_send(conn, &send))
            effects->sends[effects->send_count++] = send;
        if (conn->closing && !conn->close_told) {
            conn->close_told = true;
            effects->closes[effects->close_count++] = conns->busy[i];
        }
    }
    assert(effects->send_count <= conns->max && effects->close_count <= conns->max);
    conns->busy_count = 0;
}

/* ---- Invariants ---- */

static void check_conn(const struct conns *conns, const struct conn *conn)
{
    const struct output *output = &conn->output;
    assert(output->filled <= output->capacity);
    assert(output->sending <= output->capacity);
    assert(output->sent <= output->sending);
    assert(output->filling <= 1);
    if (output->on_way)
        assert(output->sending > output->sent);
    if (conn->answers.section.open)
        assert(conn->answers.frame.open);
    if (conn->answers.frame.open)
        assert(conn->listed && conn->answers.frame.at < output->filled);
    if (conn->role == CONN_FREE) {
        assert(output->filled == 0 && output->sending == 0);
        assert(!conn->greeted && !conn->closing);
        assert(list_is_empty(&conn->behind));
    }
    if (conn->role == CONN_CLIENT)
        assert(conn->greeted && !conn->dialed);
    if (conn->role == CONN_PEER) {
        assert(conn->peer != 0);
        assert(output->capacity == conns->limits->peer_output_bytes);
    }
    if (conn->close_told)
        assert(conn->closing);
    if (conn->guest)
        assert(conn->role == CONN_CLIENT);
    if (conn->waiting)
        assert(conn->role == CONN_NEW && !conn->dialed && !conn->closing);
    if (list_is_linked(&conn->unfinished))
        assert(!conn->closing && (conn->role == CONN_NEW || conn->role == CONN_CLIENT));
}

void conns_check(const struct conns *conns)
{
    uint32_t taken = 0;
    uint32_t clients = 0;
    for (uint32_t i = 0; i < conns->max; i++) {
        const struct conn *conn = &conns->slots[i];
        taken += conn->role != CONN_FREE;
        clients += conn->role == CONN_CLIENT && !conn->guest;
        check_conn(conns, conn);
    }
    assert(taken == conns->taken && clients == conns->clients);
    assert(conns->busy_count <= conns->max);
    for (uint32_t i = 0; i < conns->busy_count; i++) {
        assert(conns->busy[i] < conns->max);
        assert(conns->slots[conns->busy[i]].listed);
    }
}
