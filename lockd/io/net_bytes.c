#include "io/net_bytes.h"

#include <assert.h>
#include <sys/socket.h>

#include "io/net_slot.h"

/* ---- From the kernel to the node ---- */

static bool is_peer(const struct net *net, const struct conn *conn)
{
    return node_conn_is_peer(net->turn->node, slot_number(net, conn));
}

static bool is_client(const struct net *net, const struct conn *conn)
{
    return node_conn_is_client(net->turn->node, slot_number(net, conn));
}

static void receive_provided(struct net *net, struct conn *conn, bool multishot)
{
    struct io_uring_sqe *sqe = uring_next(net->uring);
    if (multishot)
        io_uring_prep_recv_multishot(sqe, conn->fd, NULL, 0, 0);
    else
        io_uring_prep_recv(sqe, conn->fd, NULL, URING_BUFFER_BYTES, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = URING_BUFFER_GROUP;
    slot_begin(net, conn, sqe, OP_RECEIVE);
}

static void receive_straight(struct net *net, struct conn *conn)
{
    size_t room = 0;
    unsigned char *space = node_input_space(net->turn->node, slot_number(net, conn), &room);
    assert(room > 0);
    conn->input = space;
    struct io_uring_sqe *sqe = uring_next(net->uring);
    io_uring_prep_recv(sqe, conn->fd, space, room, 0);
    slot_begin(net, conn, sqe, OP_RECEIVE);
}

void bytes_arm_receive(struct net *net, struct conn *conn)
{
    assert(!conn->receiving);
    conn->receiving = true;
    if (conn->state == CONN_OPEN && is_peer(net, conn))
        receive_straight(net, conn);
    else
        receive_provided(net, conn, is_client(net, conn));
}

void bytes_take(struct net *net, struct conn *conn, const struct uring_done *done)
{
    bool provided = (done->flags & IORING_CQE_F_BUFFER) != 0;
    size_t count = (size_t)done->result;
    if (conn->state == CONN_OPEN) {
        conn->received = true;
        turn_step(
                net->turn, (struct node_event){.kind = NODE_RECEIVED,
                                   .conn = slot_number(net, conn),
                                   .bytes = provided ? uring_buffer(net->uring, done->flags)
                                                     : conn->input,
                                   .count = count});
    }
    if (provided)
        uring_give_buffer(net->uring, done->flags);
}

/* ---- From the node to the kernel ---- */

void bytes_send_again(struct net *net, struct conn *conn)
{
    struct io_uring_sqe *sqe = uring_next(net->uring);
    io_uring_prep_send(sqe, conn->fd, conn->send_bytes, conn->send_count, MSG_NOSIGNAL);
    conn->sending = true;
    slot_begin(net, conn, sqe, OP_SEND);
}

void bytes_send(
        struct net *net, struct conn *conn, const unsigned char *bytes, size_t count)
{
    assert(!conn->sending && count > 0);
    conn->send_bytes = bytes;
    conn->send_count = count;
    bytes_send_again(net, conn);
}

void bytes_tell_sent(struct net *net, struct conn *conn, size_t sent)
{
    turn_step(net->turn,
            (struct node_event){
                    .kind = NODE_SENT, .conn = slot_number(net, conn), .count = sent});
}

bool bytes_send_rest(struct net *net, struct conn *conn, size_t sent)
{
    assert(sent <= conn->send_count);
    conn->send_bytes += sent;
    conn->send_count -= sent;
    if (conn->send_count == 0)
        return false;
    bytes_send_again(net, conn);
    return true;
}
