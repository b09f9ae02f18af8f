/* Hello, welcome, refusal, and who leads: see greet.h. */
#include "node/greet.h"

#include "base/mark.h"
#include "base/units.h"

enum {
    DIAL_PAUSE_MS = 20,
    WELCOME_WAIT_MS = 1000,
};

static struct span text_span(const char *text)
{
    struct span span = {(const unsigned char *)text, (uint32_t)strlen(text)};
    return span;
}

/* Where clients reach the leader; empty if none is known. */
static struct span leader_address(const struct greet *greet)
{
    uint8_t leader = raft_leader(greet->raft);
    for (uint8_t i = 0; i < greet->settings->member_count; i++) {
        if (greet->settings->members[i].id == leader)
            return text_span(greet->settings->members[i].address);
    }
    return text_span("");
}

/* A leader counts as one for clients when it can serve them. */
static uint8_t leader_for_clients(const struct greet *greet)
{
    uint8_t leader = raft_leader(greet->raft);
    if (leader == greet->roster->self && !raft_leads_applied(greet->raft))
        return 0;
    return leader;
}

/* A connection that this node made and whose other end has not said anything yet. */
static struct conn *unwelcomed(const struct greet *greet, const struct peer *peer)
{
    if (peer->conn == NO_CONN)
        return NULL;
    struct conn *conn = &greet->conns->slots[peer->conn];
    return conn->dialed && !conn->greeted && !conn->closing ? conn : NULL;
}

/*
 * Turn end: connect to peers that this node dials and has not reached. A peer that accepted
 * the connection and died before it said welcome leaves no trace, because nothing more is
 * sent to it.
 */
void greet_dial(struct greet *greet, struct node_effects *effects)
{
    for (uint8_t i = 0; i < greet->roster->count; i++) {
        struct peer *peer = &greet->roster->peers[i];
        struct conn *silent = unwelcomed(greet, peer);
        if (silent && greet->times->now_ns >= peer->welcome_ns) {
            MARK(peer_did_not_welcome);
            conn_close(greet->conns, silent);
        }
        bool ours = greet->roster->self < peer->id;
        if (!ours || peer->dialing || peer->conn != NO_CONN ||
                greet->times->now_ns < peer->dial_ns || greet->stopping)
            continue;
        peer->dialing = true;
        peer->dial_ns = greet->times->now_ns + DIAL_PAUSE_MS * NS_PER_MS;
        assert(effects->connect_count < MEMBERS_MAX);
        effects->connects[effects->connect_count++] = peer->id;
    }
}

/* When a peer that is not reached is to be tried again. */
uint64_t greet_deadline(const struct greet *greet)
{
    uint64_t deadline_ns = UINT64_MAX;
    for (uint8_t i = 0; i < greet->roster->count && !greet->stopping; i++) {
        const struct peer *peer = &greet->roster->peers[i];
        bool ours = greet->roster->self < peer->id;
        bool idle = peer->conn == NO_CONN && !peer->dialing;
        if (unwelcomed(greet, peer) && peer->welcome_ns < deadline_ns)
            deadline_ns = peer->welcome_ns;
        if (ours && idle && peer->dial_ns < deadline_ns)
            deadline_ns = peer->dial_ns;
    }
    return deadline_ns;
}

void greet_connected(struct greet *greet, uint32_t slot, uint8_t id)
{
    conn_open(greet->conns, slot, id);
    struct conn *conn = conn_at(greet->conns, slot);
    struct peer *peer = roster_find(greet->roster, id);
    assert(peer);
    peer->dialing = false;
    peer->welcome_ns = greet->times->now_ns + WELCOME_WAIT_MS * NS_PER_MS;
    if (!conn_become_peer(greet->conns, conn, peer))
        return;
    struct hello hello = {
            .role = HELLO_PEER,
            .node = greet->roster->self,
            .to = id,
            .cluster = wal_cluster(greet->wal),
            .members = greet->roster->members_hash,
    };
    struct wire wire = conn_begin(conn, 64);
    wire_hello(&wire, &hello);
    conn_end(greet->conns, conn, FRAME_HELLO, &wire);
}

