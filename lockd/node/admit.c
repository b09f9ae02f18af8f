/* Takes requests into the open batch, or refuses them: see admit.h. */
#include "node/admit.h"

#include <string.h>

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

#define KEEPALIVE_WAIT_MAX_NS (500 * NS_PER_MS)

/* What admission knows of the section's session. */
struct sender {
    struct route *route; /* NULL: not in the applied state */
    uint64_t ttl_ns;
    bool denied;
};

static bool serves(const struct admit *admit)
{
    return raft_leads_applied(admit->raft) && raft_takes_proposals(admit->raft);
}

/* The time that it takes does not depend on where the two differ. */
static bool same_secret(const unsigned char *a, const unsigned char *b)
{
    unsigned char difference = 0;
    for (unsigned i = 0; i < SECRET_BYTES; i++)
        difference = (unsigned char)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

static void refuse(const struct admit *admit, struct conn *conn,
        const struct command *command, enum status status)
{
    struct answer answer = {
            .kind = command->request.kind,
            .status = (uint8_t)status,
            .number = command->request.number,
    };
    reply_refuse(admit->replies, conn, command->section.session, &answer);
}

static void refuse_busy(
        const struct admit *admit, struct conn *conn, const struct command *command)
{
    MARK(admit_busy);
    admit->notices->counters.refused_busy++;
    refuse(admit, conn, command, STATUS_BUSY);
}

/* The first such answer on a connection comes with the name of the leader. */
static void refuse_not_leader(
        const struct admit *admit, struct conn *conn, const struct command *command)
{
    if (!conn->told_leader) {
        conn->told_leader = true;
        greet_leader(admit->greet, conn);
    }
    refuse(admit, conn, command, STATUS_NOT_LEADER);
}

/*
 * Its session was removed from the state while it waited, and another one has the slot now:
 * the keepalive's place is the new session's.
 */
static void answer_ended(
        const struct admit *admit, const struct pending_keepalive *keepalive)
{
    MARK(admit_keepalive_outlived_session);
    struct conn *conn = conn_if_alive(admit->conns, keepalive->conn, keepalive->serial);
    if (!conn)
        return;
    struct answer answer = {
            .kind = REQUEST_KEEPALIVE,
            .status = STATUS_LOST,
            .detail = LOST_UNKNOWN,
            .number = keepalive->stamp,
    };
    reply_refuse(admit->replies, conn, keepalive->session, &answer);
}

/*
 * How long a keepalive may wait for other work: a twentieth of the ttl, so that sessions
 * which do nothing else share entries. A tick always, and never so long that its client
 * takes this node for silent.
 */
static uint64_t keepalive_wait_ns(const struct admit *admit, uint64_t ttl_ns)
{
    uint64_t tick_ns = admit->batcher->settings->tick_ns;
    return u64_max(tick_ns, u64_min(ttl_ns / 20, KEEPALIVE_WAIT_MAX_NS));
}

/* A slot has at most one that is in no entry yet, so there is always room: ledger.h. */
static void admit_keepalive(const struct admit *admit, struct conn *conn,
        const struct command *command, const struct sender *sender)
{
    struct ledger *ledger = admit->ledger;
    uint64_t wait_ns = keepalive_wait_ns(admit, sender->ttl_ns);
    struct pending_keepalive *keepalive = NULL;
    if (sender->route->keepalive != 0)
        keepalive = ledger_unsealed(ledger, sender->route->keepalive - 1);
    if (!keepalive) {
        keepalive = ledger_new_keepalive(ledger, admit->batcher->times->now_ns + wait_ns);
        sender->route->keepalive = ledger->keepalive_ring.end;
    } else if (keepalive->session != command->section.session) {
        answer_ended(admit, keepalive);
    }
    *keepalive = (struct pending_keepalive){
            .session = command->section.session,
            .answered = command->section.answered,
            .confirmed = command->section.confirmed,
            .stamp = command->request.number,
            .arrived_ns = admit->batcher->served->total_ns,
            .wait_ns = wait_ns,
            .conn = conn_slot(admit->conns, conn),
            .serial = conn->serial,
    };
}

static void admit_command(
        const struct admit *admit, struct conn *conn, const struct command *command)
{
    if (!backlog_takes(admit->backlog, &admit->ledger->owed_ring, command->request.kind) ||
            !batcher_add(admit->batcher, command)) {
        refuse_busy(admit, conn, command);
        return;
    }
    struct owed owed = {
            .session = command->section.session,
            .number = command->request.number,
            .conn = conn_slot(admit->conns, conn),
            .serial = conn->serial,
    };
    ledger_owe(admit->ledger, &owed);
}

static struct sender identify(
        const struct admit *admit, struct conn *conn, const struct section *section)
{
    struct sender sender = {0};
    struct session_view view;
    if (section->session == 0 || !locks_session(admit->locks, section->session, &view))
        return sender;
    if (!same_secret(view.secret, section->secret)) {
        MARK(admit_wrong_secret);
        sender.denied = true;
        return sender;
    }
    sender.route = reply_route_of(admit->replies, &view);
    sender.ttl_ns = view.ttl_ns;
    reply_route(admit->replies, &view, conn);
    return sender;
}

static void admit_one(const struct admit *admit, struct conn *conn,
        const struct command *command, const struct sender *sender)
{
    admit->notices->counters.requests++;
    if (sender->denied)
        refuse(admit, conn, command, STATUS_DENIED);
    else if (command->request.kind == REQUEST_KEEPALIVE && sender->route)
        admit_keepalive(admit, conn, command, sender);
    else
        admit_command(admit, conn, command);
}

/* One section. False: not of the form. */
static bool admit_section(const struct admit *admit, struct conn *conn, struct wire *wire)
{
    struct command command = {0};
    wire_section(wire, &command.section);
    if (wire->failed)
        return false;
    bool serving = serves(admit);
    struct sender sender = {0};
    if (serving)
        sender = identify(admit, conn, &command.section);
    memcpy(command.address, conn->address, CLIENT_ADDRESS_BYTES);
    command.section.unproved = command.section.session != 0 && !sender.route;
    for (uint16_t i = 0; i < command.section.count; i++) {
        wire_request(wire, &command.request);
        bool opens = command.request.kind == REQUEST_OPEN;
        if (wire->failed || opens != (command.section.session == 0))
            return false;
        if (serving)
            admit_one(admit, conn, &command, &sender);
        else
            refuse_not_leader(admit, conn, &command);
    }
    return true;
}

void admit_requests(const struct admit *admit, struct conn *conn, const struct frame *frame)
{
    assert(frame->kind == FRAME_REQUESTS);
    assert(conn->role == CONN_CLIENT && conn->greeted);
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    bool good = wire_left(&wire) > 0;
    while (good && wire_left(&wire) > 0 && !conn->closing)
        good = admit_section(admit, conn, &wire);
    if (!good)
        conn_nonsense(admit->conns, conn, 100 + FRAME_REQUESTS);
}
