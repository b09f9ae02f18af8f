#include "io/net_slot.h"

#include <assert.h>
#include <unistd.h>

struct conn *slot_at(struct net *net, uint32_t number)
{
    assert(number < net->conn_count);
    return &net->conns[number];
}

uint32_t slot_number(const struct net *net, const struct conn *conn)
{
    return (uint32_t)(conn - net->conns);
}

struct conn *slot_take(struct net *net, int fd, uint8_t peer)
{
    struct list_node *first = list_first(&net->free);
    assert(first != NULL);
    struct conn *conn = LIST_OWNER(first, struct conn, link);
    assert(conn->state == CONN_FREE && conn->under_way == 0);
    list_remove(&conn->link);
    net->free_count--;
    *conn = (struct conn){.fd = fd, .peer = peer};
    return conn;
}

/* At the front: a recently used slot is in the cache, and the others stay untouched. */
void slot_give(struct net *net, struct conn *conn)
{
    conn->state = CONN_FREE;
    list_push_front(&net->free, &conn->link);
    net->free_count++;
}

void slot_unlink(struct conn *conn)
{
    if (list_is_linked(&conn->link))
        list_remove(&conn->link);
}

void slot_begin(
        struct net *net, struct conn *conn, struct io_uring_sqe *sqe, enum uring_op op)
{
    io_uring_sqe_set_data64(sqe, uring_tag(op, slot_number(net, conn)));
    conn->under_way++;
}

void slot_done(struct conn *conn)
{
    assert(conn->under_way > 0);
    conn->under_way--;
}

void slot_finish(struct net *net, struct conn *conn)
{
    assert(conn->state == CONN_ENDING);
    if (conn->under_way > 0)
        return;
    (void)close(conn->fd);
    turn_step(net->turn, (struct node_event){.kind = NODE_CLOSED,
                                 .conn = slot_number(net, conn),
                                 .by_other = conn->by_other});
    slot_give(net, conn);
}
