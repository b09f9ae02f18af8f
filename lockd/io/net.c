#include "io/net.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "io/listen.h"
#include "io/net_bytes.h"
#include "io/net_peer.h"
#include "io/net_slot.h"
#include "protocol/frame.h"
#include "protocol/hello.h"

/* In one turn: what accepting costs is small beside the turn, however many wait. */
enum {
    ACCEPTS_PER_TURN = 32
};

static const uint64_t linger_ns = 500 * NS_PER_MS;
static const uint64_t accept_pause_ns = 100 * NS_PER_MS;
static const uint64_t full_pause_ns = 50 * NS_PER_MS;
static const uint64_t refused_said_every_ns = 10 * NS_PER_S;

void net_carve(struct net *net, struct arena *arena, uint32_t connections_max)
{
    net->conn_count = connections_max;
    net->conns = arena_take(arena, "connections", connections_max, sizeof *net->conns,
            alignof(struct conn));
}

/* Both sides end now: all operations under way complete soon. */
static void end_conn(struct net *net, struct conn *conn, bool by_other)
{
    if (conn->state == CONN_ENDING)
        return;
    conn->by_other = by_other && conn->state == CONN_OPEN;
    slot_unlink(conn);
    conn->state = CONN_ENDING;
    (void)shutdown(conn->fd, SHUT_RDWR);
    slot_finish(net, conn);
}

/* ---- Receiving ---- */

/* It ends then at the latest, whatever the other side does. */
static void await_end(struct net *net, struct conn *conn)
{
    slot_unlink(conn);
    conn->linger_until_ns = net->turn->now_ns + linger_ns;
    list_push_back(&net->lingering, &conn->link);
}

/* Everything is sent: give the other side a moment to read it. */
static void linger(struct net *net, struct conn *conn)
{
    await_end(net, conn);
    if (!conn->receiving)
        bytes_arm_receive(net, conn);
    conn->state = CONN_LINGERING;
    (void)shutdown(conn->fd, SHUT_WR);
}

void net_received(struct net *net, const struct uring_done *done)
{
    struct conn *conn = slot_at(net, uring_tag_slot(done->tag));
    bool armed = (done->flags & IORING_CQE_F_MORE) != 0;
    if (!armed) {
        conn->receiving = false;
        slot_done(conn);
    }
    if (done->result > 0)
        bytes_take(net, conn, done);
    else if ((done->flags & IORING_CQE_F_BUFFER) != 0)
        uring_give_buffer(net->uring, done->flags);

    if (conn->state == CONN_ENDING)
        slot_finish(net, conn);
    else if (done->result == 0)
        end_conn(net, conn, true);
    else if (done->result < 0 && done->result != -ENOBUFS && done->result != -EINTR &&
             done->result != -EAGAIN)
        end_conn(net, conn, done->result == -ECONNRESET);
    else if (!armed && conn->state == CONN_LINGERING)
        bytes_arm_receive(net, conn);
    else if (!armed && !list_is_linked(&conn->link))
        list_push_back(&net->unarmed, &conn->link);
}

/* ---- Sending ---- */

/* What was still under way when the node wanted the connection closed. */
static void send_rest(struct net *net, struct conn *conn, size_t sent)
{
    if (!bytes_send_rest(net, conn, sent))
        linger(net, conn);
}

void net_sent(struct net *net, const struct uring_done *done)
{
    struct conn *conn = slot_at(net, uring_tag_slot(done->tag));
    conn->sending = false;
    slot_done(conn);
    if (conn->state == CONN_ENDING)
        slot_finish(net, conn);
    else if (done->result == -EINTR || done->result == -EAGAIN)
        bytes_send_again(net, conn);
    else if (done->result < 0)
        end_conn(net, conn, done->result == -ECONNRESET || done->result == -EPIPE);
    else if (conn->state == CONN_CLOSING)
        send_rest(net, conn, (size_t)done->result);
    else
        bytes_tell_sent(net, conn, (size_t)done->result);
}

/* ---- Accepting ---- */

