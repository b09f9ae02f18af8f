/* Hello, welcome, refusal, and who leads: see greet.h. */
#include "node/greet.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

enum {
    DIAL_PAUSE_MS = 20,
    LATE_DIAL_MS = 100, /* The one with the larger id: after that time alone, and again */
    WELCOME_WAIT_MS = 1000,
    REFUSED_PAUSE_S = 3, /* A node that refuses will not change its mind soon. */
    OBJECTION_S = 10,    /* What happened in this time is a condition of the node. */
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

/* Not before: the smaller id first, as two that dial each other only get in the way. */
static uint64_t dial_due_ns(const struct greet *greet, const struct peer *peer)
{
    if (greet->roster->self < peer->id)
        return peer->dial_ns;
    uint64_t alone_ns = u64_max(peer->alone_ns, greet->times->start_ns);
    return u64_max(peer->dial_ns, alone_ns + LATE_DIAL_MS * NS_PER_MS);
}

static void pause_dialing(const struct greet *greet, struct peer *peer, uint64_t pause_ns)
{
    if (greet->roster->self > peer->id)
        pause_ns = u64_max(pause_ns, LATE_DIAL_MS * NS_PER_MS);
    peer->dial_ns = u64_max(peer->dial_ns, greet->times->now_ns + pause_ns);
}

static bool may_dial(const struct greet *greet, const struct peer *peer)
{
    return peer->conn == NO_CONN && peer->waiting == NO_CONN && !peer->dialing &&
           !greet->stopping;
}

/*
 * Turn end: connect to peers that are not reached. A peer that accepted the connection and
 * died before it said welcome leaves no trace, because nothing more is sent to it.
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
        if (!may_dial(greet, peer) || greet->times->now_ns < dial_due_ns(greet, peer))
            continue;
        peer->dialing = true;
        pause_dialing(greet, peer, DIAL_PAUSE_MS * NS_PER_MS);
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
        if (unwelcomed(greet, peer))
            deadline_ns = u64_min(deadline_ns, peer->welcome_ns);
        if (may_dial(greet, peer))
            deadline_ns = u64_min(deadline_ns, dial_due_ns(greet, peer));
    }
    return deadline_ns;
}

/* Beside a connection that the peer has made meanwhile, this one is not needed. */
void greet_connected(struct greet *greet, const struct node_event *event)
{
    conn_open(greet->conns, event->conn, event->peer);
    struct conn *conn = conn_at(greet->conns, event->conn);
    conn_note_from(conn, event);
    struct peer *peer = roster_find(greet->roster, event->peer);
    assert(peer);
    peer->dialing = false;
    if (peer->conn != NO_CONN || peer->waiting != NO_CONN) {
        MARK(dialed_for_nothing);
        conn_close(greet->conns, conn);
        return;
    }
    peer->welcome_ns = greet->times->now_ns + WELCOME_WAIT_MS * NS_PER_MS;
    peer->dials++;
    conn_become_peer(greet->conns, conn, peer);
    struct hello hello = {
            .role = HELLO_PEER,
            .node = greet->roster->self,
            .to = event->peer,
            .cluster = wal_cluster(greet->wal),
            .members = greet->roster->members_hash,
            .incarnation = wal_incarnation(greet->wal),
            .run = greet->run,
            .dial = peer->dials,
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
    pause_dialing(greet, peer, DIAL_PAUSE_MS * NS_PER_MS);
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
    /* Until there is a state, its settings are only what this node was started with. */
    if (locks_index(greet->locks) > 0) {
        welcome.ttl_min_ns = locks_settings(greet->locks)->min_ttl_ns;
        welcome.ttl_max_ns = locks_settings(greet->locks)->max_ttl_ns;
    }
    struct wire wire = conn_begin(conn, 64 + ADDRESS_BYTES_MAX);
    wire_welcome(&wire, &welcome);
    conn_end(greet->conns, conn, FRAME_WELCOME, &wire);
}

static void tell_refusal(struct greet *greet, enum node_notice_kind kind,
        const struct conn *conn, uint8_t why)
{
    const struct node_notice notice = {.kind = kind, .peer = conn->peer, .number = why};
    notices_tell_of(greet->notices, &notice, conn->from);
}

static void send_refusal(struct greet *greet, struct conn *conn, enum refusal why)
{
    struct refused refused = {.why = (uint8_t)why, .cluster = wal_cluster(greet->wal)};
    struct wire wire = conn_begin(conn, 16);
    wire_refused(&wire, &refused);
    conn_end(greet->conns, conn, FRAME_REFUSED, &wire);
    conn_close(greet->conns, conn);
}

void greet_refuse(struct greet *greet, struct conn *conn, enum refusal why)
{
    if (conn->peer != 0)
        tell_refusal(greet, NOTICE_REFUSED_PEER, conn, (uint8_t)why);
    send_refusal(greet, conn, why);
}

static bool same_cluster(const struct greet *greet, uint64_t cluster)
{
    uint64_t own = wal_cluster(greet->wal);
    return cluster == 0 || own == 0 || cluster == own;
}

/* What speaks against that the other end is this member; 0: nothing. */
static enum refusal doubt(const struct greet *greet, const struct peer *peer,
        uint64_t cluster, uint64_t heard)
{
    if (!same_cluster(greet, cluster)) {
        MARK(hello_other_cluster);
        return REFUSED_CLUSTER;
    }
    if (peer->incarnation != 0 && peer->incarnation != heard) {
        MARK(hello_other_directory);
        return REFUSED_DIRECTORY;
    }
    return (enum refusal)0;
}

static enum refusal doubt_hello(
        const struct greet *greet, const struct peer *peer, const struct hello *hello)
{
    if (hello->node == greet->roster->self) {
        MARK(hello_own_id);
        return REFUSED_ID;
    }
    if (!peer || hello->members != greet->roster->members_hash) {
        MARK(hello_other_members);
        return REFUSED_MEMBERS;
    }
    if (hello->to != greet->roster->self) {
        MARK(hello_other_node);
        return REFUSED_NODE;
    }
    return doubt(greet, peer, hello->cluster, hello->incarnation);
}

/* This node refuses who says to be `peer`, and will say so when it is asked. */
static void refuse_peer(
        struct greet *greet, struct peer *peer, struct conn *conn, enum refusal why)
{
    assert(peer || conn->role != CONN_PEER);
    if (peer)
        peer->refused = (struct objection){(uint8_t)why, greet->times->now_ns};
    if (peer && conn->role == CONN_PEER)
        pause_dialing(greet, peer, REFUSED_PAUSE_S * NS_PER_S);
    greet_refuse(greet, conn, why);
}

void greet_object(struct greet *greet, struct conn *conn, enum refusal why)
{
    assert(conn->role == CONN_PEER && conn->greeted);
    refuse_peer(greet, roster_find(greet->roster, conn->peer), conn, why);
}

static void peer_is_up(struct greet *greet, struct conn *conn, struct raft_event *event)
{
    assert(conn->role == CONN_PEER && !conn->greeted);
    conn->greeted = true;
    const struct node_notice notice = {.kind = NOTICE_PEER_UP, .peer = conn->peer};
    notices_tell_of(greet->notices, &notice, conn->from);
    *event = (struct raft_event){.kind = RAFT_PEER_OPEN, .peer = conn->peer};
}

/* `dial`: of its connections, those up to this one are void. */
static void note_process(struct peer *peer, uint64_t heard, uint64_t run, uint64_t dial)
{
    peer->heard = heard;
    if (peer->run != run || dial > peer->void_dials)
        peer->void_dials = dial;
    peer->run = run;
    peer->objected.why = 0;
}

/* A connection that the peer made is the one that counts. */
static void welcome_peer(struct greet *greet, struct conn *conn, const struct hello *hello,
        struct raft_event *event)
{
    struct peer *peer = roster_find(greet->roster, hello->node);
    conn_become_peer(greet->conns, conn, peer);
    note_process(peer, hello->incarnation, hello->run, hello->dial);
    struct peer_welcome welcome = {
            .node = greet->roster->self,
            .cluster = wal_cluster(greet->wal),
            .incarnation = wal_incarnation(greet->wal),
            .run = greet->run,
            .dial = peer->dials,
    };
    struct wire wire = conn_begin(conn, 64);
    wire_peer_welcome(&wire, &welcome);
    conn_end(greet->conns, conn, FRAME_PEER_WELCOME, &wire);
    peer_is_up(greet, conn, event);
}

static bool greet_peer(struct greet *greet, struct conn *conn, const struct hello *hello,
        struct raft_event *event)
{
    struct peer *peer = roster_find(greet->roster, hello->node);
    conn->peer = hello->node;
    enum refusal why = doubt_hello(greet, peer, hello);
    if (why != 0) {
        refuse_peer(greet, peer, conn, why);
        return false;
    }
    switch (rivals_meet(greet->rivals, peer, conn, hello)) {
    case RIVAL_TAKE:
        welcome_peer(greet, conn, hello, event);
        return true;
    case RIVAL_WAITS:
        break;
    case RIVAL_VOID:
        conn_close(greet->conns, conn);
        break;
    case RIVAL_REFUSE:
        send_refusal(greet, conn, REFUSED_TWICE);
        break;
    }
    return false;
}

bool greet_waiting(struct greet *greet, struct raft_event *event)
{
    struct conn *conn = rivals_next(greet->rivals);
    if (!conn)
        return false;
    const struct hello hello = conn->hello;
    welcome_peer(greet, conn, &hello, event);
    return true;
}

void greet_waits_no_more(struct greet *greet, const struct conn *conn)
{
    if (conn->waiting)
        rivals_forget(greet->conns, roster_find(greet->roster, conn->peer));
}

static void greet_client(struct greet *greet, struct conn *conn, const struct hello *hello)
{
    if (!same_cluster(greet, hello->cluster)) {
        greet_refuse(greet, conn, REFUSED_CLUSTER);
        return;
    }
    door_client(greet->door, conn);
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
    struct peer_welcome welcome = {0};
    wire_peer_welcome(wire, &welcome);
    if (!wire_complete(wire) || welcome.node != conn->peer) {
        conn_nonsense(greet->conns, conn, 100 + FRAME_PEER_WELCOME);
        return false;
    }
    struct peer *peer = roster_find(greet->roster, conn->peer);
    enum refusal why = doubt(greet, peer, welcome.cluster, welcome.incarnation);
    if (why != 0) {
        refuse_peer(greet, peer, conn, why);
        return false;
    }
    note_process(peer, welcome.incarnation, welcome.run, welcome.dial);
    peer_is_up(greet, conn, event);
    rivals_welcomed(greet->rivals, peer);
    return true;
}

/*
 * A cluster that knows another directory of this node, while this one is blank: it has lost
 * its own. raft is told.
 */
static bool on_refused(
        struct greet *greet, struct conn *conn, struct wire *wire, struct raft_event *event)
{
    struct refused refused = {0};
    wire_refused(wire, &refused);
    struct peer *peer = roster_find(greet->roster, conn->peer);
    if (!wire_complete(wire) || !peer) {
        conn_nonsense(greet->conns, conn, 100 + FRAME_REFUSED);
        return false;
    }
    tell_refusal(greet, NOTICE_REFUSED_BY_PEER, conn, refused.why);
    peer->objected = (struct objection){refused.why, greet->times->now_ns};
    pause_dialing(greet, peer, REFUSED_PAUSE_S * NS_PER_S);
    conn_close(greet->conns, conn);
    *event = (struct raft_event){.kind = RAFT_FORGOTTEN};
    return refused.why == REFUSED_DIRECTORY && refused.cluster != 0;
}

/* Two processes are this member, and the one that was here first is alive. */
static void on_alive(struct greet *greet, const struct conn *conn)
{
    struct peer *peer = roster_find(greet->roster, conn->peer);
    struct conn *newcomer = rivals_alive(greet->rivals, peer);
    if (newcomer)
        refuse_peer(greet, peer, newcomer, REFUSED_TWICE);
}

static void answer_probe(struct greet *greet, struct conn *conn)
{
    struct wire wire = conn_begin(conn, 0);
    conn_end(greet->conns, conn, FRAME_PEER_ALIVE, &wire);
}

static bool of_greeted_peer(
        struct greet *greet, struct conn *conn, const struct frame *frame)
{
    if (conn->role != CONN_PEER || !conn->greeted || frame->body_bytes != 0)
        return false;
    if (frame->kind == FRAME_PEER_PROBE)
        answer_probe(greet, conn);
    else if (frame->kind == FRAME_PEER_ALIVE)
        on_alive(greet, conn);
    else
        return false;
    return true;
}

bool greet_frame(struct greet *greet, struct conn *conn, const struct frame *frame,
        struct raft_event *event)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    if (frame->kind == FRAME_HELLO && conn->role == CONN_NEW && !conn->dialed)
        return on_hello(greet, conn, &wire, event);
    if (frame->kind == FRAME_PEER_WELCOME && conn->dialed && !conn->greeted)
        return on_welcome(greet, conn, &wire, event);
    if (frame->kind == FRAME_REFUSED && conn->role == CONN_PEER)
        return on_refused(greet, conn, &wire, event);
    if (!of_greeted_peer(greet, conn, frame))
        conn_nonsense(greet->conns, conn, 100 + (uint64_t)frame->kind);
    return false;
}

bool greet_lost(struct greet *greet, const struct conn *last, bool by_other,
        struct raft_event *event)
{
    struct peer *peer = roster_find(greet->roster, last->peer);
    assert(peer && peer->conn != NO_CONN);
    peer->conn = NO_CONN;
    peer->probe_ns = 0;
    peer->alone_ns = greet->times->now_ns;
    if (!last->greeted)
        return false;
    const struct node_notice notice = {.kind = NOTICE_PEER_DOWN, .peer = peer->id};
    notices_tell_of(greet->notices, &notice, last->from);
    *event = (struct raft_event){
            .kind = RAFT_PEER_CLOSED, .peer = peer->id, .by_peer = by_other};
    return true;
}

static bool is_recent(const struct greet *greet, const struct objection *objection)
{
    return objection->why != 0 &&
           greet->times->now_ns - objection->at_ns < OBJECTION_S * NS_PER_S;
}

static enum condition condition_of_objection(uint8_t why)
{
    switch ((enum refusal)why) {
    case REFUSED_CLUSTER:
        return CONDITION_OTHER_CLUSTER;
    case REFUSED_DIRECTORY:
        return CONDITION_OTHER_DIRECTORY;
    case REFUSED_TWICE:
        return CONDITION_ID_TAKEN;
    case REFUSED_HISTORY:
        return CONDITION_CONTRADICTED;
    case REFUSED_FULL:
        return CONDITION_HEALTHY;
    case REFUSED_VERSION:
    case REFUSED_MEMBERS:
    case REFUSED_NONSENSE:
    case REFUSED_ID:
    case REFUSED_NODE:
    case REFUSED_TERM:
    case REFUSED_CROWDED:
        break;
    }
    return CONDITION_NOT_ACCEPTED;
}

enum condition greet_objected(const struct greet *greet)
{
    enum condition condition = CONDITION_HEALTHY;
    for (uint8_t i = 0; i < greet->roster->count; i++) {
        const struct objection *objected = &greet->roster->peers[i].objected;
        if (is_recent(greet, objected) && condition == CONDITION_HEALTHY)
            condition = condition_of_objection(objected->why);
    }
    return condition;
}

enum condition greet_refused(const struct greet *greet)
{
    for (uint8_t i = 0; i < greet->roster->count; i++) {
        const struct objection *refused = &greet->roster->peers[i].refused;
        if (!is_recent(greet, refused) || refused->why == REFUSED_MEMBERS)
            continue;
        return refused->why == REFUSED_HISTORY ? CONDITION_CONTRADICTED
                                               : CONDITION_STRANGER;
    }
    return CONDITION_HEALTHY;
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
    }
}