void greet_connect_failed(struct greet *greet, uint8_t id)
{
    struct peer *peer = roster_find(greet->roster, id);
    assert(peer);
    peer->dialing = false;
    peer->dial_ns = greet->times->now_ns + DIAL_PAUSE_MS * NS_PER_MS;
}

static void send_welcome(struct greet *greet, struct conn *conn)
{
    struct welcome welcome = {
            .node = greet->roster->self,
            .leader = leader_for_clients(greet),
            .cluster = wal_cluster(greet->wal),
            .term = raft_term(greet->raft),
    };
    if (welcome.leader != 0 && welcome.leader != greet->roster->self)
        welcome.leader_address = leader_address(greet);
    struct wire wire = conn_begin(conn, 64 + ADDRESS_BYTES_MAX);
    wire_welcome(&wire, &welcome);
    conn_end(greet->conns, conn, FRAME_WELCOME, &wire);
}

void greet_refuse(struct greet *greet, struct conn *conn, enum refusal why)
{
    struct refused refused = {.why = (uint8_t)why, .cluster = wal_cluster(greet->wal)};
    if (conn->peer != 0)
        notices_tell(greet->notices, NOTICE_REFUSED_PEER, conn->peer, why);
    struct wire wire = conn_begin(conn, 16);
    wire_refused(&wire, &refused);
    conn_end(greet->conns, conn, FRAME_REFUSED, &wire);
    conn_close(greet->conns, conn);
}

static bool same_cluster(const struct greet *greet, uint64_t cluster)
{
    uint64_t own = wal_cluster(greet->wal);
    return cluster == 0 || own == 0 || cluster == own;
}

static bool peer_is_up(struct greet *greet, struct conn *conn, struct raft_event *event)
{
    assert(conn->role == CONN_PEER && !conn->greeted);
    conn->greeted = true;
    notices_tell(greet->notices, NOTICE_PEER_UP, conn->peer, 0);
    *event = (struct raft_event){.kind = RAFT_PEER_OPEN, .peer = conn->peer};
    return true;
}

static bool greet_peer(struct greet *greet, struct conn *conn, const struct hello *hello,
        struct raft_event *event)
{
    struct peer *peer = roster_find(greet->roster, hello->node);
    bool known = peer && hello->to == greet->roster->self &&
                 hello->members == greet->roster->members_hash &&
                 hello->node < greet->roster->self;
    conn->peer = hello->node;
    if (!known) {
        MARK(hello_other_members);
        greet_refuse(greet, conn, REFUSED_MEMBERS);
        return false;
    }
    if (!same_cluster(greet, hello->cluster)) {
        MARK(hello_other_cluster);
        greet_refuse(greet, conn, REFUSED_CLUSTER);
        return false;
    }
    if (!conn_become_peer(greet->conns, conn, peer))
        return false;
    send_welcome(greet, conn);
    return peer_is_up(greet, conn, event);
}

static void greet_client(struct greet *greet, struct conn *conn, const struct hello *hello)
{
    if (!same_cluster(greet, hello->cluster)) {
        greet_refuse(greet, conn, REFUSED_CLUSTER);
        return;
    }
    assert(conn->role == CONN_NEW && !conn->dialed);
    conn->role = CONN_CLIENT;
    conn->greeted = true;
    send_welcome(greet, conn);
}

static bool on_hello(
        struct greet *greet, struct conn *conn, struct wire *wire, struct raft_event *event)
{
    struct hello hello = {0};
    wire_hello(wire, &hello);
    if (!wire_complete(wire)) {
        conn_nonsense(greet->conns, conn, 100 + FRAME_HELLO);
        return false;
    }
    if (hello.role == HELLO_PEER)
        return greet_peer(greet, conn, &hello, event);
    greet_client(greet, conn, &hello);
    return false;
}

