/*
 * The status of a node: one query on its own connection. So it works without a leader,
 * without a session, and beside everything else that the client does.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/numbers.h"
#include "lk_internal.h"
#include "protocol/node_status.h"
#include "protocol/stage.h"

static_assert((int)LK_BUCKET_COUNT == (int)HISTOGRAM_BUCKETS,
        "wire and library agree on the buckets");
static_assert(
        (int)LK_STAGE_COUNT == (int)STAGE_COUNT, "wire and library agree on the stages");
static_assert((int)LK_SUM_COUNT == (int)SUM_COUNT, "wire and library agree on the sums");

struct node_query {
    struct connection connection;
    int wake_fd;
    uint64_t limit_ns;
    const char *address;
    enum frame_kind kind; /* The answer's is one more. */
    unsigned char buffer[FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX];
    struct frame_reader reader;
};

static enum lk_status give_up(const struct node_query *query, const char *why)
{
    return fail(LK_STATUS_UNKNOWN, "%s: %s", query->address, why);
}

/* Wait for the descriptor; false when the time is over. */
static bool wait_for(const struct node_query *query, int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    for (;;) {
        uint64_t now_ns = clocks_read().boot_ns;
        if (now_ns >= query->limit_ns)
            return false;
        uint64_t ms = (query->limit_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        int count = poll(&ready, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return false;
    }
}

static enum lk_status reach(struct node_query *query)
{
    struct connection *connection = &query->connection;
    enum connect_result result =
            connection_begin(connection, query->address, query->wake_fd);
    while (result == CONNECT_PENDING) {
        bool resolving = connection->resolving != NULL;
        int fd = resolving ? query->wake_fd : connection->fd;
        if (!wait_for(query, fd, resolving ? POLLIN : POLLOUT))
            return give_up(query, "no answer in time");
        result = connection_continue(connection);
    }
    if (result == CONNECT_DONE)
        return LK_OK;
    char text[160];
    struct core_notice notice = {.kind = CORE_NOTICE_CONNECT_FAILED,
            .number = (uint64_t)(int64_t)connection->error};
    return give_up(query, notice_text(&notice, text, sizeof(text)));
}

/* Hello and query in one piece: a query needs no welcome. */
static enum lk_status send_query(struct node_query *query)
{
    unsigned char bytes[256];
    struct hello hello = {.role = HELLO_CLIENT};
    struct wire wire =
            wire_writer(bytes + FRAME_HEAD_BYTES, sizeof(bytes) - FRAME_HEAD_BYTES);
    wire_hello(&wire, &hello);
    frame_seal(bytes, FRAME_HELLO, (uint32_t)wire.at);
    size_t at = FRAME_HEAD_BYTES + wire.at;
    frame_seal(bytes + at, query->kind, 0);
    at += FRAME_HEAD_BYTES;
    struct connection *connection = &query->connection;
    ssize_t sent = connection_send(connection, bytes, at);
    if (sent == (ssize_t)at)
        return LK_OK;
    return give_up(query, strerror(sent < 0 ? connection->error : EAGAIN));
}

/* Whether there is a frame that decides: LK_OK with the answer, or why there is none. */
static bool take_frame(struct node_query *query, struct frame *frame, enum lk_status *said)
{
    *said = LK_OK;
    while (frame_reader_next(&query->reader, frame)) {
        if (frame->kind == FRAME_REFUSED)
            *said = give_up(query, "refused the connection");
        bool answer = (int)frame->kind == (int)query->kind + 1;
        if (frame->kind == FRAME_REFUSED || answer)
            return true;
    }
    if (query->reader.fault == FRAME_FAULT_VERSION)
        *said = fail(
                LK_STATUS_VERSION, "%s: uses another protocol version", query->address);
    else if (query->reader.fault != FRAME_FAULT_NONE)
        *said = give_up(query, "sent an answer that cannot be parsed");
    return *said != LK_OK;
}

/* Receive once; LK_OK also if nothing came. */
static enum lk_status receive_some(struct node_query *query)
{
    if (!wait_for(query, query->connection.fd, POLLIN))
        return give_up(query, "no answer in time");
    size_t room;
    unsigned char *space = frame_reader_space(&query->reader, &room);
    struct connection *connection = &query->connection;
    ssize_t count = connection_receive(connection, space, room);
    if (count < 0 && connection->error == 0)
        return give_up(query, "closed the connection");
    if (count < 0)
        return give_up(query, strerror(connection->error));
    if (count > 0)
        frame_reader_feed(&query->reader, space, (size_t)count);
    return LK_OK;
}

/* Until the frame with the answer is there. */
static enum lk_status receive_answer(struct node_query *query, struct frame *frame)
{
    enum lk_status said;
    frame_reader_init(&query->reader, query->buffer, sizeof(query->buffer));
    while (!take_frame(query, frame, &said)) {
        said = receive_some(query);
        if (said != LK_OK)
            return said;
    }
    return said;
}

static void read_buckets(struct wire *wire, uint64_t *buckets)
{
    uint16_t count = 0;
    wire_bucket_count(wire, &count);
    for (uint16_t i = 0; i < count && !wire->failed; i++) {
        struct node_status_bucket bucket = {0};
        wire_bucket(wire, &bucket);
        wire_require(wire, bucket.bucket < LK_BUCKET_COUNT);
        if (!wire->failed)
            buckets[bucket.bucket] = bucket.count;
    }
}

static void copy_counts(struct lk_node_status *status, const struct node_status *node)
{
    status->sessions = node->sessions;
    status->locks = node->locks;
    status->holds = node->holds;
    status->waits = node->waits;
    status->connections = node->connections;
    status->requests = node->requests;
    status->refused_busy = node->refused_busy;
    status->bad_frames = node->bad_frames;
    status->elections = node->elections;
    status->lines_dropped = node->lines_dropped;
    status->peer_count = node->peer_count;
    for (uint32_t i = 0; i < node->peer_count; i++)
        status->peers[i] = (struct lk_peer){.node = node->peers[i].node,
                .connected = node->peers[i].connected,
                .match = node->peers[i].match,
                .heard_ns = node->peers[i].heard_ns};
    uint32_t bytes = node->version.count;
    if (bytes >= sizeof(status->version))
        bytes = sizeof(status->version) - 1;
    if (bytes > 0)
        memcpy(status->version, node->version.bytes, bytes);
}

static bool read_status(const struct frame *frame, void *answer)
{
    struct lk_node_status *status = answer;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    struct node_status node = {0};
    wire_node_status(&wire, &node);
    *status = (struct lk_node_status){.node = node.node,
            .role = (enum lk_role)node.role,
            .leader = node.leader,
            .condition = (enum lk_condition)node.condition,
            .missing = node.missing,
            .cluster = node.cluster,
            .term = node.term,
            .commit = node.commit,
            .applied = node.applied,
            .last = node.last,
            .durable = node.durable,
            .time_ns = node.time,
            .digest = node.digest,
            .uptime_ns = node.uptime_ns};
    if (wire.failed)
        return false;
    copy_counts(status, &node);
    read_buckets(&wire, status->commit_latency);
    read_buckets(&wire, status->entry_commands);
    return wire_complete(&wire);
}

/* A row with an unknown number is read and dropped. */
static void read_stage(struct wire *wire, struct lk_node_stages *stages)
{
    struct lk_histogram unknown;
    struct stage_row row = {0};
    wire_stage_row(wire, &row);
    struct lk_histogram *histogram =
            row.stage < LK_STAGE_COUNT ? &stages->stages[row.stage] : &unknown;
    histogram->greatest = row.greatest;
    read_buckets(wire, histogram->buckets);
}

static bool read_stages(const struct frame *frame, void *answer)
{
    struct lk_node_stages *stages = answer;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    struct stages_head head = {0};
    wire_stages_head(&wire, &head);
    stages->uptime_ns = head.uptime_ns;
    for (uint8_t i = 0; i < head.rows && !wire.failed; i++)
        read_stage(&wire, stages);
    for (uint8_t i = 0; i < head.sums && !wire.failed; i++) {
        struct stage_value value = {0};
        wire_stage_value(&wire, &value);
        if (value.sum < LK_SUM_COUNT)
            stages->sums[value.sum] = value.value;
    }
    return wire_complete(&wire);
}

/* What to query, and how to read the answer. */
struct query_kind {
    enum frame_kind kind;
    bool (*read)(const struct frame *frame, void *answer);
    void *answer;
};

static enum lk_status perform(struct node_query *query, const struct query_kind *kind)
{
    struct frame frame;
    query->kind = kind->kind;
    enum lk_status said = reach(query);
    if (said == LK_OK)
        said = send_query(query);
    if (said == LK_OK)
        said = receive_answer(query, &frame);
    if (said == LK_OK && !kind->read(&frame, kind->answer))
        said = give_up(query, "sent an answer that cannot be parsed");
    return said;
}

static enum lk_status query_node(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, const struct query_kind *kind)
{
    if (!client_is_ours(client))
        return fail(LK_STATUS_LOST,
                "this handle belongs to the parent process; open a client after fork()");
    const char *address = lk_node_address(client, number);
    if (address == NULL)
        return fail(LK_STATUS_INVALID, "the list of nodes has no node %u", number);
    struct node_query *query = calloc(1, sizeof(*query));
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (query == NULL || wake_fd < 0) {
        free(query);
        return fail(LK_STATUS_BUSY, "cannot query %s: %s", address, strerror(errno));
    }
    uint64_t now_ns = clocks_read().boot_ns;
    query->address = address;
    query->wake_fd = wake_fd;
    query->connection.fd = -1;
    query->limit_ns = u64_sum(now_ns, wait_ns);
    enum lk_status said = perform(query, kind);
    connection_close(&query->connection);
    close(wake_fd);
    free(query);
    return said;
}

enum lk_status lk_query_status(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_node_status *status)
{
    *status = (struct lk_node_status){0};
    struct query_kind kind = {FRAME_STATUS, read_status, status};
    return query_node(client, number, wait_ns, &kind);
}

enum lk_status lk_query_stages(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_node_stages *stages)
{
    *stages = (struct lk_node_stages){0};
    struct query_kind kind = {FRAME_STAGES, read_stages, stages};
    return query_node(client, number, wait_ns, &kind);
}

uint64_t lk_bucket_begin(uint32_t bucket)
{
    return bucket < LK_BUCKET_COUNT ? histogram_bucket_begin(bucket) : UINT64_MAX;
}
