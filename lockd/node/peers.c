/* Decodes messages of other nodes: see peers.h. */
#include "node/peers.h"

#include "base/mark.h"

/* Does the entry follow the one before it in the same log? */
static bool chains(const struct received *received, uint32_t at, uint64_t cluster)
{
    const struct entry_head *head = &received->heads[at];
    if (cluster != 0 && head->cluster != cluster)
        return false;
    if (at == 0)
        return true;
    const struct entry_head *before = &received->heads[at - 1];
    return head->previous_sum == before->sum && head->previous_term == before->id.term &&
           head->id.index == before->id.index + 1 && head->cluster == before->cluster;
}

/* Cut the entries apart. False: they are not what the message says. */
static bool decode_entries(
        struct received *received, const struct frame *frame, uint64_t cluster)
{
    const struct peer_message *message = &received->message;
    size_t at = PEER_APPEND_HEAD_BYTES;
    uint64_t count = message->end - message->begin;
    if (message->end < message->begin || count > RAFT_ENTRIES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct entry_head *head = &received->heads[i];
        if (!entry_decode(frame->body + at, frame->body_bytes - at, head))
            return false;
        if (head->id.index != message->begin + i || !chains(received, i, cluster))
            return false;
        received->bytes[i] = frame->body + at;
        received->entries[i] = (struct raft_entry){
                .id = head->id,
                .kind = head->kind,
                .bytes = (uint32_t)entry_bytes(head),
        };
        at += entry_bytes(head);
    }
    received->count = (uint32_t)count;
    return at == frame->body_bytes;
}

/* The entry before the first must be the one in this log, also by its sum. */
static bool fits_log(const struct peers *peers, const struct received *received)
{
    const struct peer_message *message = &received->message;
    uint64_t sum = 0;
    if (message->begin == message->end ||
            !wal_sum_at(peers->wal, message->previous.index, &sum))
        return true;
    bool same =
            raft_term_at(peers->raft, message->previous.index) == message->previous.term;
    return !same || received->heads[0].previous_sum == sum;
}

static bool decode(
        const struct peers *peers, const struct frame *frame, struct received *received)
{
    struct peer_message *message = &received->message;
    *message = (struct peer_message){0};
    received->count = 0;
    bool append = frame->kind == FRAME_PEER_APPEND;
    size_t head_bytes = append ? PEER_APPEND_HEAD_BYTES : frame->body_bytes;
    if (frame->body_bytes < head_bytes)
        return false;
    struct wire wire = wire_reader(frame->body, head_bytes);
    wire_peer_message(&wire, message);
    if (!wire_complete(&wire) || peer_frame_kind(message->kind) != frame->kind)
        return false;
    return !append || (decode_entries(received, frame, wal_cluster(peers->wal)) &&
                              fits_log(peers, received));
}

bool peers_decode(const struct peers *peers, struct conn *conn, const struct frame *frame,
        struct received *received, struct raft_event *event)
{
    assert(conn->role == CONN_PEER && conn->greeted);
    const struct peer_message *message = &received->message;
    bool good = frame->kind >= FRAME_PEER_VOTE && frame->kind <= FRAME_PEER_READ_ANSWER &&
                decode(peers, frame, received) && message->from == conn->peer &&
                message->to == peers->roster->self;
    if (!good) {
        MARK(peer_nonsense);
        conn_nonsense(peers->conns, conn, 100 + (uint64_t)frame->kind);
        return false;
    }
    if (message->kind == PEER_APPEND_ANSWER)
        guard_heard_ack(peers->guard, roster_find(peers->roster, conn->peer), message);
    if (message->kind == PEER_APPEND)
        guard_heard_append(peers->guard, message);
    assert(received->count == 0 || message->kind == PEER_APPEND);
    *event = (struct raft_event){
            .kind = RAFT_RECEIVE,
            .message = message,
            .peer = conn->peer,
            .entries = received->entries,
            .entry_count = received->count,
    };
    return true;
}
