/* Sends or holds messages to other nodes: see outbox.h. */
#include "node/outbox.h"

#include "base/mark.h"

void outbox_carve(struct outbox *outbox, struct arena *arena)
{
    outbox->held =
            arena_take(arena, "node.held", HELD_MAX, sizeof(struct held_message), 64);
}

void outbox_init(struct outbox *outbox)
{
    ring_init(&outbox->ring, HELD_MAX);
}

/*
 * Raft sends only what it has in mind, and before each of its steps it forgets what has
 * left the log's buffer; or it sends what was just read for it. Appends are never held for
 * a write, so nothing comes between.
 */
static const unsigned char *find_entry(const struct outbox *outbox,
        const struct chunk *chunk, uint64_t index, struct entry_head *head)
{
    const unsigned char *entry = wal_find(outbox->wal, index, head);
    if (entry)
        return entry;
    assert(chunk);
    uint64_t at = index - chunk->begin;
    assert(index >= chunk->begin && at < chunk->count);
    bool whole = entry_decode(chunk->entries[at], NODE_READ_BYTES_MAX, head);
    assert(whole);
    return chunk->entries[at];
}

/* The bytes of all entries that the message carries. */
static size_t entries_bytes(const struct outbox *outbox, const struct chunk *chunk,
        const struct peer_message *message)
{
    size_t bytes = 0;
    for (uint64_t index = message->begin; index < message->end; index++) {
        struct entry_head head;
        (void)find_entry(outbox, chunk, index, &head);
        bytes += entry_bytes(&head);
    }
    return bytes;
}

static void put_entries(const struct outbox *outbox, const struct chunk *chunk,
        const struct peer_message *message, struct wire *wire)
{
    for (uint64_t index = message->begin; index < message->end; index++) {
        struct entry_head head;
        const unsigned char *entry = find_entry(outbox, chunk, index, &head);
        size_t bytes = entry_bytes(&head);
        wire_require(wire, wire_left(wire) >= bytes);
        if (wire->failed)
            return;
        memcpy(wire->bytes + wire->at, entry, bytes);
        wire->at += bytes;
    }
}

static void stamp(
        struct outbox *outbox, const struct peer *peer, struct peer_message *message)
{
    if (message->kind == PEER_APPEND) {
        message->served_ns = served_total_ns(outbox->served, message->term);
        message->echo_ns = peer->heard_stamp_ns;
    }
    if (message->kind == PEER_APPEND_ANSWER)
        guard_acknowledge(outbox->guard, message);
}

static void send(struct outbox *outbox, const struct peer_message *message,
        const struct chunk *chunk)
{
    struct peer *peer = roster_find(outbox->roster, message->to);
    assert(peer);
    if (peer->conn == NO_CONN)
        return;
    struct conn *conn = conn_at(outbox->conns, peer->conn);
    if (!conn->greeted || conn->closing)
        return;
    assert(message->from == outbox->roster->self);
    assert(conn->role == CONN_PEER && conn->peer == peer->id);
    struct peer_message sent = *message;
    stamp(outbox, peer, &sent);
    size_t bytes = sent.kind == PEER_APPEND ? entries_bytes(outbox, chunk, &sent) : 0;
    struct wire wire = conn_begin(conn, 256 + bytes);
    wire_peer_message(&wire, &sent);
    put_entries(outbox, chunk, &sent, &wire);
    conn_end(outbox->conns, conn, peer_frame_kind(sent.kind), &wire);
}

static void hold(struct outbox *outbox, const struct raft_message *message)
{
    assert(message->body.kind != PEER_APPEND);
    if (ring_room(&outbox->ring) == 0) {
        MARK(held_message_dropped);
        return;
    }
    outbox->held[ring_push(&outbox->ring)] = (struct held_message){
            .after_write = message->after_write,
            .message = message->body,
    };
}

void outbox_send(struct outbox *outbox, const struct raft_effects *effects,
        uint64_t written, const struct chunk *chunk)
{
    assert(effects->message_count <= RAFT_MESSAGES_MAX);
    for (uint32_t i = 0; i < effects->message_count; i++) {
        const struct raft_message *message = &effects->messages[i];
        if (message->after_write > written)
            hold(outbox, message);
        else
            send(outbox, &message->body, chunk);
    }
}

void outbox_release(struct outbox *outbox, uint64_t written)
{
    assert(written > 0);
    struct ring *ring = &outbox->ring;
    while (!ring_is_empty(ring)) {
        const struct held_message *oldest = &outbox->held[ring_at(ring, ring->begin)];
        if (oldest->after_write > written)
            break;
        ring_pop(ring);
        send(outbox, &oldest->message, NULL);
    }
}

void outbox_check(const struct outbox *outbox, uint64_t written)
{
    const struct ring *ring = &outbox->ring;
    for (uint64_t at = ring->begin; at < ring->end; at++) {
        const struct held_message *held = &outbox->held[ring_at(ring, at)];
        assert(held->message.kind != PEER_APPEND);
        assert(held->message.from == outbox->roster->self);
        /* The oldest waits for its write; the others wait for the oldest. */
        if (at == ring->begin)
            assert(held->after_write > written);
    }
}
