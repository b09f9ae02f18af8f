/*
 * What a node says of itself: one question on a connection of its own, so that it works
 * without a leader, without a session, and beside whatever else the client does.
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

static_assert(
        (int)LK_BUCKETS == (int)HISTOGRAM_BUCKETS, "wire and library agree on the buckets");
static_assert((int)LK_STAGES == (int)STAGE_COUNT, "wire and library agree on the stages");
static_assert((int)LK_SUMS == (int)SUM_COUNT, "wire and library agree on the sums");

struct question {
    struct connection connection;
    int wake_fd;
    uint64_t limit_ns;
    const char *address;
    enum frame_kind kind; /* The answer's is one more. */
    unsigned char buffer[FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX];
    struct frame_reader reader;
};

static enum lk_status give_up(const struct question *question, const char *why)
{
    return fail(LK_UNKNOWN, "%s: %s", question->address, why);
}

/* Wait for the descriptor; false when the time is over. */
static bool wait_for(const struct question *question, int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    for (;;) {
        uint64_t now_ns = clocks_read().boot_ns;
        if (now_ns >= question->limit_ns)
            return false;
        uint64_t ms = (question->limit_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        int count = poll(&ready, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return false;
    }
}

static enum lk_status reach(struct question *question)
{
    struct connection *connection = &question->connection;
    enum connect_result result =
            connection_begin(connection, question->address, question->wake_fd);
    while (result == CONNECT_PENDING) {
        bool resolving = connection->resolving != NULL;
        int fd = resolving ? question->wake_fd : connection->fd;
        if (!wait_for(question, fd, resolving ? POLLIN : POLLOUT))
            return give_up(question, "no answer in time");
        result = connection_continue(connection);
    }
    if (result == CONNECT_DONE)
        return LK_OK;
    char text[160];
    struct core_notice notice = {.kind = CORE_NOTICE_CONNECT_FAILED,
            .number = (uint64_t)(int64_t)connection->error};
    return give_up(question, notice_text(&notice, text, sizeof(text)));
}

/* Hello and question in one piece: a welcome is not needed to ask. */
static enum lk_status send_question(struct question *question)
{
    unsigned char bytes[256];
    struct hello hello = {.role = HELLO_CLIENT};
    struct wire wire =
            wire_writer(bytes + FRAME_HEAD_BYTES, sizeof(bytes) - FRAME_HEAD_BYTES);
    wire_hello(&wire, &hello);
    frame_seal(bytes, FRAME_HELLO, (uint32_t)wire.at);
    size_t at = FRAME_HEAD_BYTES + wire.at;
    frame_seal(bytes + at, question->kind, 0);
    at += FRAME_HEAD_BYTES;
    struct connection *connection = &question->connection;
    ssize_t sent = connection_send(connection, bytes, at);
    if (sent == (ssize_t)at)
        return LK_OK;
    return give_up(question, strerror(sent < 0 ? connection->error : EAGAIN));
}

/* Whether there is a frame that decides: LK_OK with the answer, or why there is none. */
static bool take_frame(struct question *question, struct frame *frame, enum lk_status *said)
{
    *said = LK_OK;
    while (frame_reader_next(&question->reader, frame)) {
        if (frame->kind == FRAME_REFUSED)
            *said = give_up(question, "refused the connection");
        bool answer = (int)frame->kind == (int)question->kind + 1;
        if (frame->kind == FRAME_REFUSED || answer)
            return true;
    }
    if (question->reader.fault == FRAME_FAULT_VERSION)
        *said = fail(LK_VERSION, "%s: uses another protocol version", question->address);
    else if (question->reader.fault != FRAME_FAULT_NONE)
        *said = give_up(question, "sent an answer that cannot be parsed");
    return *said != LK_OK;
}

/* Receive once; LK_OK also if nothing came. */
static enum lk_status receive_some(struct question *question)
{
    if (!wait_for(question, question->connection.fd, POLLIN))
        return give_up(question, "no answer in time");
    size_t room;
    unsigned char *space = frame_reader_space(&question->reader, &room);
    struct connection *connection = &question->connection;
    ssize_t count = connection_receive(connection, space, room);
    if (count < 0 && connection->error == 0)
        return give_up(question, "closed the connection");
    if (count < 0)
        return give_up(question, strerror(connection->error));
    if (count > 0)
        frame_reader_feed(&question->reader, space, (size_t)count);
    return LK_OK;
}

/* Until the frame with the answer is there. */
static enum lk_status receive_answer(struct question *question, struct frame *frame)
{
    enum lk_status said;
    frame_reader_init(&question->reader, question->buffer, sizeof(question->buffer));
    while (!take_frame(question, frame, &said)) {
        said = receive_some(question);
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
        wire_require(wire, bucket.bucket < LK_BUCKETS);
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

/* A row of a number that is not known here is read and forgotten. */
static void read_stage(struct wire *wire, struct lk_node_stages *stages)
{
    struct lk_histogram unknown;
    struct stage_row row = {0};
    wire_stage_row(wire, &row);
    struct lk_histogram *histogram =
            row.stage < LK_STAGES ? &stages->stages[row.stage] : &unknown;
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
        if (value.sum < LK_SUMS)
            stages->sums[value.sum] = value.value;
    }
    return wire_complete(&wire);
}

/* What to ask, and how to take the answer. */
struct asking {
    enum frame_kind kind;
    bool (*read)(const struct frame *frame, void *answer);
    void *answer;
};

static enum lk_status ask(struct question *question, const struct asking *asking)
{
    struct frame frame;
    question->kind = asking->kind;
    enum lk_status said = reach(question);
    if (said == LK_OK)
        said = send_question(question);
    if (said == LK_OK)
        said = receive_answer(question, &frame);
    if (said == LK_OK && !asking->read(&frame, asking->answer))
        said = give_up(question, "sent an answer that cannot be parsed");
    return said;
}

static enum lk_status ask_number(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, const struct asking *asking)
{
    if (!client_is_ours(client))
        return fail(LK_LOST,
                "this handle belongs to the parent process; open a client after fork()");
    const char *address = lk_node_address(client, number);
    if (address == NULL)
        return fail(LK_INVALID, "the list of nodes has no node %u", number);
    struct question *question = calloc(1, sizeof(*question));
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (question == NULL || wake_fd < 0) {
        free(question);
        return fail(LK_BUSY, "cannot query %s: %s", address, strerror(errno));
    }
    uint64_t now_ns = clocks_read().boot_ns;
    question->address = address;
    question->wake_fd = wake_fd;
    question->connection.fd = -1;
    question->limit_ns = u64_sum(now_ns, wait_ns);
    enum lk_status said = ask(question, asking);
    connection_close(&question->connection);
    close(wake_fd);
    free(question);
    return said;
}

enum lk_status lk_query_status(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_node_status *status)
{
    *status = (struct lk_node_status){0};
    struct asking asking = {FRAME_STATUS, read_status, status};
    return ask_number(client, number, wait_ns, &asking);
}

enum lk_status lk_query_stages(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_node_stages *stages)
{
    *stages = (struct lk_node_stages){0};
    struct asking asking = {FRAME_STAGES, read_stages, stages};
    return ask_number(client, number, wait_ns, &asking);
}

uint64_t lk_bucket_begin(uint32_t bucket)
{
    return bucket < LK_BUCKETS ? histogram_bucket_begin(bucket) : UINT64_MAX;
}
