/* Which of two connections of one member is kept: see rivals.h. */
#include "node/rivals.h"

#include "base/mark.h"
#include "base/units.h"

enum {
    PROBE_WAIT_MS = 1000
};

void rivals_forget(struct conns *conns, struct peer *peer)
{
    if (peer->waiting == NO_CONN)
        return;
    conn_at(conns, peer->waiting)->waiting = false;
    peer->waiting = NO_CONN;
    peer->probe_ns = 0;
}

static void drop_waiting(const struct rivals *rivals, struct peer *peer)
{
    struct conn *conn = conn_at(rivals->conns, peer->waiting);
    rivals_forget(rivals->conns, peer);
    conn_close(rivals->conns, conn);
}

static void keep_waiting(const struct rivals *rivals, struct peer *peer, struct conn *conn,
        const struct hello *hello)
{
    assert(peer->waiting == NO_CONN);
    conn->waiting = true;
    conn->hello = *hello;
    conn_finish(conn);
    peer->waiting = conn_slot(rivals->conns, conn);
}

/* Whoever is alive answers; what was sent before does not show that. */
static void probe(const struct rivals *rivals, struct peer *peer, struct conn *old)
{
    struct wire wire = conn_begin(old, 0);
    conn_end(rivals->conns, old, FRAME_PEER_PROBE, &wire);
    peer->probe_ns = rivals->times->now_ns + PROBE_WAIT_MS * NS_PER_MS;
}

/* The one that is here was welcomed; `hello` is of the newcomer, which waits. */
static void judge(const struct rivals *rivals, struct peer *peer)
{
    struct conn *old = conn_at(rivals->conns, peer->conn);
    const struct hello *hello = &conn_at(rivals->conns, peer->waiting)->hello;
    if (old->closing)
        return;
    if (hello->run != peer->run) {
        MARK(peer_of_another_process);
        probe(rivals, peer, old);
    } else if (hello->dial > peer->void_dials) {
        MARK(peer_connected_again);
        conn_close(rivals->conns, old);
    } else {
        MARK(dialed_each_other_late);
        drop_waiting(rivals, peer);
    }
}

/* Of one process only the newest newcomer counts. */
static enum rival_verdict meet_waiting(
        const struct rivals *rivals, struct peer *peer, const struct hello *hello)
{
    const struct hello *first = &conn_at(rivals->conns, peer->waiting)->hello;
    if (first->run != hello->run)
        return RIVAL_REFUSE;
    if (hello->dial <= first->dial)
        return RIVAL_VOID;
    drop_waiting(rivals, peer);
    return RIVAL_WAITS;
}

enum rival_verdict rivals_meet(const struct rivals *rivals, struct peer *peer,
        struct conn *conn, const struct hello *hello)
{
    if (peer->waiting != NO_CONN) {
        enum rival_verdict verdict = meet_waiting(rivals, peer, hello);
        if (verdict != RIVAL_WAITS)
            return verdict;
    }
    if (peer->conn == NO_CONN)
        return RIVAL_TAKE;
    keep_waiting(rivals, peer, conn, hello);
    struct conn *old = conn_at(rivals->conns, peer->conn);
    if (old->greeted)
        judge(rivals, peer);
    else if (rivals->roster->self > peer->id) {
        MARK(dialed_each_other);
        conn_close(rivals->conns, old);
    }
    return conn->closing ? RIVAL_VOID : RIVAL_WAITS;
}

void rivals_welcomed(const struct rivals *rivals, struct peer *peer)
{
    if (peer->waiting != NO_CONN)
        judge(rivals, peer);
}

struct conn *rivals_alive(const struct rivals *rivals, struct peer *peer)
{
    if (peer->probe_ns == 0)
        return NULL;
    MARK(peer_is_there_twice);
    struct conn *newcomer = conn_at(rivals->conns, peer->waiting);
    rivals_forget(rivals->conns, peer);
    return newcomer;
}

void rivals_time(const struct rivals *rivals)
{
    for (uint8_t i = 0; i < rivals->roster->top; i++) {
        struct peer *peer = &rivals->roster->peers[i];
        if (peer->probe_ns == 0 || rivals->times->now_ns < peer->probe_ns)
            continue;
        MARK(probe_not_answered);
        peer->probe_ns = 0;
        conn_close(rivals->conns, conn_at(rivals->conns, peer->conn));
    }
}

struct conn *rivals_next(const struct rivals *rivals)
{
    for (uint8_t i = 0; i < rivals->roster->top; i++) {
        struct peer *peer = &rivals->roster->peers[i];
        if (peer->waiting == NO_CONN || peer->conn != NO_CONN)
            continue;
        struct conn *conn = conn_at(rivals->conns, peer->waiting);
        rivals_forget(rivals->conns, peer);
        return conn;
    }
    return NULL;
}

uint64_t rivals_deadline(const struct rivals *rivals)
{
    uint64_t deadline_ns = UINT64_MAX;
    for (uint8_t i = 0; i < rivals->roster->top; i++) {
        const struct peer *peer = &rivals->roster->peers[i];
        if (peer->probe_ns != 0 && peer->probe_ns < deadline_ns)
            deadline_ns = peer->probe_ns;
    }
    return deadline_ns;
}

void rivals_check(const struct rivals *rivals)
{
    for (uint8_t i = 0; i < rivals->roster->top; i++) {
        const struct peer *peer = &rivals->roster->peers[i];
        if (peer->waiting == NO_CONN)
            continue;
        const struct conn *conn = conn_at(rivals->conns, peer->waiting);
        assert(conn->waiting && conn->peer == peer->id && conn->hello.node == peer->id);
    }
}
