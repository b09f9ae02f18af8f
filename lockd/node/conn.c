/*
 * Connection slots and their output.
 *
 * Bytes for a connection are written once, into the buffer from which they are sent. There
 * are two: while one is on its way the other fills, and a turn sends at most one. A client
 * that does not read its answers fills both and is cut off; it loses nothing that the log
 * has, for its library asks again elsewhere.
 *
 * A peer has buffers of its own, for appends, which its connection borrows.
 */
#include "base/mark.h"
#include "node/replica.h"

struct conn *conn_at(struct node *node, uint32_t slot)
{
    assert(slot < node->settings.limits.connections_max);
    return &node->conns[slot];
}

uint32_t conn_slot(const struct node *node, const struct conn *conn)
{
    return (uint32_t)(conn - node->conns);
}

/* The connection that had this slot in that life, if it still stands. */
struct conn *conn_if_alive(struct node *node, uint32_t slot, uint32_t serial)
{
    if (slot == NO_CONN)
        return NULL;
    struct conn *conn = conn_at(node, slot);
    bool alive = conn->role != CONN_FREE && !conn->closing && conn->serial == serial;
    return alive ? conn : NULL;
}

static void list_busy(struct node *node, struct conn *conn)
{
    if (conn->listed)
        return;
    conn->listed = true;
    assert(node->busy_count < node->settings.limits.connections_max);
    node->busy[node->busy_count++] = conn_slot(node, conn);
}

void conn_open(struct node *node, uint32_t slot, uint8_t dialed_peer)
{
    struct conn *conn = conn_at(node, slot);
    assert(conn->role == CONN_FREE);
    conn->role = CONN_NEW;
    conn->dialed = dialed_peer != 0;
    conn->peer = dialed_peer;
    conn->serial++;
    node->conn_count++;
}

/* Back to a free slot: its own buffers, nothing in them. `busy` may still name it. */
static void reset_slot(struct node *node, struct conn *conn)
{
    const struct node_limits *limits = &node->settings.limits;
    uint32_t slot = conn_slot(node, conn);
    size_t output_bytes = limits->client_output_bytes;
    struct conn fresh = {.serial = conn->serial, .listed = conn->listed};
    unsigned char *memory = node->conns_memory +
                            (size_t)slot * (limits->client_frame_bytes + 2 * output_bytes);
    frame_reader_init(&fresh.reader, memory, limits->client_frame_bytes);
    fresh.output.buffers[0] = memory + limits->client_frame_bytes;
    fresh.output.buffers[1] = fresh.output.buffers[0] + output_bytes;
    fresh.output.capacity = output_bytes;
    *conn = fresh;
    list_init(&conn->behind);
}

void conn_init_all(struct node *node)
{
    for (uint32_t slot = 0; slot < node->settings.limits.connections_max; slot++)
        reset_slot(node, &node->conns[slot]);
}

/* Its buffers are free again; raft learns that the peer cannot be reached. */
static void lose_peer(struct node *node, const struct conn *conn, bool by_other)
{
    struct peer *peer = node_peer(node, conn->peer);
    assert(peer);
    peer->conn = NO_CONN;
    if (!conn->greeted)
        return;
    node_notice(node, NOTICE_PEER_DOWN, peer->id, 0);
    struct raft_event event = {
            .kind = RAFT_PEER_CLOSED, .peer = peer->id, .by_peer = by_other};
    consensus_step(node, &event);
}

void conn_closed(struct node *node, uint32_t slot, bool by_other)
{
    struct conn *conn = conn_at(node, slot);
    assert(conn->role != CONN_FREE);
    reply_forget(conn);
    gather_gone(node, conn);
    struct conn old = *conn;
    reset_slot(node, conn);
    node->conn_count--;
    if (old.role == CONN_PEER)
        lose_peer(node, &old, by_other && !old.closing);
}

void conn_close(struct node *node, struct conn *conn)
{
    if (conn->closing)
        return;
    reply_seal(node, conn);
    conn->closing = true;
    list_busy(node, conn);
}