/* No slot: send a refusal if that costs nothing, and close. */
static void refuse(struct net *net, int fd)
{
    (void)send(fd, net->refusal, net->refusal_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)close(fd);
    net->refused_count++;
    if (net->turn->now_ns < net->refused_said_ns + refused_said_every_ns)
        return;
    net->refused_said_ns = net->turn->now_ns;
    tell_line(net->tell, TELL_WARN, "connections-full",
            "refused=%llu connections=%u: all connections are in use; raise --connections",
            (unsigned long long)net->refused_count, net->conn_count);
}

static bool has_slot(const struct net *net)
{
    return net->free_count > net->reserved;
}

static void take_accepted(struct net *net, int fd, const struct sockaddr_storage *from)
{
    char text[NODE_FROM_BYTES];
    struct conn *conn = slot_take(net, fd, 0);
    conn->state = CONN_OPEN;
    list_push_back(&net->unarmed, &conn->link);
    unsigned char address[CLIENT_ADDRESS_BYTES];
    listen_text(from, text);
    listen_bytes(from, address);
    turn_step(net->turn, (struct node_event){.kind = NODE_ACCEPTED,
                                 .conn = slot_number(net, conn),
                                 .bytes = text,
                                 .count = strlen(text),
                                 .address = address});
}

/* Without a free descriptor, accepting would fail again at once: pause. */
static void pause_accepting(struct net *net, int error)
{
    net->accept_again_ns = net->turn->now_ns + accept_pause_ns;
    bool same = error == net->accept_error;
    if (same && net->turn->now_ns < net->accept_said_ns + refused_said_every_ns)
        return;
    net->accept_error = error;
    net->accept_said_ns = net->turn->now_ns;
    tell_line(net->tell, TELL_WARN, "accept-failed",
            "error=\"%s\": connections wait until the system has room; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=) or fs.file-max",
            strerror(error));
}

/* The error of one connection: the next one may be accepted. */
static bool is_of_connection(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM ||
           error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN ||
           error == ENONET || error == EHOSTUNREACH || error == ENETUNREACH;
}

/* One connection from the kernel's queue. False: no more in this turn. */
static bool accept_one(struct net *net)
{
    struct sockaddr_storage from = {0};
    socklen_t length = sizeof from;
    int fd = accept4(net->listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
    if (fd < 0 && is_of_connection(errno))
        return true;
    if (fd < 0 && errno != EAGAIN)
        pause_accepting(net, errno);
    if (fd < 0)
        return false;
    if (has_slot(net))
        take_accepted(net, fd, &from);
    else
        refuse(net, fd);
    return true;
}

/* While no slot is free, wait a while for one before connections are refused. */
static bool may_accept(struct net *net)
{
    uint64_t now = net->turn->now_ns;
    if (has_slot(net)) {
        net->full_since_ns = 0;
        return now >= net->accept_again_ns;
    }
    if (net->full_since_ns == 0)
        net->full_since_ns = now;
    return now >= net->full_since_ns + full_pause_ns && now >= net->accept_again_ns;
}

void net_accepted(struct net *net, const struct uring_done *done)
{
    net->polling = false;
    bool full = !has_slot(net);
    for (int i = 0; i < ACCEPTS_PER_TURN && done->result >= 0 && may_accept(net); i++) {
        if (!accept_one(net))
            break;
    }
    if (full && !has_slot(net))
        net->full_since_ns = net->turn->now_ns; /* The others may find a slot. */
}

/* What is in the queue already ends the poll at once. */
static void poll_listener(struct net *net)
{
    if (net->polling || !may_accept(net))
        return;
    struct io_uring_sqe *sqe = uring_next(net->uring);
    io_uring_prep_poll_add(sqe, net->listener, POLLIN);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_ACCEPT, 0));
    net->polling = true;
}

static uint64_t accept_deadline(const struct net *net)
{
    if (net->polling)
        return UINT64_MAX;
    uint64_t full_ns = net->full_since_ns == 0 ? 0 : net->full_since_ns + full_pause_ns;
    return full_ns > net->accept_again_ns ? full_ns : net->accept_again_ns;
}

