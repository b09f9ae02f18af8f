/* Hello, welcome, refusal, and who leads: see greet.h. */
#include "node/greet.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

enum {
    WELCOME_WAIT_MS = 1000,
    REFUSED_PAUSE_S = 3, /* A node that refuses will not change its mind soon. */
};

static struct span text_span(const char *text)
{
    struct span span = {(const unsigned char *)text, (uint32_t)strlen(text)};
    return span;
}

struct span greet_leader_address(const struct greet *greet)
{
    const struct member *leader = configuration_find(
            &greet->doubts->configurations->newest.is, raft_leader(greet->raft));
    return text_span(leader ? leader->address : "");
}

uint8_t greet_leader_id(const struct greet *greet)
{
    uint8_t leader = raft_leader(greet->raft);
    if (leader == greet->roster->self && !raft_leads_applied(greet->raft))
        return 0;
    return leader;
}

/* Of the state applied; 0: not bootstrapped yet */
static uint16_t cluster_version(const struct greet *greet)
{
    return wal_cluster(greet->wal) == 0 ? 0 : locks_settings(greet->locks)->version;
}

/* What the other node is in the newest configuration, and with which directory. */
static uint8_t what_is(const struct greet *greet, uint8_t id, uint64_t *incarnation)
{
    const struct indexed_configuration *newest = &greet->doubts->configurations->newest;
    const struct member *member = configuration_find(&newest->is, id);
    bool known = member && newest->index > 0;
    *incarnation = known ? member->incarnation : 0;
    return known ? member->role : 0;
}

/*
 * The other end is in a cluster that has this very directory as a learner: then one with an
 * empty log has nothing to forget.
 */
static void hear_role(
        struct greet *greet, uint8_t role, uint64_t incarnation, uint64_t configuration)
{
    bool learner = role == MEMBER_LEARNER || role == MEMBER_OBSERVER;
    bool is_empty = raft_last(greet->raft).index == 0;
    if (role == 0 || incarnation != wal_incarnation(greet->wal))
        return;
    greet->member_at = u64_max(greet->member_at, configuration);
    if (learner && is_empty)
        greet->join_due = true;
}

/* Only while it has nothing else: then it can be put in the place of what it was. */
static uint64_t given_up(const struct greet *greet)
{
    return wal_cluster(greet->wal) == 0 ? greet->given_up : 0;
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
    uint64_t to_incarnation;
    uint8_t to_role = what_is(greet, event->peer, &to_incarnation);
    struct hello hello = {
            .role = HELLO_PEER,
            .node = greet->roster->self,
            .to = event->peer,
            .cluster = wal_cluster(greet->wal),
            .members = greet->roster->members_hash,
            .incarnation = wal_incarnation(greet->wal),
            .run = greet->run,
            .dial = peer->dials,
            .cluster_version = cluster_version(greet),
            .configuration = greet->doubts->configurations->newest.index,
            .to_role = to_role,
            .to_incarnation = to_incarnation,
            .given_up = given_up(greet),
            .versions = greet->settings->versions,
    };
    struct wire wire = conn_begin(conn, 160);
    wire_hello(&wire, &hello);
    conn_end(greet->conns, conn, FRAME_HELLO, &wire);
}

static void send_welcome(struct greet *greet, struct conn *conn)
{
    struct welcome welcome = {
            .node = greet->roster->self,
            .leader = greet_leader_id(greet),
            .cluster = wal_cluster(greet->wal),
            .term = raft_term(greet->raft),
            .versions = greet->settings->versions,
    };
    if (welcome.leader != 0 && welcome.leader != greet->roster->self)
        welcome.leader_address = greet_leader_address(greet);
    /* Until there is a state, its settings are only what this node was started with. */
    if (locks_index(greet->locks) > 0) {
        welcome.ttl_min_ns = locks_settings(greet->locks)->min_ttl_ns;
        welcome.ttl_max_ns = locks_settings(greet->locks)->max_ttl_ns;
    }
    struct wire wire = conn_begin(conn, 96 + ADDRESS_BYTES_MAX);
    wire_welcome(&wire, &welcome);
    conn_end(greet->conns, conn, FRAME_WELCOME, &wire);
}

