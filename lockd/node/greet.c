/*
 * Who speaks to whom, and who leads.
 *
 * Of two nodes the one with the smaller id dials: one connection serves both directions.
 * The dialer says hello and sends nothing more until it is welcomed; then raft may send.
 * Clients are told who leads with the welcome and whenever it changes.
 */
#include "base/mark.h"
#include "base/units.h"
#include "node/replica.h"

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
static struct span leader_address(const struct node *node)
{
    uint8_t leader = raft_leader(node->raft);
    for (uint8_t i = 0; i < node->settings.member_count; i++) {
        if (node->settings.members[i].id == leader)
            return text_span(node->settings.members[i].address);
    }
    return text_span("");
}

/* A leader counts as one for clients when it can serve them. */
static uint8_t leader_for_clients(const struct node *node)
{
    uint8_t leader = raft_leader(node->raft);
    if (leader == node->settings.self && !raft_leads_committed(node->raft))
        return 0;
    return leader;
}

/* An own connection whose other end has not said a word yet. */
static struct conn *unwelcomed(const struct node *node, const struct peer *peer)
{
    if (peer->conn == NO_CONN)
        return NULL;
    struct conn *conn = &node->conns[peer->conn];
    return conn->dialed && !conn->greeted && !conn->closing ? conn : NULL;
}

/*
 * Turn end: connect to peers that this node dials and has not reached. One that took the
 * connection and died before it said welcome left no trace, for nothing more is sent to it.
 */
void greet_dial(struct node *node)
{
    for (uint8_t i = 0; i < node->peer_count; i++) {
        struct peer *peer = &node->peers[i];
        struct conn *silent = unwelcomed(node, peer);
        if (silent && node->now_ns >= peer->welcome_ns) {
            MARK(peer_did_not_welcome);
            conn_close(node, silent);
        }
        bool ours = node->settings.self < peer->id;
        if (!ours || peer->dialing || peer->conn != NO_CONN ||
                node->now_ns < peer->dial_ns || node->stopping)
            continue;
        peer->dialing = true;
        peer->dial_ns = node->now_ns + DIAL_PAUSE_MS * NS_PER_MS;
        node->effects->connects[node->effects->connect_count++] = peer->id;
    }
}

/* When a peer that is not reached is to be tried again. */
uint64_t greet_deadline(const struct node *node)
{
    uint64_t deadline_ns = UINT64_MAX;
    for (uint8_t i = 0; i < node->peer_count && !node->stopping; i++) {
        const struct peer *peer = &node->peers[i];
        bool ours = node->settings.self < peer->id;
        bool idle = peer->conn == NO_CONN && !peer->dialing;
        if (unwelcomed(node, peer) && peer->welcome_ns < deadline_ns)
            deadline_ns = peer->welcome_ns;
        if (ours && idle && peer->dial_ns < deadline_ns)
            deadline_ns = peer->dial_ns;
    }
    return deadline_ns;
}

void greet_connected(struct node *node, uint32_t slot, uint8_t id)
{
    conn_open(node, slot, id);
    struct conn *conn = conn_at(node, slot);
    struct peer *peer = node_peer(node, id);
    peer->dialing = false;
    peer->welcome_ns = node->now_ns + WELCOME_WAIT_MS * NS_PER_MS;
    if (!conn_become_peer(node, conn, peer))
        return;
    struct hello hello = {
            .role = HELLO_PEER,
            .node = node->settings.self,
            .to = id,
            .cluster = wal_cluster(node->wal),
            .members = node->members_hash,
    };
    struct wire wire = conn_begin(node, conn, 64);
    wire_hello(&wire, &hello);
    conn_end(node, conn, FRAME_HELLO, &wire);
}

void greet_connect_failed(struct node *node, uint8_t id)
{
    struct peer *peer = node_peer(node, id);
    peer->dialing = false;
    peer->dial_ns = node->now_ns + DIAL_PAUSE_MS * NS_PER_MS;
}

static void send_welcome(struct node *node, struct conn *conn)
{
    struct welcome welcome = {
            .node = node->settings.self,
            .leader = leader_for_clients(node),
            .cluster = wal_cluster(node->wal),
            .term = raft_term(node->raft),
    };
    if (welcome.leader != 0 && welcome.leader != node->settings.self)
        welcome.leader_address = leader_address(node);
    struct wire wire = conn_begin(node, conn, 64 + ADDRESS_BYTES_MAX);
    wire_welcome(&wire, &welcome);
    conn_end(node, conn, FRAME_WELCOME, &wire);
}

void greet_refuse(struct node *node, struct conn *conn, enum refusal why)
{
    struct refused refused = {.why = (uint8_t)why, .cluster = wal_cluster(node->wal)};
    if (conn->peer != 0)
        node_notice(node, NOTICE_REFUSED_PEER, conn->peer, why);
    struct wire wire = conn_begin(node, conn, 16);
    wire_refused(&wire, &refused);
    conn_end(node, conn, FRAME_REFUSED, &wire);
    conn_close(node, conn);
}

