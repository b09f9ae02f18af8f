/* What an operator asks of the cluster: see admin.h. */
#include "node/admin.h"

#include "base/mark.h"

enum {
    ROW_BYTES_MAX = 64 + ADDRESS_BYTES_MAX + ADMIN_PROGRAM_BYTES_MAX,
    ANSWER_BYTES_MAX = 64 + ADDRESS_BYTES_MAX + ADMIN_SENTENCE_BYTES_MAX,
};

static struct span text_span(const char *text)
{
    return (struct span){(const unsigned char *)text, (uint32_t)strlen(text)};
}

static struct span program_span(const char *text)
{
    struct span span = text_span(text);
    if (span.count > ADMIN_PROGRAM_BYTES_MAX)
        span.count = ADMIN_PROGRAM_BYTES_MAX;
    return span;
}

/* This node, of which it knows all. */
static void describe_self(const struct admin *admin, struct admin_member *row)
{
    row->connected = true;
    row->incarnation = wal_incarnation(admin->wal);
    row->match = raft_durable(admin->raft);
    row->version_least = 1;
    row->version_most = 1;
    row->program = program_span(admin->settings->version);
}

static void describe_peer(
        const struct admin *admin, const struct peer *peer, struct admin_member *row)
{
    uint64_t heard_ns = raft_peer_heard_ns(admin->raft, peer->id);
    row->connected = raft_peer_is_open(admin->raft, peer->id) && !peer->outsider;
    row->incarnation = peer->heard;
    row->match = raft_peer_match(admin->raft, peer->id);
    row->heard_ns = heard_ns == 0 ? UINT64_MAX : admin->times->now_ns - heard_ns;
}

static uint8_t role_of(const struct member *member)
{
    switch ((enum member_role)member->role) {
    case MEMBER_VOTER:
        break;
    case MEMBER_LEARNER:
        return ADMIN_LEARNER;
    case MEMBER_OBSERVER:
        return ADMIN_OBSERVER;
    }
    return ADMIN_VOTER;
}

static void put_rows(const struct admin *admin, struct wire *wire)
{
    const struct configuration *newest = &admin->changes->configurations->newest.is;
    for (uint8_t i = 0; i < newest->count; i++) {
        const struct member *member = &newest->members[i];
        struct admin_member row = {.node = member->id,
                .role = role_of(member),
                .heard_ns = UINT64_MAX,
                .address = text_span(member->address)};
        if (row.node == admin->roster->self)
            describe_self(admin, &row);
        const struct peer *peer = roster_find_const(admin->roster, row.node);
        if (peer)
            describe_peer(admin, peer, &row);
        if (member->incarnation != 0)
            row.incarnation = member->incarnation;
        wire_admin_member(wire, &row);
    }
}

static void answer(const struct admin *admin, struct conn *conn, uint8_t kind,
        enum admin_result result, const struct sentence *sentence)
{
    struct admin_answer answer = {
            .kind = kind,
            .result = (uint8_t)result,
            .node = admin->roster->self,
            .leader = greet_leader_id(admin->greet),
            .sentence = {(const unsigned char *)sentence->bytes, sentence->count},
            .version = wal_cluster(admin->wal) == 0 ? 0 : 1,
            .version_next = 1,
            .member_count = admin->changes->configurations->newest.is.count,
    };
    if (answer.leader != 0 && answer.leader != admin->roster->self)
        answer.leader_address = greet_leader_address(admin->greet);
    size_t room = ANSWER_BYTES_MAX + (size_t)answer.member_count * ROW_BYTES_MAX;
    struct wire wire = conn_begin(conn, room);
    wire_admin_answer(&wire, &answer);
    put_rows(admin, &wire);
    conn_end(admin->conns, conn, FRAME_ADMIN_ANSWER, &wire);
}

/* A kind of a later version, or one that this node has no use for */
static void answer_unknown(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    MARK(admin_unknown_kind);
    sentence_add(&sentence, "node ");
    sentence_add_u64(&sentence, admin->roster->self);
    sentence_add(&sentence, " does not know this request: its lockd is older than lockctl");
    answer(admin, conn, request->kind, ADMIN_NEVER, &sentence);
}

static void answer_upgrade(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    sentence_add(&sentence, "the cluster uses version 1, the newest that all members know");
    answer(admin, conn, request->kind, ADMIN_DONE, &sentence);
}

static void answer_elsewhere(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    MARK(admin_not_leader);
    sentence_add(&sentence, "node ");
    sentence_add_u64(&sentence, admin->roster->self);
    sentence_add(&sentence, " does not lead");
    answer(admin, conn, request->kind, ADMIN_NOT_LEADER, &sentence);
}

static void answer_members(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    enum admin_result result = changes_ask(admin->changes, request, &sentence);
    answer(admin, conn, request->kind, result, &sentence);
}

static void perform(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    switch (request->kind) {
    case ADMIN_UPGRADE_STATUS:
    case ADMIN_UPGRADE_FINISH:
        answer_upgrade(admin, conn, request);
        return;
    case ADMIN_MEMBERS:
    case ADMIN_MEMBERS_ADD:
    case ADMIN_MEMBERS_REMOVE:
    case ADMIN_MEMBERS_REPLACE:
    case ADMIN_MEMBERS_MOVE:
    case ADMIN_MEMBERS_PROMOTE:
    case ADMIN_TRANSFER:
        answer_members(admin, conn, request);
        return;
    default:
        answer_unknown(admin, conn, request);
        return;
    }
}

void admin_frame(const struct admin *admin, struct conn *conn, const struct frame *frame)
{
    struct admin_request request;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    assert(conn->role == CONN_CLIENT);
    wire_admin_request(&wire, &request);
    if (wire.failed)
        conn_nonsense(admin->conns, conn, 100 + FRAME_ADMIN);
    else if (!raft_leads_applied(admin->raft))
        answer_elsewhere(admin, conn, &request);
    else
        perform(admin, conn, &request);
}