void conn_nonsense(struct node *node, struct conn *conn, uint64_t what)
{
    if (conn->closing)
        return;
    node->counters.bad_frames++;
    node_notice(node, NOTICE_BAD_FRAME, conn->peer, what);
    conn_close(node, conn);
}

/*
 * The connection speaks for `peer`: from now on it uses the peer's buffers. False while an
 * older connection of that peer still has them: both are given up, and the peer, which would
 * not have made a new one otherwise, comes again.
 */
bool conn_become_peer(struct node *node, struct conn *conn, struct peer *peer)
{
    if (peer->conn != NO_CONN) {
        MARK(peer_connected_twice);
        conn_close(node, conn_at(node, peer->conn));
        conn_close(node, conn);
        return false;
    }
    assert(conn->output.filled == 0 && conn->output.sending == 0);
    conn->output.buffers[0] = peer->outputs[0];
    conn->output.buffers[1] = peer->outputs[1];
    conn->output.capacity = node->settings.limits.peer_output_bytes;
    frame_reader_init(&conn->reader, peer->input, node->settings.limits.peer_frame_bytes);
    conn->role = CONN_PEER;
    conn->peer = peer->id;
    peer->conn = conn_slot(node, conn);
    return true;
}

size_t conn_room(const struct conn *conn)
{
    return conn->output.capacity - conn->output.filled;
}

struct wire conn_begin(struct node *node, struct conn *conn, size_t body_max)
{
    reply_seal(node, conn);
    struct output *output = &conn->output;
    if (conn->closing || conn_room(conn) < FRAME_HEAD_BYTES + body_max)
        return wire_writer(NULL, 0);
    unsigned char *body =
            output->buffers[output->filling] + output->filled + FRAME_HEAD_BYTES;
    return wire_writer(body, body_max);
}

/* Neither peers nor clients may be left with a hole in what they hear: rather nothing more. */
void conn_cut_off(struct node *node, struct conn *conn)
{
    if (conn->closing)
        return;
    MARK(conn_output_full);
    node_notice(node, NOTICE_SLOW_CLIENT, conn->peer, 0);
    conn_close(node, conn);
}

void conn_end(struct node *node, struct conn *conn, enum frame_kind kind, struct wire *wire)
{
    if (wire->failed || wire->bytes == NULL) {
        conn_cut_off(node, conn);
        return;
    }
    struct output *output = &conn->output;
    frame_seal(wire->bytes - FRAME_HEAD_BYTES, kind, (uint32_t)wire->at);
    output->filled += FRAME_HEAD_BYTES + wire->at;
    list_busy(node, conn);
}

void conn_touch(struct node *node, struct conn *conn)
{
    list_busy(node, conn);
}

void conn_sent(struct node *node, uint32_t slot, size_t count)
{
    struct conn *conn = conn_at(node, slot);
    struct output *output = &conn->output;
    assert(conn->role != CONN_FREE);
    assert(count <= output->sending - output->sent);
    output->sent += count;
    node->stages->sums[SUM_SENT] += count;
    if (output->sent == output->sending) {
        output->sending = 0;
        output->sent = 0;
        stages_sent(node, conn);
    }
    output->on_way = false;
    list_busy(node, conn);
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

void conn_sends(struct node *node)
{
    struct node_effects *effects = node->effects;
    for (uint32_t i = 0; i < node->busy_count; i++) {
        struct conn *conn = &node->conns[node->busy[i]];
        conn->listed = false;
        if (conn->role == CONN_FREE)
            continue;
        reply_seal(node, conn);
        struct node_send send = {.conn = node->busy[i]};
        if (next_send(conn, &send))
            effects->sends[effects->send_count++] = send;
        if (conn->closing && !conn->close_told) {
            conn->close_told = true;
            effects->closes[effects->close_count++] = node->busy[i];
        }
    }
    node->busy_count = 0;
}