static bool same_cluster(const struct node *node, uint64_t cluster)
{
    uint64_t own = wal_cluster(node->wal);
    return cluster == 0 || own == 0 || cluster == own;
}

static void peer_is_up(struct node *node, struct conn *conn)
{
    conn->greeted = true;
    node_notice(node, NOTICE_PEER_UP, conn->peer, 0);
    struct raft_event event = {.kind = RAFT_PEER_OPEN, .peer = conn->peer};
    consensus_step(node, &event);
}

static void greet_peer(struct node *node, struct conn *conn, const struct hello *hello)
{
    struct peer *peer = node_peer(node, hello->node);
    bool known = peer && hello->to == node->settings.self &&
                 hello->members == node->members_hash && hello->node < node->settings.self;
    conn->peer = hello->node;
    if (!known) {
        MARK(hello_other_members);
        greet_refuse(node, conn, REFUSED_MEMBERS);
        return;
    }
    if (!same_cluster(node, hello->cluster)) {
        MARK(hello_other_cluster);
        greet_refuse(node, conn, REFUSED_CLUSTER);
        return;
    }
    if (!conn_become_peer(node, conn, peer))
        return;
    send_welcome(node, conn);
    peer_is_up(node, conn);
}

static void greet_client(struct node *node, struct conn *conn, const struct hello *hello)
{
    if (!same_cluster(node, hello->cluster)) {
        greet_refuse(node, conn, REFUSED_CLUSTER);
        return;
    }
    conn->role = CONN_CLIENT;
    conn->greeted = true;
    send_welcome(node, conn);
}

static void on_hello(struct node *node, struct conn *conn, struct wire *wire)
{
    struct hello hello = {0};
    wire_hello(wire, &hello);
    if (!wire_complete(wire)) {
        conn_nonsense(node, conn, 100 + FRAME_HELLO);
        return;
    }
    if (hello.role == HELLO_PEER)
        greet_peer(node, conn, &hello);
    else
        greet_client(node, conn, &hello);
}

static void on_welcome(struct node *node, struct conn *conn, struct wire *wire)
{
    struct welcome welcome = {0};
    wire_welcome(wire, &welcome);
    if (!wire_complete(wire) || welcome.node != conn->peer) {
        conn_nonsense(node, conn, 100 + FRAME_WELCOME);
        return;
    }
    if (!same_cluster(node, welcome.cluster)) {
        node_notice(node, NOTICE_REFUSED_PEER, conn->peer, REFUSED_CLUSTER);
        conn_close(node, conn);
        return;
    }
    peer_is_up(node, conn);
}

static void on_refused(struct node *node, struct conn *conn, struct wire *wire)
{
    struct refused refused = {0};
    wire_refused(wire, &refused);
    node_notice(node, NOTICE_REFUSED_PEER, conn->peer, refused.why);
    struct peer *peer = node_peer(node, conn->peer);
    if (peer)
        peer->dial_ns = node->now_ns + NS_PER_S; /* It will not change its mind soon. */
    conn_close(node, conn);
}

/* The frames before anybody is greeted, and refusals. */
void greet_frame(struct node *node, struct conn *conn, const struct frame *frame)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    if (frame->kind == FRAME_HELLO && conn->role == CONN_NEW)
        on_hello(node, conn, &wire);
    else if (frame->kind == FRAME_WELCOME && conn->dialed && !conn->greeted)
        on_welcome(node, conn, &wire);
    else if (frame->kind == FRAME_REFUSED && conn->dialed)
        on_refused(node, conn, &wire);
    else
        conn_nonsense(node, conn, 100 + (uint64_t)frame->kind);
}

void greet_leader(struct node *node, struct conn *conn)
{
    struct leader leader = {
            .leader = leader_for_clients(node), .term = raft_term(node->raft)};
    if (leader.leader != 0)
        leader.address = leader_address(node);
    struct wire wire = conn_begin(node, conn, 32 + ADDRESS_BYTES_MAX);
    wire_leader(&wire, &leader);
    conn_end(node, conn, FRAME_LEADER, &wire);
}

void greet_leader_changed(struct node *node)
{
    uint8_t leader = leader_for_clients(node);
    uint64_t term = raft_term(node->raft);
    if (leader == node->leader_told && (leader == 0 || term == node->leader_term_told))
        return;
    node->leader_told = leader;
    node->leader_term_told = term;
    for (uint32_t slot = 0; slot < node->settings.limits.connections_max; slot++) {
        struct conn *conn = &node->conns[slot];
        if (conn->role == CONN_CLIENT && !conn->closing)
            greet_leader(node, conn);
    }
}