/* ---- The turn ---- */

void net_time(struct net *net)
{
    uint64_t now = net->turn->now_ns;
    while (!list_is_empty(&net->lingering)) {
        struct conn *conn = LIST_OWNER(list_first(&net->lingering), struct conn, link);
        if (conn->linger_until_ns > now)
            break;
        end_conn(net, conn, false);
    }
    peers_tell_failed(net);
}

static void perform_send(struct net *net, const struct node_send *send)
{
    struct conn *conn = slot_at(net, send->conn);
    if (conn->state != CONN_OPEN)
        return; /* The node gets it in the next turn. */
    bytes_send(net, conn, send->bytes, send->count);
}

static void perform_close(struct net *net, uint32_t slot)
{
    struct conn *conn = slot_at(net, slot);
    if (conn->state != CONN_OPEN)
        return;
    /* With nothing under way, it would end here: but no step may come amid the effects. */
    bool said_nothing = !conn->received && !conn->send_bytes && conn->under_way > 0;
    if (said_nothing) {
        end_conn(net, conn, false);
        return;
    }
    conn->state = CONN_CLOSING;
    if (!conn->sending)
        linger(net, conn);
    else
        await_end(net, conn);
}

void net_perform(struct net *net, const struct node_effects *effects)
{
    for (uint32_t i = 0; i < effects->send_count; i++)
        perform_send(net, &effects->sends[i]);
    for (uint32_t i = 0; i < effects->close_count; i++)
        perform_close(net, effects->closes[i]);
    for (uint32_t i = 0; i < effects->connect_count; i++)
        peer_connect(net, effects->connects[i]);
    while (!list_is_empty(&net->unarmed)) {
        struct conn *conn = LIST_OWNER(list_first(&net->unarmed), struct conn, link);
        list_remove(&conn->link);
        bytes_arm_receive(net, conn);
    }
    poll_listener(net);
}

uint64_t net_deadline(const struct net *net)
{
    if (net->failed != 0)
        return 0;
    uint64_t deadline = accept_deadline(net);
    const struct list_node *first = list_first(&net->lingering);
    if (first != NULL) {
        const struct conn *conn =
                (const struct conn *)(const void *)((const char *)first -
                                                    offsetof(struct conn, link));
        if (conn->linger_until_ns < deadline)
            deadline = conn->linger_until_ns;
    }
    return deadline;
}

/* ---- Beginning ---- */

static void build_refusal(struct net *net)
{
    struct refused refused = {.why = REFUSED_FULL};
    struct wire wire = wire_writer(
            net->refusal + FRAME_HEAD_BYTES, sizeof net->refusal - FRAME_HEAD_BYTES);
    wire_refused(&wire, &refused);
    assert(!wire.failed);
    frame_seal(net->refusal, FRAME_REFUSED, (uint32_t)wire.at);
    net->refusal_bytes = FRAME_HEAD_BYTES + wire.at;
}

void net_init(struct net *net, const struct net_settings *settings)
{
    list_init(&net->free);
    list_init(&net->unarmed);
    list_init(&net->lingering);
    net->free_count = 0;
    net->failed = 0;
    for (uint32_t i = 0; i < net->conn_count; i++)
        slot_give(net, &net->conns[i]);
    net->refused_said_ns = 0;
    net->accept_said_ns = 0;
    net->accept_error = 0;
    net->accept_again_ns = 0;
    net->full_since_ns = 0;
    net->polling = false;
    /* accept4() never waits: whoever was in the queue may be gone again. */
    (void)fcntl(net->listener, F_SETFL, fcntl(net->listener, F_GETFL) | O_NONBLOCK);
    (void)snprintf(net->congestion, sizeof net->congestion, "%s", settings->congestion);
    build_refusal(net);
    peers_init(net, settings->node);
    net->reserved = net->peer_count;
    assert(net->conn_count > net->reserved);
    poll_listener(net);
}
