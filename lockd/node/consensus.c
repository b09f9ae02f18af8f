/*
 * raft and the world: its events get the time, its effects are done.
 *
 * What a step wants written goes into the log at once and in order; a message that names a
 * write is held until that write is durable. A held message that finds no room is dropped:
 * to raft it is a message lost, which the next heartbeat makes good.
 */
#include "base/mark.h"
#include "node/replica.h"

/* Room for `entries` more, and always for a vote and a truncation besides. */
bool consensus_has_room(const struct node *node, uint32_t entries, uint64_t bytes)
{
    return ring_room(&node->write_ring) > 0 && wal_has_room(node->wal, entries + 2, bytes);
}

static uint64_t event_bytes(const struct raft_event *event)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < event->entry_count; i++)
        bytes += event->entries[i].bytes;
    return bytes;
}

static void append_received(struct node *node, const struct raft_effects *effects)
{
    for (uint32_t i = 0; i < effects->append_count; i++) {
        uint32_t at = effects->append_skip + i;
        const struct entry_head *head = &node->entry_heads[at];
        if (wal_cluster(node->wal) == 0) {
            wal_set_cluster(node->wal, head->cluster);
            node_notice(node, NOTICE_FOUNDED, 0, head->cluster);
        }
        wal_add_entry(node->wal, node->entry_bytes[at], head);
        node->stages->sums[SUM_LOGGED] += entry_bytes(head);
    }
}

static void write(struct node *node, const struct raft_event *event,
        const struct raft_effects *effects)
{
    if (effects->write == 0)
        return;
    if (effects->save)
        wal_add_vote(node->wal, raft_term(node->raft), raft_vote(node->raft));
    if (effects->truncate_from != 0) {
        assert(effects->truncate_from > node->applied);
        wal_add_truncate(node->wal, effects->truncate_from);
    }
    if (event->kind == RAFT_RECEIVE)
        append_received(node, effects);
    node->writes[ring_push(&node->write_ring)] = (struct raft_write){
            .number = effects->write,
            .position = wal_end(node->wal),
    };
    node->stages->busy = true;
}

static void hold(struct node *node, const struct raft_message *message)
{
    if (ring_room(&node->held_ring) == 0) {
        MARK(held_message_dropped);
        return;
    }
    node->held[ring_push(&node->held_ring)] = (struct held_message){
            .after_write = message->after_write,
            .message = message->body,
    };
}

static void send(struct node *node, const struct raft_effects *effects)
{
    for (uint32_t i = 0; i < effects->message_count; i++) {
        const struct raft_message *message = &effects->messages[i];
        if (message->after_write > node->raft_written)
            hold(node, message);
        else
            peers_send(node, &message->body);
    }
}

void consensus_step(struct node *node, struct raft_event *event)
{
    event->now_ns = node->now_ns;
    if (event->kind != RAFT_PROPOSE && raft_may_write(node->raft, event) &&
            !consensus_has_room(node, event->entry_count, event_bytes(event))) {
        MARK(log_has_no_room);
        return;
    }
    struct raft_effects *effects = node->raft_effects;
    bool led = raft_is_leader(node->raft);
    raft_forget(node->raft, wal_window_begin(node->wal));
    raft_step(node->raft, event, effects);
    if (led && !raft_is_leader(node->raft))
        batcher_drop(node);
    write(node, event, effects);
    send(node, effects);
    for (uint32_t i = 0; i < effects->fetch_count; i++)
        fetch_want(node, effects->fetches[i].peer, effects->fetches[i].begin);
    for (uint32_t i = 0; i < effects->read_count; i++)
        reads_ready(node, &effects->reads[i]);
    if (effects->start_term) {
        node->term_start_due = true;
        node->counters.elections++;
    }
    if (effects->notice != RAFT_NOTICE_NONE)
        node_notice(node, NOTICE_RAFT, effects->notice_peer, effects->notice);
}

void consensus_written(struct node *node)
{
    uint64_t durable = wal_durable(node->wal);
    uint64_t number = 0;
    struct ring *ring = &node->write_ring;
    while (!ring_is_empty(ring)) {
        const struct raft_write *oldest = &node->writes[ring_at(ring, ring->begin)];
        if (oldest->position > durable)
            break;
        number = oldest->number;
        stages_durable(node, oldest);
        ring_pop(ring);
    }
    if (number == 0)
        return;
    node->raft_written = number;
    struct raft_event event = {.kind = RAFT_WRITTEN, .write = number};
    consensus_step(node, &event);
    consensus_release(node);
}

void consensus_release(struct node *node)
{
    struct ring *ring = &node->held_ring;
    while (!ring_is_empty(ring)) {
        const struct held_message *oldest = &node->held[ring_at(ring, ring->begin)];
        if (oldest->after_write > node->raft_written)
            break;
        ring_pop(ring);
        peers_send(node, &oldest->message);
    }
}
