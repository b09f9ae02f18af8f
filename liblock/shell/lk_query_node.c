/*
 * The status of a node: one query on its own connection. So it works without a leader,
 * without a session, and beside everything else that the client does.
 */
#include <arpa/inet.h>
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
#include "protocol/request.h"
#include "protocol/stage.h"

static_assert((int)LK_BUCKET_COUNT == (int)HISTOGRAM_BUCKETS,
        "wire and library agree on the buckets");
static_assert(
        (int)LK_STAGE_COUNT == (int)STAGE_COUNT, "wire and library agree on the stages");
static_assert((int)LK_SUM_COUNT == (int)SUM_COUNT, "wire and library agree on the sums");

/* Between two looks at the clock. */
#define PIECE_NS (60 * NS_PER_S)

/* Begins with `visit`: that is how on_cancel finds it. */
struct node_query {
    struct visit visit;
    struct node_query_link link; /* In client->node_queries */
    struct connection connection;
    uint64_t limit_ns;
    const char *address;
    enum frame_kind kind; /* The answer's is one more. */
    void *answer;
    unsigned char buffer[FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX];
    struct frame_reader reader;
};

static enum lk_status give_up(const struct node_query *query, const char *why)
{
    return fail(LK_STATUS_UNKNOWN, "%s: %s", query->address, why);
}

/* Whether somebody wants the call to end before its time; `*said` is the status. */
static bool is_ended(struct node_query *query, enum lk_status *said)
{
    struct lk_client *client = query->visit.client;
    pthread_mutex_lock(&client->mutex);
    bool over = query->link.over;
    pthread_mutex_unlock(&client->mutex);
    if (over)
        *said = fail(LK_STATUS_LOST, "the client is being closed");
    else if (__atomic_load_n(&client->stirs, __ATOMIC_SEQ_CST) != query->link.stirs)
        *said = fail(LK_STATUS_INTERRUPTED, "lk_interrupt() ended the call");
    else
        return false;
    return true;
}

/* What the time ran out for. */
static enum lk_status no_answer(const struct node_query *query)
{
    bool name =
            connection_is_dialing(&query->connection) && lookup_is_pending(query->address);
    return give_up(
            query, name ? "no name server has found its address yet" : "no answer in time");
}