/* `conn->hello` has what the other end says of versions. */
static void tell_refusal(struct greet *greet, enum node_notice_kind kind,
        const struct conn *conn, uint8_t why)
{
    struct node_notice notice = {.kind = kind, .peer = conn->peer, .number = why};
    if (why == REFUSED_VERSION) {
        notice.own = greet->settings->versions;
        notice.others = conn->hello.versions;
        notice.cluster_version = roster_version_heard(greet->roster, greet->times->now_ns);
    }
    notices_tell_of(greet->notices, &notice, conn->from);
}

static void send_refusal(struct greet *greet, struct conn *conn, enum refusal why)
{
    struct refused refused = {
            .why = (uint8_t)why,
            .cluster = wal_cluster(greet->wal),
            .cluster_version = cluster_version(greet),
            .versions = greet->settings->versions,
    };
    if (why == REFUSED_REMOVED)
        refused.index = greet->doubts->configurations->newest.index;
    struct wire wire = conn_begin(conn, 32);
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

/*
 * Both must know a version, and each the one that the other's state is of. Entries may be of
 * the cluster's version, so who does not know it would not understand them.
 */
static bool can_speak(
        const struct greet *greet, struct versions theirs, uint16_t their_cluster_version)
{
    struct versions own = greet->settings->versions;
    roster_hear_version(greet->roster, cluster_version(greet), greet->times->now_ns);
    roster_hear_version(greet->roster, their_cluster_version, greet->times->now_ns);
    return versions_common(own, theirs) != 0 && their_cluster_version <= own.most &&
           cluster_version(greet) <= theirs.most;
}

static enum refusal doubt_hello(
        const struct greet *greet, const struct hello *hello, const struct claim *claim)
{
    if (hello->node == greet->roster->self) {
        MARK(hello_own_id);
        return REFUSED_ID;
    }
    enum refusal why = doubt_claim(greet->doubts, claim);
    if (why == 0 && hello->to != greet->roster->self) {
        MARK(hello_other_node);
        return REFUSED_NODE;
    }
    if (why == 0 && !can_speak(greet, hello->versions, hello->cluster_version)) {
        MARK(hello_other_version);
        return REFUSED_VERSION;
    }
    return why;
}

/* This node refuses who says to be `peer`, and will say so when it is asked. */
static void refuse_peer(
        struct greet *greet, struct peer *peer, struct conn *conn, enum refusal why)
{
    assert(peer || conn->role != CONN_PEER);
    if (peer)
        peer->refused = (struct objection){(uint8_t)why, greet->times->now_ns};
    if (peer && conn->role == CONN_PEER)
        dial_pause(greet->dial, peer, REFUSED_PAUSE_S * NS_PER_S);
    greet_refuse(greet, conn, why);
}

void greet_object(struct greet *greet, struct conn *conn, enum refusal why)
{
    assert(conn->role == CONN_PEER && conn->greeted);
    refuse_peer(greet, roster_find(greet->roster, conn->peer), conn, why);
}

void greet_too_late(struct greet *greet, struct conn *conn, uint16_t version)
{
    MARK(entry_of_unknown_version);
    roster_hear_version(greet->roster, version, greet->times->now_ns);
    greet_object(greet, conn, REFUSED_VERSION);
}

static void tell_open(struct peer *peer, struct raft_event *event)
{
    peer->outsider = roster_is_outsider(peer);
    *event = (struct raft_event){
            .kind = RAFT_PEER_OPEN,
            .peer = peer->id,
            .incarnation = peer->heard,
            .outsider = peer->outsider,
    };
}

static void peer_is_up(
        struct greet *greet, struct peer *peer, struct conn *conn, struct raft_event *event)
{
    assert(conn->role == CONN_PEER && !conn->greeted);
    conn->greeted = true;
    peer->elsewhere[0] = 0;
    peer->places_told = 0;
    greet->roster->came_up = true;
    const struct node_notice notice = {.kind = NOTICE_PEER_UP, .peer = conn->peer};
    notices_tell_of(greet->notices, &notice, conn->from);
    tell_open(peer, event);
}

/* A member that is greeted now. Of its connections, those up to its `dial` are void. */
static void note_process(struct peer *peer, const struct hello *said)
{
    uint64_t run = said->run;
    uint64_t dial = said->dial;
    peer->heard = said->incarnation;
    peer->versions = said->versions;
    peer->configuration = said->configuration;
    if (peer->run != run || dial > peer->void_dials)
        peer->void_dials = dial;
    peer->run = run;
    peer->objected.why = 0;
}

static struct claim claim_of_hello(const struct hello *hello)
{
    return (struct claim){
            .node = hello->node,
            .cluster = hello->cluster,
            .incarnation = hello->incarnation,
            .configuration = hello->configuration,
            .members = hello->members,
            .to_incarnation = hello->to_incarnation,
            .given_up = hello->given_up,
    };
}

/* A connection that the peer made is the one that counts. */
static void welcome_peer(struct greet *greet, struct conn *conn, const struct hello *hello,
        struct raft_event *event)
{
    struct peer *peer = roster_find(greet->roster, hello->node);
    conn_become_peer(greet->conns, conn, peer);
    note_process(peer, hello);
    hear_role(greet, hello->to_role, hello->to_incarnation, hello->configuration);
    uint64_t to_incarnation;
    uint8_t to_role = what_is(greet, peer->id, &to_incarnation);
    struct peer_welcome welcome = {
            .node = greet->roster->self,
            .cluster = wal_cluster(greet->wal),
            .incarnation = wal_incarnation(greet->wal),
            .run = greet->run,
            .dial = peer->dials,
            .cluster_version = cluster_version(greet),
            .configuration = greet->doubts->configurations->newest.index,
            .to_role = to_role,
            .to_incarnation = to_incarnation,
            .versions = greet->settings->versions,
            .given_up = given_up(greet),
    };
    struct wire wire = conn_begin(conn, 160);
    wire_peer_welcome(&wire, &welcome);
    conn_end(greet->conns, conn, FRAME_PEER_WELCOME, &wire);
    peer_is_up(greet, peer, conn, event);
}

static bool greet_peer(struct greet *greet, struct conn *conn, const struct hello *hello,
        struct raft_event *event)
{
    const struct claim claim = claim_of_hello(hello);
    conn->peer = hello->node;
    conn->hello = *hello;
    enum refusal why = doubt_hello(greet, hello, &claim);
    struct peer *peer = why == 0 ? roster_admit(greet->roster, hello->node)
                                 : roster_find(greet->roster, hello->node);
    if (why == 0 && !peer)
        why = REFUSED_FULL;
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
    struct wire head = *wire;
    wire_hello_head(&head, &hello);
    conn->hello = hello;
    if (!head.failed && versions_common(greet->settings->versions, hello.versions) == 0) {
        /* The rest of its hello may have another layout. */
        MARK(hello_unknown_version);
        if (hello.role == HELLO_PEER)
            tell_refusal(greet, NOTICE_REFUSED_PEER, conn, REFUSED_VERSION);
        send_refusal(greet, conn, REFUSED_VERSION);
        return false;
    }
    wire_hello(wire, &hello);
    if (wire->failed) {
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
    if (wire->failed || welcome.node != conn->peer) {
        conn_nonsense(greet->conns, conn, 100 + FRAME_PEER_WELCOME);
        return false;
    }
    struct peer *peer = roster_find(greet->roster, conn->peer);
    const struct claim claim = {
            .node = welcome.node,
            .cluster = welcome.cluster,
            .incarnation = welcome.incarnation,
            .configuration = welcome.configuration,
            .to_incarnation = welcome.to_incarnation,
            .given_up = welcome.given_up,
    };
    enum refusal why = doubt_claim(greet->doubts, &claim);
    conn->hello = (struct hello){.incarnation = welcome.incarnation,
            .run = welcome.run,
            .dial = welcome.dial,
            .configuration = welcome.configuration,
            .versions = welcome.versions};
    if (why == 0 && !can_speak(greet, welcome.versions, welcome.cluster_version)) {
        MARK(welcome_other_version);
        why = REFUSED_VERSION;
    }
    if (why != 0) {
        refuse_peer(greet, peer, conn, why);
        return false;
    }
    note_process(peer, &conn->hello);
    hear_role(greet, welcome.to_role, welcome.to_incarnation, welcome.configuration);
    peer_is_up(greet, peer, conn, event);
    rivals_welcomed(greet->rivals, peer);
    return true;
}

/*
 * A member says that a configuration is committed that is without this node. Either that is
 * newer than any here, or it is here and this node did not know that it is committed.
 */
static bool is_removal(const struct greet *greet, const struct refused *refused)
{
    uint64_t own = wal_cluster(greet->wal);
    const struct configurations *configurations = greet->doubts->configurations;
    uint64_t known = configurations->newest.index;
    return own != 0 && refused->cluster == own && refused->index > greet->member_at &&
           (refused->index > known ||
                   (refused->index == known && !configurations_self(configurations)));
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
    if (wire->failed || !peer) {
        conn_nonsense(greet->conns, conn, 100 + FRAME_REFUSED);
        return false;
    }
    bool removed = refused.why == REFUSED_REMOVED && is_removal(greet, &refused);
    if (removed)
        greet->removed_at = refused.index;
    conn->hello.versions = refused.versions;
    if (refused.why == REFUSED_VERSION)
        roster_hear_version(greet->roster, refused.cluster_version, greet->times->now_ns);
    tell_refusal(greet, NOTICE_REFUSED_BY_PEER, conn, refused.why);
    peer->objected = (struct objection){refused.why, greet->times->now_ns};
    /* A new machine wants to know soon that it was added. */
    bool waits = wal_cluster(greet->wal) == 0 &&
                 (refused.why == REFUSED_NOT_MEMBER || refused.why == REFUSED_DIRECTORY);
    dial_pause(greet->dial, peer, waits ? NS_PER_S : REFUSED_PAUSE_S * NS_PER_S);
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
    bool skipped = conn->greeted && frame_may_be_skipped(frame->kind) &&
                   conn->hello.versions.most > greet->settings->versions.most;
    if (!skipped && !of_greeted_peer(greet, conn, frame))
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

bool greet_membership(struct greet *greet, struct raft_event *event)
{
    if (greet->join_due && greet->can_join) {
        greet->join_due = false;
        *event = (struct raft_event){.kind = RAFT_JOIN};
        return true;
    }
    for (uint8_t i = 0; i < greet->roster->top; i++) {
        struct peer *peer = &greet->roster->peers[i];
        if (peer->conn == NO_CONN)
            continue;
        struct conn *conn = conn_at(greet->conns, peer->conn);
        if (!conn->greeted || conn->closing)
            continue;
        if (doubt_is_removed(greet->doubts, peer))
            refuse_peer(greet, peer, conn, REFUSED_REMOVED);
        else if (peer->outsider != roster_is_outsider(peer)) {
            tell_open(peer, event);
            return true;
        }
    }
    return false;
}

void greet_leader(struct greet *greet, struct conn *conn)
{
    struct leader leader = {
            .leader = greet_leader_id(greet), .term = raft_term(greet->raft)};
    if (leader.leader != 0)
        leader.address = greet_leader_address(greet);
    struct wire wire = conn_begin(conn, 32 + ADDRESS_BYTES_MAX);
    wire_leader(&wire, &leader);
    conn_end(greet->conns, conn, FRAME_LEADER, &wire);
}

void greet_leader_changed(struct greet *greet)
{
    uint8_t leader = greet_leader_id(greet);
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
    for (uint8_t i = 0; i < roster->top; i++) {
        const struct peer *peer = &roster->peers[i];
        if (peer->conn == NO_CONN)
            continue;
        const struct conn *conn = &greet->conns->slots[peer->conn];
        assert(peer->conn < greet->conns->max);
        assert(conn->role == CONN_PEER && conn->peer == peer->id);
    }
}
