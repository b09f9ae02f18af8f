/*
 * Messages between nodes, as bytes.
 *
 * The entries of an append are copied from the log's buffer (or from the chunk just read
 * from disk) behind the message's head. A receiver checks each entry's sum and chain
 * before raft hears of it: what is not an entry of this cluster never enters the log.
 */
#include "base/mark.h"
#include "node/replica.h"

/*
 * Raft sends only what it has in mind, and before each of its steps it forgets what has left
 * the log's buffer (consensus_step); or it sends what was just read for it. Appends are never
 * held for a write, so nothing comes between.
 */
static const unsigned char *find_entry(
        const struct node *node, uint64_t index, struct entry_head *head)
{
    const unsigned char *entry = wal_find(node->wal, index, head);
    if (entry)
        return entry;
    uint64_t at = index - node->chunk_begin;
    assert(index >= node->chunk_begin && at < node->chunk_count);
    bool whole = entry_decode(node->chunk_entries[at], NODE_READ_BYTES_MAX, head);
    assert(whole);
    return node->chunk_entries[at];
}

/* The bytes of all entries that the message carries. */
static size_t entries_bytes(const struct node *node, const struct peer_message *message)
{
    size_t bytes = 0;
    for (uint64_t index = message->begin; index < message->end; index++) {
        struct entry_head head;
        (void)find_entry(node, index, &head);
        bytes += entry_bytes(&head);
    }
    return bytes;
}

static void put_entries(
        const struct node *node, const struct peer_message *message, struct wire *wire)
{
    for (uint64_t index = message->begin; index < message->end; index++) {
        struct entry_head head;
        const unsigned char *entry = find_entry(node, index, &head);
        size_t bytes = entry_bytes(&head);
        wire_require(wire, wire_left(wire) >= bytes);
        if (wire->failed)
            return;
        memcpy(wire->bytes + wire->at, entry, bytes);
        wire->at += bytes;
    }
}

static void stamp(struct node *node, const struct peer *peer, struct peer_message *message)
{
    if (message->kind == PEER_APPEND) {
        bool begun = node->served.term == message->term;
        message->served_ns = begun ? node->served.total_ns : 0;
        message->echo_ns = peer->heard_stamp_ns;
    }
    if (message->kind == PEER_APPEND_ANSWER)
        guard_acknowledge(node, message);
}

void peers_send(struct node *node, const struct peer_message *message)
{
    struct peer *peer = node_peer(node, message->to);
    assert(peer);
    if (peer->conn == NO_CONN)
        return;
    struct conn *conn = conn_at(node, peer->conn);
    if (!conn->greeted || conn->closing)
        return;
    struct peer_message sent = *message;
    stamp(node, peer, &sent);
    size_t bytes = sent.kind == PEER_APPEND ? entries_bytes(node, &sent) : 0;
    struct wire wire = conn_begin(node, conn, 256 + bytes);
    wire_peer_message(&wire, &sent);
    put_entries(node, &sent, &wire);
    conn_end(node, conn, peer_frame_kind(sent.kind), &wire);
}

/* Does the entry follow the one before it in the same log? */
static bool chains(const struct node *node, uint32_t at)
{
    const struct entry_head *head = &node->entry_heads[at];
    if (wal_cluster(node->wal) != 0 && head->cluster != wal_cluster(node->wal))
        return false;
    if (at == 0)
        return true;
    const struct entry_head *before = &node->entry_heads[at - 1];
    return head->previous_sum == before->sum && head->previous_term == before->id.term &&
           head->id.index == before->id.index + 1 && head->cluster == before->cluster;
}

/* Cut the entries apart. False: not what the message says. */
static bool decode_entries(
        struct node *node, const struct peer_message *message, const struct frame *frame)
{
    size_t at = PEER_APPEND_HEAD_BYTES;
    uint64_t count = message->end - message->begin;
    if (message->end < message->begin || count > RAFT_ENTRIES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct entry_head *head = &node->entry_heads[i];
        if (!entry_decode(frame->body + at, frame->body_bytes - at, head))
            return false;
        if (head->id.index != message->begin + i || !chains(node, i))
            return false;
        node->entry_bytes[i] = frame->body + at;
        node->entries[i] = (struct raft_entry){
                .id = head->id,
                .kind = head->kind,
                .bytes = (uint32_t)entry_bytes(head),
        };
        at += entry_bytes(head);
    }
    return at == frame->body_bytes;
}

/* The entry before the first must be the one in the own log, also by its sum. */
static bool fits_log(const struct node *node, const struct peer_message *message)
{
    uint64_t sum = 0;
    if (message->begin == message->end ||
            !wal_sum_at(node->wal, message->previous.index, &sum))
        return true;
    bool same = raft_term_at(node->raft, message->previous.index) == message->previous.term;
    return !same || node->entry_heads[0].previous_sum == sum;
}

static bool decode(
        struct node *node, const struct frame *frame, struct peer_message *message)
{
    bool append = frame->kind == FRAME_PEER_APPEND;
    size_t head_bytes = append ? PEER_APPEND_HEAD_BYTES : frame->body_bytes;
    if (frame->body_bytes < head_bytes)
        return false;
    struct wire wire = wire_reader(frame->body, head_bytes);
    wire_peer_message(&wire, message);
    if (!wire_complete(&wire) || peer_frame_kind(message->kind) != frame->kind)
        return false;
    return !append || (decode_entries(node, message, frame) && fits_log(node, message));
}

void peers_frame(struct node *node, struct conn *conn, const struct frame *frame)
{
    struct peer_message message = {0};
    bool good = frame->kind >= FRAME_PEER_VOTE && frame->kind <= FRAME_PEER_READ_ANSWER &&
                decode(node, frame, &message) && message.from == conn->peer &&
                message.to == node->settings.self;
    if (!good) {
        MARK(peer_nonsense);
        conn_nonsense(node, conn, 100 + (uint64_t)frame->kind);
        return;
    }
    if (message.kind == PEER_APPEND_ANSWER)
        guard_heard_ack(node, node_peer(node, conn->peer), &message);
    if (message.kind == PEER_APPEND)
        guard_heard_append(node, &message);
    struct raft_event event = {
            .kind = RAFT_RECEIVE, .message = &message, .peer = conn->peer};
    if (message.kind == PEER_APPEND) {
        event.entries = node->entries;
        event.entry_count = (uint32_t)(message.end - message.begin);
    }
    consensus_step(node, &event);
}