/* Wait until the connection is ready for something, or its own deadline: LK_OK. */
static enum lk_status wait_for(struct node_query *query)
{
    enum lk_status said = LK_OK;
    struct pollfd fds[1 + ADDRESSES_MAX] = {{.fd = query->link.wake_fd, .events = POLLIN}};
    uint32_t count = 1 + connection_poll(&query->connection, fds + 1);
    uint64_t now_ns = clocks_read().boot_ns;
    uint64_t until_ns = u64_min(query->limit_ns, connection_deadline(&query->connection));
    /* In pieces: the clock that poll() waits by stands still while the machine sleeps. */
    uint64_t left_ns = u64_min(u64_rest(until_ns, now_ns), PIECE_NS);
    struct timespec left = {
            .tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
    int ready = visit_poll(&query->visit, fds, count, &left);
    if (ready < 0 && errno == EINTR && query->visit.interruptible)
        return fail(LK_STATUS_INTERRUPTED, "a signal ended the call");
    if (ready > 0 && fds[0].revents != 0)
        descriptor_drain(query->link.wake_fd);
    if (is_ended(query, &said))
        return said;
    return clocks_read().boot_ns < query->limit_ns ? LK_OK : no_answer(query);
}

static enum lk_status reach(struct node_query *query)
{
    struct connection *connection = &query->connection;
    enum connect_result result = connection_begin(
            connection, query->address, query->link.wake_fd, clocks_read().boot_ns);
    while (result == CONNECT_PENDING) {
        enum lk_status said = wait_for(query);
        if (said != LK_OK)
            return said;
        result = connection_continue(connection, clocks_read().boot_ns);
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
    enum lk_status said = wait_for(query);
    if (said != LK_OK)
        return said;
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
    status->bad_reads = node->bad_reads;
    status->elections = node->elections;
    status->lines_dropped = node->lines_dropped;
    status->answers = node->answers;
    status->name_blocks = node->name_blocks;
    status->sessions_max = node->sessions_max;
    status->locks_max = node->locks_max;
    status->holds_max = node->holds_max;
    status->waits_max = node->waits_max;
    status->answers_max = node->answers_max;
    status->name_blocks_max = node->name_blocks_max;
    status->connections_max = node->connections_max;
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

static void copy_share(struct lk_share *share, const struct node_status_share *from)
{
    share->of = (enum lk_share_of)from->of;
    share->used = from->used;
    share->limit = from->most;
    if (from->who.count > 0)
        memcpy(share->who, from->who.bytes, from->who.count);
}

/* As people write it; an IPv4 address is mapped into one of IPv6. */
static void copy_address_share(struct lk_share *share, const struct node_status_share *from)
{
    static_assert(INET6_ADDRSTRLEN <= sizeof(share->who), "an address fits");
    static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    copy_share(share, from);
    const unsigned char *bytes = from->who.bytes;
    if (from->who.count != CLIENT_ADDRESS_BYTES)
        return;
    bool is_v4 = memcmp(bytes, mapped, sizeof(mapped)) == 0;
    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? bytes + sizeof(mapped) : bytes,
            share->who, sizeof(share->who));
}

static bool read_status(const struct frame *frame, void *answer)
{
    struct lk_node_status *status = answer;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    struct node_status node = {0};
    wire_node_status(&wire, &node);
    *status = (struct lk_node_status){.size = status->size,
            .node = node.node,
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
            .commit_heard = node.commit_heard,
            .write_age_ns = node.write_age_ns,
            .segments = node.segments,
            .segments_max = node.segments_max,
            .log_first = node.log_first,
            .snapshot = node.snapshot,
            .snapshot_bytes = node.snapshot_bytes,
            .snapshot_age_ns = node.snapshot_age_ns,
            .snapshot_taken_ns = node.snapshot_taken_ns,
            .time_ns = node.time,
            .digest = node.digest,
            .uptime_ns = node.uptime_ns};
    if (wire.failed)
        return false;
    copy_counts(status, &node);
    copy_share(&status->label_share, &node.label_share);
    copy_address_share(&status->address_share, &node.address_share);
    copy_address_share(&status->connection_share, &node.connection_share);
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

/* Leave the client, which may be closed from now on. */
static void end_query(struct node_query *query)
{
    struct lk_client *client = query->visit.client;
    pthread_mutex_lock(&client->mutex);
    list_remove(&query->link.link);
    pthread_mutex_unlock(&client->mutex);
    connection_close(&query->connection);
    close(query->link.wake_fd);
    struct visit visit = query->visit;
    free(query->answer);
    free(query);
    visit_end(&visit);
}

static void cancel_query(struct visit *visit)
{
    end_query((struct node_query *)(void *)visit);
}

/* A query that lk_close() and lk_interrupt() find; NULL: no memory or descriptor. */
static struct node_query *begin_query(const struct visit *visit, const char *address)
{
    struct lk_client *client = visit->client;
    struct node_query *query = calloc(1, sizeof(*query));
    int wake_fd = descriptor_above_stdio(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (query == NULL || wake_fd < 0) {
        free(query);
        if (wake_fd >= 0)
            close(wake_fd);
        return NULL;
    }
    query->visit = *visit;
    query->visit.on_cancel = cancel_query;
    query->address = address;
    query->connection = (struct connection){
            .fd = -1, .poll_fd = -1, .wait_ns = client->settings.connect_wait_ns};
    query->link.wake_fd = wake_fd;
    pthread_mutex_lock(&client->mutex);
    query->link.stirs = __atomic_load_n(&client->stirs, __ATOMIC_SEQ_CST);
    query->link.over = !client_is_open(client);
    list_push_back(&client->node_queries, &query->link.link);
    pthread_mutex_unlock(&client->mutex);
    return query;
}

static enum lk_status query_in(
        struct visit *visit, uint32_t number, uint64_t wait_ns, struct query_kind *kind)
{
    struct lk_client *client = visit->client;
    const char *address = lk_node_address(client, number);
    enum lk_status said = LK_STATUS_INVALID;
    struct node_query *query = address == NULL ? NULL : begin_query(visit, address);
    if (address == NULL)
        said = fail(said, "the list of nodes has no node %u; it has %u, from 0 on", number,
                lk_node_count(client));
    else if (query == NULL)
        said = fail(LK_STATUS_BUSY, "cannot query %s: %s", address, strerror(errno));
    if (query == NULL) {
        visit_end(visit);
        return said;
    }
    query->answer = kind->answer; /* Freed with the query if the thread is cancelled. */
    query->limit_ns = u64_sum(clocks_read().boot_ns, wait_ns);
    said = perform(query, kind);
    query->answer = NULL;
    end_query(query);
    return said;
}

/* `kind->answer` stays the caller's, unless its thread is cancelled. */
static enum lk_status query_node(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct query_kind *kind)
{
    struct visit visit;
    if (kind->answer == NULL)
        return fail(LK_STATUS_BUSY, "out of memory");
    enum lk_status said = visit_begin(&visit, (struct lk_client *)(uintptr_t)client);
    return said == LK_OK ? query_in(&visit, number, wait_ns, kind) : said;
}

enum lk_status lk_query_status(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_node_status *status)
{
    size_t bytes = status->size;
    struct lk_node_status *full = calloc(1, sizeof(*full));
    struct query_kind kind = {FRAME_STATUS, read_status, full};
    enum lk_status said = query_node(client, number, wait_ns, &kind);
    struct lk_node_status none = {0};
    struct lk_node_status *given = said == LK_OK ? full : &none;
    given->size = bytes;
    give_struct(status, bytes, given, sizeof(*given));
    free(full);
    return said;
}

enum lk_status lk_query_stages(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_node_stages *stages)
{
    size_t bytes = stages->size;
    struct lk_node_stages *full = calloc(2, sizeof(*full));
    struct query_kind kind = {FRAME_STAGES, read_stages, full};
    enum lk_status said = query_node(client, number, wait_ns, &kind);
    if (full == NULL)
        return said;
    struct lk_node_stages *given = said == LK_OK ? full : full + 1; /* All zero */
    given->size = bytes;
    give_struct(stages, bytes, given, sizeof(*given));
    free(full);
    return said;
}

uint64_t lk_bucket_begin(uint32_t bucket)
{
    return bucket < LK_BUCKET_COUNT ? histogram_bucket_begin(bucket) : UINT64_MAX;
}
