#include "io/net_peer.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/units.h"
#include "io/listen.h"
#include "io/net_slot.h"

/* Between two look-ups of a name. */
static const uint64_t name_wait_ns = NS_PER_S;

/* Enough for a distant rack under load, short compared with a failed election. */
static struct __kernel_timespec connect_timeout = {.tv_sec = 1, .tv_nsec = 0};

static void init_peer(struct net_peer *peer, const struct node_member *member)
{
    const char *why;
    *peer = (struct net_peer){.id = member->id};
    bool parsed = address_parse(member->address,
            strnlen(member->address, sizeof member->address), &peer->host, &why);
    assert(parsed);
    peer->numeric = names_numeric(&peer->host, &peer->found.addresses[0]);
    peer->found.count = peer->numeric ? 1 : 0;
}

void peers_init(struct net *net, const struct node_settings *settings)
{
    net->peer_count = 0;
    for (uint8_t i = 0; i < settings->member_count; i++) {
        if (settings->members[i].id != settings->self)
            init_peer(&net->peers[net->peer_count++], &settings->members[i]);
    }
}

static uint32_t find_peer(const struct net *net, uint8_t id)
{
    uint32_t slot = 0;
    while (slot < net->peer_count && net->peers[slot].id != id)
        slot++;
    assert(slot < net->peer_count);
    return slot;
}

/* The node is told later: while effects are performed, no step may overwrite them. */
static void fail(struct net *net, struct net_peer *peer)
{
    net->failed |= UINT32_C(1) << (peer - net->peers);
}

void peers_tell_failed(struct net *net)
{
    for (uint32_t i = 0; i < net->peer_count; i++) {
        if ((net->failed >> i & 1) != 0)
            turn_step(net->turn, (struct node_event){.kind = NODE_CONNECT_FAILED,
                                         .peer = net->peers[i].id});
    }
    net->failed = 0;
}

/* Connect to the next of its addresses, with a time limit linked to it. */
static void attempt(struct net *net, struct net_peer *peer)
{
    struct sockaddr_storage *address =
            &peer->found.addresses[peer->next++ % peer->found.count];
    int fd = net->free_count > 0 ? listen_new_socket(net->congestion, address) : -1;
    if (fd < 0) {
        fail(net, peer);
        return;
    }
    struct conn *conn = slot_take(net, fd, peer->id);
    conn->state = CONN_CONNECTING;
    uring_reserve(net->uring, 2);
    struct io_uring_sqe *sqe = uring_next(net->uring);
    io_uring_prep_connect(sqe, fd, (struct sockaddr *)address, names_length(address));
    io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
    slot_begin(net, conn, sqe, OP_CONNECT);
    struct io_uring_sqe *limit = uring_next(net->uring);
    io_uring_prep_link_timeout(limit, &connect_timeout, 0);
    io_uring_sqe_set_data64(limit, uring_tag(OP_IGNORED, 0));
}

/*
 * A member that has to be connected to may have moved: its name is looked up again, beside
 * the attempt at the address that it had last.
 */
static void look_up(struct net *net, struct net_peer *peer, uint32_t slot)
{
    bool lately = peer->asked_ns != 0 && net->turn->now_ns - peer->asked_ns < name_wait_ns;
    if (peer->numeric || lately || peer->asking)
        return;
    peer->asked_ns = net->turn->now_ns;
    peer->asking = true;
    names_ask(net->names, slot, &peer->host);
}

void peer_connect(struct net *net, uint8_t id)
{
    uint32_t slot = find_peer(net, id);
    struct net_peer *peer = &net->peers[slot];
    look_up(net, peer, slot);
    if (peer->found.count > 0)
        attempt(net, peer);
    else if (peer->asking)
        peer->wanted = true;
    else
        fail(net, peer);
}

static void take_answer(
        struct net *net, struct net_peer *peer, const struct name_answer *answer)
{
    peer->asking = false;
    if (answer->count > 0) {
        peer->found = *answer;
        peer->said = false;
    } else if (!peer->said) {
        peer->said = true;
        tell_line(net->tell, TELL_WARN, "name-not-resolved", "peer=%u host=%s error=\"%s\"",
                peer->id, peer->host.host, gai_strerror(answer->error));
    }
    if (!peer->wanted)
        return;
    peer->wanted = false;
    if (peer->found.count > 0)
        attempt(net, peer);
    else
        fail(net, peer);
}

void net_resolved(struct net *net)
{
    for (uint32_t i = 0; i < net->peer_count; i++) {
        struct name_answer answer;
        if (!net->peers[i].numeric && names_take(net->names, i, &answer))
            take_answer(net, &net->peers[i], &answer);
    }
}

void net_connected(struct net *net, const struct uring_done *done)
{
    struct conn *conn = slot_at(net, uring_tag_slot(done->tag));
    struct net_peer *peer = &net->peers[find_peer(net, conn->peer)];
    slot_done(conn);
    if (done->result == 0) {
        conn->state = CONN_OPEN;
        conn->received = true;
        list_push_back(&net->unarmed, &conn->link);
        char text[NODE_FROM_BYTES];
        listen_peer_text(conn->fd, text);
        turn_step(net->turn, (struct node_event){.kind = NODE_CONNECTED,
                                     .conn = slot_number(net, conn),
                                     .peer = peer->id,
                                     .bytes = text,
                                     .count = strlen(text)});
        return;
    }
    tell_line(net->tell, TELL_DEBUG, "connect-failed", "peer=%u error=\"%s\"", peer->id,
            done->result == -ECANCELED ? "timed out" : strerror(-done->result));
    (void)close(conn->fd);
    slot_give(net, conn);
    fail(net, peer);
}
