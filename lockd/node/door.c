/* Who may have a connection slot: see door.h. */
#include "node/door.h"

#include "base/mark.h"
#include "base/units.h"

enum {
    UNFINISHED_S = 5, /* Until a hello or a frame must be whole, and for a guest */
    SPARE_MIN = 4,
    SPARE_MAX = 128,
    SPARE_SHARE = 8, /* One slot in this many */
};

static uint32_t spare(const struct door *door)
{
    uint32_t share = door->conns->max / SPARE_SHARE;
    return share < SPARE_MIN ? SPARE_MIN : share > SPARE_MAX ? SPARE_MAX : share;
}

uint32_t door_clients_max(const struct door *door)
{
    uint32_t kept = spare(door) + 2U * door->roster->top;
    uint32_t most = door->conns->max;
    return kept < most / 2 ? most - kept : most / 2;
}

uint32_t door_callers_max(const struct door *door)
{
    uint64_t part =
            (uint64_t)door_clients_max(door) * door->conns->limits->connection_percent;
    return (uint32_t)((part + 99) / 100);
}

/* Fewer are free than one turn may bring, and than the members need. */
static bool is_crowded(const struct door *door)
{
    uint32_t free_count = door->conns->max - door->conns->taken;
    return free_count < spare(door) / 2 + door->roster->top;
}

void door_accepted(const struct door *door, const struct node_event *event)
{
    struct conns *conns = door->conns;
    conn_open(conns, event->conn, 0);
    struct conn *conn = conn_at(conns, event->conn);
    conn_note_from(conn, event);
    conn_begin_unfinished(conns, conn, door->times->now_ns);
    if (!is_crowded(door))
        return;
    struct conn *oldest = conns_unfinished(conns);
    if (oldest == conn)
        return;
    MARK(unfinished_gives_way);
    conn_close(conns, oldest);
}

void door_client(const struct door *door, struct conn *conn)
{
    const struct conns *conns = door->conns;
    bool full = conns->clients >= door_clients_max(door);
    uint32_t same = callers_clients(&conns->callers, conn->address);
    conn->crowded = !full && same >= door_callers_max(door);
    bool guest = full || conn->crowded;
    conn_become_client(door->conns, conn, guest);
    if (!guest)
        return;
    MARK(client_is_guest);
    if (conn->crowded)
        MARK(client_is_crowded);
    conn_begin_unfinished(door->conns, conn, door->times->now_ns);
    const struct node_notice notice = {
            .kind = conn->crowded ? NOTICE_CALLER_FULL : NOTICE_CLIENTS_FULL,
            .number = conn->crowded ? same : conns->clients};
    notices_tell_of(door->notices, &notice, conn->from);
}

void door_heard(const struct door *door, struct conn *conn)
{
    if (conn->role != CONN_CLIENT || conn->guest || conn->closing)
        return;
    bool partial = frame_reader_holds_part(&conn->reader);
    if (!partial)
        conn_finish(conn);
    else if (!list_is_linked(&conn->unfinished) || conn->framed)
        conn_begin_unfinished(door->conns, conn, door->times->now_ns);
    conn->framed = false;
}

void door_time(const struct door *door)
{
    struct conn *conn;
    while ((conn = conns_unfinished(door->conns)) != NULL) {
        if (door->times->now_ns < conn->unfinished_ns + UNFINISHED_S * NS_PER_S)
            return;
        MARK(unfinished_for_too_long);
        if (!conn->guest) {
            const struct node_notice notice = {
                    .kind = NOTICE_UNFINISHED, .number = conn->greeted};
            notices_tell_of(door->notices, &notice, conn->from);
        }
        conn_close(door->conns, conn);
    }
}

uint64_t door_deadline(const struct door *door)
{
    const struct conn *conn = conns_unfinished(door->conns);
    return conn ? conn->unfinished_ns + UNFINISHED_S * NS_PER_S : UINT64_MAX;
}

void door_check(const struct door *door)
{
    assert(door_clients_max(door) > 0 && door_clients_max(door) < door->conns->max);
    assert(door->conns->clients <= door_clients_max(door));
}
