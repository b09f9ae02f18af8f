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

static void init_peer(struct net_peer *peer, uint8_t id, const char *text)
{
    const char *why;
    *peer = (struct net_peer){.id = id};
    bool parsed = address_parse(text, strlen(text), &peer->host, &why);
    assert(parsed); /* It is of the settings, or was checked when it was read. */
    peer->numeric = names_numeric(&peer->host, &peer->found.addresses[0]);
    peer->found.count = peer->numeric ? 1 : 0;
}

void peers_init(struct net *net, const struct node_settings *settings)
{
    net->peer_count = 0;
    for (uint8_t i = 0; i < settings->member_count; i++) {
        const struct node_member *member = &settings->members[i];
        if (member->id != settings->self)
            init_peer(&net->peers[net->peer_count++], member->id, member->address);
    }
}

/* NULL: nothing is known of it. */
static struct net_peer *find_peer(struct net *net, uint8_t id)
{
    for (uint32_t slot = 0; slot < net->peer_count; slot++) {
        if (net->peers[slot].id == id)
            return &net->peers[slot];
    }
    return NULL;
}

/* A place for one more member. One whose name is being looked up keeps its own. */
static struct net_peer *take_place(struct net *net)
{
    if (net->peer_count < NODE_PEERS_MAX)
        return &net->peers[net->peer_count++];
    uint32_t first = net->replaced++;
    for (uint32_t i = 0; i < NODE_PEERS_MAX; i++) {
        struct net_peer *peer = &net->peers[(first + i) % NODE_PEERS_MAX];
        if (!peer->asking)
            return peer;
    }
    return NULL;
}

/* The members may change, and where they are. NULL: later. */
static struct net_peer *peer_at(struct net *net, uint8_t id, const char *address)
{
    struct net_peer *peer = find_peer(net, id);
    char known[ADDRESS_TEXT_BYTES] = "";
    if (peer)
        (void)address_text(&peer->host, known);
    if (peer && (!address || strcmp(known, address) == 0))
        return peer;
    if (peer && peer->asking)
        return NULL;
    if (!peer)
        peer = take_place(net);
    if (peer && address)
        init_peer(peer, id, address);
    return address ? peer : NULL;
}

/* The node is told later: while effects are performed, no step may overwrite them. */
static void fail(struct net *net, struct net_peer *peer)
{
    net->failed_ids |= UINT64_C(1) << peer->id;
}

void peers_tell_failed(struct net *net)
{
    for (int id = 1; id <= NODE_ID_MAX; id++) {
        if ((net->failed_ids >> id & 1) != 0)
            turn_step(net->turn,
                    (struct node_event){.kind = NODE_CONNECT_FAILED, .peer = (uint8_t)id});
    }
    net->failed_ids = 0;
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
static void look_up(struct net *net, struct net_peer *peer)
{
    bool lately = peer->asked_ns != 0 && net->turn->now_ns - peer->asked_ns < name_wait_ns;
    if (peer->numeric || lately || peer->asking || !net->names)
        return;
    peer->asked_ns = net->turn->now_ns;
    peer->asking = true;
    names_ask(net->names, (uint32_t)(peer - net->peers), &peer->host);
}

void peer_connect(struct net *net, uint8_t id, const char *address)
{
    struct net_peer *peer = peer_at(net, id, address);
    if (!peer) {
        net->failed_ids |= UINT64_C(1) << id;
        return;
    }
    look_up(net, peer);
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
    uint8_t id = conn->peer;
    slot_done(conn);
    if (done->result == 0) {
        conn->state = CONN_OPEN;
        conn->received = true;
        list_push_back(&net->unarmed, &conn->link);
        char text[NODE_FROM_BYTES];
        listen_peer_text(conn->fd, text);
        turn_step(net->turn, (struct node_event){.kind = NODE_CONNECTED,
                                     .conn = slot_number(net, conn),
                                     .peer = id,
                                     .bytes = text,
                                     .count = strlen(text)});
        return;
    }
    tell_line(net->tell, TELL_DEBUG, "connect-failed", "peer=%u error=\"%s\"", id,
            done->result == -ECANCELED ? "timed out" : strerror(-done->result));
    (void)close(conn->fd);
    slot_give(net, conn);
    net->failed_ids |= UINT64_C(1) << id;
}
