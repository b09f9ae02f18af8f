/* Decodes messages of other nodes: see peers.h. */
#include "node/peers.h"

#include "base/mark.h"
#include "base/units.h"
#include "protocol/batch.h"

/*
 * Cluster time never ends: a leader counts only time in which it hears a majority, so no
 * entry adds more than a few election timeouts.
 */
#define DT_MAX_NS (3600 * NS_PER_S)

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

/* Whether this node knows the version; else it is too late for this cluster. */
static bool knows(const struct peers *peers, struct received *received, uint16_t version)
{
    if (version <= peers->settings->versions.most)
        return true;
    received->version_unknown = version;
    return false;
}

/*
 * The first entry of a cluster that this node helps to make has this very directory. A node
 * that joins gets the first entry too, long after.
 */
static bool is_own_bootstrap(const struct peers *peers, struct received *received,
        const unsigned char *body, uint32_t body_bytes)
{
    struct bootstrap bootstrap;
    struct configuration first;
    struct wire wire = wire_reader(body, body_bytes);
    wire_bootstrap(&wire, &bootstrap);
    if (wire.failed || !knows(peers, received, bootstrap.settings.version))
        return false;
    if (raft_is_joining(peers->raft))
        return true;
    configuration_of_bootstrap(&first, &bootstrap);
    const struct member *own = configuration_find(&first, peers->roster->self);
    return own &&
           (own->incarnation == 0 || own->incarnation == wal_incarnation(peers->wal));
}

static bool is_batch(const unsigned char *body, uint32_t body_bytes)
{
    struct batch_reader batch;
    return batch_reader_init(&batch, body, body_bytes) && batch.head.dt_ns <= DT_MAX_NS &&
           batch_is_whole(&batch);
}

/*
 * The version comes first: a change to a version that is not known here may have settings
 * that are not, either.
 */
static bool is_change(const struct peers *peers, struct received *received,
        const unsigned char *body, uint32_t body_bytes)
{
    struct settings_change change;
    struct wire wire = wire_reader(body, body_bytes);
    wire_settings_change(&wire, &change);
    return !wire.failed && knows(peers, received, settings_change_version(&change)) &&
           settings_change_valid(&change);
}

/*
 * An entry that has a configuration gets it as raft is told. Its only voter may be a namesake
 * of this node: the cluster was of one node then, whose place this one took later.
 */
static bool has_voters(const struct peers *peers, const struct entry_head *head,
        const unsigned char *body, struct raft_configuration *sets)
{
    struct configuration configuration;
    if (!configuration_read(&configuration, head, body))
        return false;
    *sets = configuration_for_raft(peers->configurations, &configuration);
    return sets->voters != 0 || sets->has_namesake;
}

/* Can it be applied where it stands? The first entry bootstraps the cluster, no other does. */
static bool can_be_applied(const struct peers *peers, struct received *received,
        const struct entry_head *head, const unsigned char *body,
        struct raft_configuration *sets)
{
    *sets = (struct raft_configuration){0};
    if ((head->id.index == 1) != (head->kind == ENTRY_BOOTSTRAP))
        return false;
    switch (head->kind) {
    case ENTRY_BOOTSTRAP:
        return is_own_bootstrap(peers, received, body, head->body_bytes) &&
               has_voters(peers, head, body, sets);
    case ENTRY_CONFIGURATION:
        return has_voters(peers, head, body, sets);
    case ENTRY_TERM_START:
    case ENTRY_BATCH:
        return is_batch(body, head->body_bytes);
    case ENTRY_SETTINGS:
        return is_change(peers, received, body, head->body_bytes);
    case ENTRY_TRIAL:
        return entry_kind_version(head->kind) <= peers->settings->versions.most;
    }
    return false;
}

/* Cut the entries apart. False: they are not what the message says. */
static bool decode_entries(
        const struct peers *peers, struct received *received, const struct frame *frame)
{
    uint64_t cluster = wal_cluster(peers->wal);
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
        struct raft_configuration sets;
        const unsigned char *body = frame->body + at + ENTRY_HEAD_BYTES;
        if (!can_be_applied(peers, received, head, body, &sets))
            return false;
        received->bytes[i] = frame->body + at;
        received->entries[i] = (struct raft_entry){
                .id = head->id,
                .kind = head->kind,
                .bytes = (uint32_t)entry_bytes(head),
                .configuration = sets,
        };
        at += entry_bytes(head);
    }
    received->count = (uint32_t)count;
    return at == frame->body_bytes;
}

/* An entry that is here already must be the same one, also by its sum. */
static bool fits_entries(const struct peers *peers, const struct received *received)
{
    for (uint32_t i = 0; i < received->count; i++) {
        const struct entry_head *head = &received->heads[i];
        uint64_t sum = 0;
        bool known = raft_term_at(peers->raft, head->id.index) == head->id.term &&
                     wal_sum_at(peers->wal, head->id.index, &sum);
        if (known && sum != head->sum)
            return false;
    }
    return true;
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
    received->version_unknown = 0;
    bool append = frame->kind == FRAME_PEER_APPEND;
    size_t head_bytes = append ? PEER_APPEND_HEAD_BYTES : frame->body_bytes;
    if (frame->body_bytes < head_bytes)
        return false;
    struct wire wire = wire_reader(frame->body, head_bytes);
    wire_peer_message(&wire, message);
    if (wire.failed || peer_frame_kind(message->kind) != frame->kind)
        return false;
    return !append || (decode_entries(peers, received, frame) &&
                              fits_log(peers, received) && fits_entries(peers, received));
}

/* What the message says of clocks counts only if the message counts. */
static void tell_guard(const struct peers *peers, const struct peer_message *message)
{
    if (message->kind == PEER_APPEND_ANSWER)
        guard_heard_ack(peers->guard, roster_find(peers->roster, message->from), message);
    if (message->kind == PEER_APPEND)
        guard_heard_append(peers->guard, message);
}

enum raft_objection peers_decode(const struct peers *peers, struct conn *conn,
        const struct frame *frame, struct received *received, struct raft_event *event)
{
    assert(conn->role == CONN_PEER && conn->greeted);
    const struct peer_message *message = &received->message;
    bool good = frame->kind >= FRAME_PEER_VOTE && frame->kind <= FRAME_PEER_READ_ANSWER &&
                decode(peers, frame, received) && message->from == conn->peer &&
                message->to == peers->roster->self;
    assert(!good || received->count == 0 || message->kind == PEER_APPEND);
    *event = (struct raft_event){
            .kind = RAFT_RECEIVE,
            .message = message,
            .peer = conn->peer,
            .entries = received->entries,
            .entry_count = received->count,
    };
    enum raft_objection objection = good ? raft_object(peers->raft, event) : RAFT_UNSOUND;
    if (objection == RAFT_SOUND)
        tell_guard(peers, message);
    if (objection == RAFT_UNSOUND && received->version_unknown == 0) {
        MARK(peer_nonsense);
        conn_nonsense(peers->conns, conn, 100 + (uint64_t)frame->kind);
    }
    return objection;
}
