/* What an operator asks of the cluster: see admin_requests.h. */
#include "node/admin_requests.h"

#include "base/mark.h"
#include "base/units.h"

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
    row->version_least = admin->settings->versions.least;
    row->version_most = admin->settings->versions.most;
    row->program = program_span(admin->settings->version);
}

static void describe_peer(
        const struct admin *admin, const struct peer *peer, struct admin_member *row)
{
    uint64_t heard_ns = raft_peer_heard_ns(admin->raft, peer->id);
    row->connected = raft_peer_is_open(admin->raft, peer->id) && !peer->outsider;
    row->incarnation = peer->heard;
    row->version_least = peer->versions.least;
    row->version_most = peer->versions.most;
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

static uint16_t cluster_version(const struct admin *admin)
{
    return wal_cluster(admin->wal) == 0 ? 0 : locks_settings(admin->locks)->version;
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
            .version = cluster_version(admin),
            .version_next = upgrade_next(admin->upgrade),
            .upgrade_after_ns = locks_settings(admin->locks)->upgrade_after_ns,
            .upgrade_waited_ns = upgrade_waited_ns(admin->upgrade),
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

/* "; nodes 1 and 3 are not connected or know nothing newer" */
static void add_missing(const struct admin *admin, struct sentence *sentence)
{
    uint64_t missing = upgrade_missing(admin->upgrade);
    bool one = (missing & (missing - 1)) == 0;
    sentence_add(sentence, "; ");
    sentence_add_nodes(sentence, missing);
    sentence_add(sentence, one ? " knows nothing newer, or is not connected"
                               : " know nothing newer, or are not connected");
}

static void describe_version(const struct admin *admin, struct sentence *sentence)
{
    sentence_add(sentence, "the cluster uses version ");
    sentence_add_u64(sentence, cluster_version(admin));
}

static void answer_status(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    uint16_t next = upgrade_next(admin->upgrade);
    describe_version(admin, &sentence);
    if (next > cluster_version(admin)) {
        sentence_add(&sentence, "; all members know version ");
        sentence_add_u64(&sentence, next);
        sentence_add(&sentence,
                ": run `lockctl upgrade finish` to use it; until then each member can go back");
    } else if (upgrade_is_open(admin->upgrade)) {
        add_missing(admin, &sentence);
    } else {
        sentence_add(&sentence, ", the newest that any member knows");
    }
    answer(admin, conn, request->kind, ADMIN_DONE, &sentence);
}

static void answer_done(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    uint64_t after_ns = locks_settings(admin->locks)->upgrade_after_ns;
    describe_version(admin, &sentence);
    if (request->kind == ADMIN_UPGRADE_FINISH) {
        sentence_add(&sentence, "; no member can go back to an older one");
    } else if (after_ns == 0) {
        sentence_add(&sentence, "; only `lockctl upgrade finish` makes it use another one");
    } else {
        sentence_add(
                &sentence, "; it uses a newer one when all members have known it for ");
        sentence_add_u64(&sentence, after_ns / NS_PER_S);
        sentence_add(&sentence, " s");
    }
    answer(admin, conn, request->kind, ADMIN_DONE, &sentence);
}

/* The answer is owed from now on. */
static void owe(struct admin *admin, const struct conn *conn,
        const struct admin_request *request, uint16_t version)
{
    assert(admin->owed_count < ADMIN_OWED_MAX);
    admin->owed[admin->owed_count++] = (struct admin_owed){
            .conn = conn_slot(admin->conns, conn),
            .serial = conn->serial,
            .request = {.kind = request->kind, .number = request->number},
            .version = version,
    };
}

static void answer_full(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    MARK(admin_full);
    sentence_add(&sentence, "another request changes the cluster now; ask again");
    answer(admin, conn, request->kind, ADMIN_NOT_NOW, &sentence);
}

static void answer_not_able(
        const struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    MARK(upgrade_not_able);
    sentence_add(&sentence, "not all members know a newer version than ");
    sentence_add_u64(&sentence, cluster_version(admin));
    add_missing(admin, &sentence);
    answer(admin, conn, request->kind, ADMIN_NOT_NOW, &sentence);
}

/* Done before, or nobody knows anything newer: then there is nothing to finish. */
static void finish(
        struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    uint16_t next = upgrade_next(admin->upgrade);
    if (!upgrade_is_open(admin->upgrade))
        answer_done(admin, conn, request);
    else if (next == cluster_version(admin))
        answer_not_able(admin, conn, request);
    else if (admin->owed_count == ADMIN_OWED_MAX || !upgrade_finish(admin->upgrade, next))
        answer_full(admin, conn, request);
    else
        owe(admin, conn, request, next);
}

static void change_after(
        struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    struct sentence sentence = {0};
    const struct settings_change change = {
            .count = 1, .values = {{SETTING_UPGRADE_AFTER, request->number}}};
    if (!settings_change_valid(&change)) {
        sentence_add(&sentence, "the time must not be above a year");
        answer(admin, conn, request->kind, ADMIN_NEVER, &sentence);
    } else if (admin->owed_count == ADMIN_OWED_MAX ||
               !upgrade_propose(admin->upgrade, &change)) {
        answer_full(admin, conn, request);
    } else {
        owe(admin, conn, request, 0);
    }
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
        struct admin *admin, struct conn *conn, const struct admin_request *request)
{
    switch (request->kind) {
    case ADMIN_UPGRADE_STATUS:
        answer_status(admin, conn, request);
        return;
    case ADMIN_UPGRADE_FINISH:
        finish(admin, conn, request);
        return;
    case ADMIN_UPGRADE_AFTER:
        change_after(admin, conn, request);
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

void admin_frame(struct admin *admin, struct conn *conn, const struct frame *frame)
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

static bool is_so(const struct admin *admin, const struct admin_owed *owed)
{
    const struct cluster_settings *settings = locks_settings(admin->locks);
    if (owed->request.kind == ADMIN_UPGRADE_FINISH)
        return settings->version >= owed->version;
    return settings->upgrade_after_ns == owed->request.number;
}

void admin_settle(struct admin *admin)
{
    uint32_t kept = 0;
    bool leads = raft_leads_applied(admin->raft);
    for (uint32_t i = 0; i < admin->owed_count; i++) {
        const struct admin_owed owed = admin->owed[i];
        struct conn *conn = conn_if_alive(admin->conns, owed.conn, owed.serial);
        if (!conn)
            continue;
        if (!leads)
            answer_elsewhere(admin, conn, &owed.request);
        else if (is_so(admin, &owed))
            answer_done(admin, conn, &owed.request);
        else
            admin->owed[kept++] = owed;
    }
    admin->owed_count = kept;
}

void admin_check(const struct admin *admin)
{
    assert(admin->owed_count <= ADMIN_OWED_MAX);
    if (admin->owed_count > 0)
        assert(raft_leads_applied(admin->raft));
}