static bool on_welcome(
        struct greet *greet, struct conn *conn, struct wire *wire, struct raft_event *event)
{
    struct welcome welcome = {0};
    wire_welcome(wire, &welcome);
    if (!wire_complete(wire) || welcome.node != conn->peer) {
        conn_nonsense(greet->conns, conn, 100 + FRAME_WELCOME);
        return false;
    }
    if (!same_cluster(greet, welcome.cluster)) {
        notices_tell(greet->notices, NOTICE_REFUSED_PEER, conn->peer, REFUSED_CLUSTER);
        conn_close(greet->conns, conn);
        return false;
    }
    return peer_is_up(greet, conn, event);
}

static void on_refused(struct greet *greet, struct conn *conn, struct wire *wire)
{
    struct refused refused = {0};
    wire_refused(wire, &refused);
    notices_tell(greet->notices, NOTICE_REFUSED_PEER, conn->peer, refused.why);
    struct peer *peer = roster_find(greet->roster, conn->peer);
    if (peer)
        peer->dial_ns =
                greet->times->now_ns + NS_PER_S; /* It will not change its mind soon. */
    conn_close(greet->conns, conn);
}

bool greet_frame(struct greet *greet, struct conn *conn, const struct frame *frame,
        struct raft_event *event)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    if (frame->kind == FRAME_HELLO && conn->role == CONN_NEW)
        return on_hello(greet, conn, &wire, event);
    if (frame->kind == FRAME_WELCOME && conn->dialed && !conn->greeted)
        return on_welcome(greet, conn, &wire, event);
    if (frame->kind == FRAME_REFUSED && conn->dialed)
        on_refused(greet, conn, &wire);
    else
        conn_nonsense(greet->conns, conn, 100 + (uint64_t)frame->kind);
    return false;
}

bool greet_lost(struct greet *greet, const struct conn *last, bool by_other,
        struct raft_event *event)
{
    struct peer *peer = roster_find(greet->roster, last->peer);
    assert(peer && peer->conn != NO_CONN);
    peer->conn = NO_CONN;
    if (!last->greeted)
        return false;
    notices_tell(greet->notices, NOTICE_PEER_DOWN, peer->id, 0);
    *event = (struct raft_event){
            .kind = RAFT_PEER_CLOSED, .peer = peer->id, .by_peer = by_other};
    return true;
}

void greet_leader(struct greet *greet, struct conn *conn)
{
    struct leader leader = {
            .leader = leader_for_clients(greet), .term = raft_term(greet->raft)};
    if (leader.leader != 0)
        leader.address = leader_address(greet);
    struct wire wire = conn_begin(conn, 32 + ADDRESS_BYTES_MAX);
    wire_leader(&wire, &leader);
    conn_end(greet->conns, conn, FRAME_LEADER, &wire);
}

void greet_leader_changed(struct greet *greet)
{
    uint8_t leader = leader_for_clients(greet);
    uint64_t term = raft_term(greet->raft);
    if (leader == greet->leader_told && (leader == 0 || term == greet->leader_term_told))
        return;
    greet->leader_told = leader;
    greet->leader_term_told = term;
    for (uint32_t slot = 0; slot < greet->conns->max; slot++) {
        struct conn *conn = &greet->conns->slots[slot];
        if (conn->role == CONN_CLIENT && !conn->closing)
            greet_leader(greet, conn);
    }
}

void greet_check(const struct greet *greet)
{
    const struct roster *roster = greet->roster;
    assert(greet->leader_term_told <= raft_term(greet->raft));
    assert(greet->settings->member_count == roster->count + 1);
    for (uint8_t i = 0; i < roster->count; i++) {
        const struct peer *peer = &roster->peers[i];
        if (peer->conn == NO_CONN)
            continue;
        const struct conn *conn = &greet->conns->slots[peer->conn];
        assert(peer->conn < greet->conns->max);
        assert(conn->role == CONN_PEER && conn->peer == peer->id);
        assert(conn->dialed == (roster->self < peer->id));
    }
}
