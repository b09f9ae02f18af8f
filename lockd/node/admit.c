/*
 * Admission: what clients ask for goes into the open batch, or is refused here.
 *
 * Only a leader that has committed in its term admits; everybody else says who leads. What
 * is refused here (NOT_LEADER, DENIED, BUSY) was not logged and has no effect. A keepalive is
 * never refused for load: one a session waits in a ring that has room for every session.
 */
#include "base/mark.h"
#include "node/replica.h"

static bool serves(const struct node *node)
{
    return raft_leads_committed(node->raft) && raft_takes_proposals(node->raft);
}

/* In time that does not depend on where they differ. */
static bool same_secret(const unsigned char *a, const unsigned char *b)
{
    unsigned char difference = 0;
    for (unsigned i = 0; i < SECRET_BYTES; i++)
        difference = (unsigned char)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

static void refuse(struct node *node, struct conn *conn, const struct command *command,
        enum status status)
{
    struct answer answer = {
            .kind = command->request.kind,
            .status = (uint8_t)status,
            .number = command->request.number,
    };
    reply_refuse(node, conn, command->section.session, &answer);
}

static void refuse_busy(struct node *node, struct conn *conn, const struct command *command)
{
    MARK(admit_busy);
    node->counters.refused_busy++;
    refuse(node, conn, command, STATUS_BUSY);
}

/* The first such answer on a connection comes with the name of the leader. */
static void refuse_not_leader(
        struct node *node, struct conn *conn, const struct command *command)
{
    if (!conn->told_leader) {
        conn->told_leader = true;
        greet_leader(node, conn);
    }
    refuse(node, conn, command, STATUS_NOT_LEADER);
}

/* The session's newest keepalive, if it is not yet in an entry. */
static struct keepalive *pending_keepalive(struct node *node, const struct route *route)
{
    if (route->keepalive == 0 || route->keepalive - 1 < node->keepalives_sealed)
        return NULL;
    uint64_t position = route->keepalive - 1;
    return &node->keepalives[ring_at(&node->keepalive_ring, position)];
}

static struct keepalive *new_keepalive(struct node *node, struct route *route)
{
    struct ring *ring = &node->keepalive_ring;
    /* Of unknown sessions only as many as leave room for all known ones. */
    if (!route && ring_room(ring) <= 2 * node->settings.cluster.sessions_max)
        return NULL;
    struct keepalive *keepalive = &node->keepalives[ring_push(ring)];
    if (route)
        route->keepalive = ring->end;
    return keepalive;
}

static void admit_keepalive(struct node *node, struct conn *conn,
        const struct command *command, struct route *route)
{
    struct keepalive *keepalive = route ? pending_keepalive(node, route) : NULL;
    if (!keepalive)
        keepalive = new_keepalive(node, route);
    if (!keepalive) {
        MARK(admit_unknown_keepalives_full);
        refuse_busy(node, conn, command);
        return;
    }
    *keepalive = (struct keepalive){
            .session = command->section.session,
            .confirmed = command->section.confirmed,
            .stamp = command->request.number,
            .conn = conn_slot(node, conn),
            .serial = conn->serial,
    };
}

static void admit_command(
        struct node *node, struct conn *conn, const struct command *command)
{
    if (!backlog_takes(node, command->request.kind) || !batcher_add(node, command)) {
        refuse_busy(node, conn, command);
        return;
    }
    node->owed[ring_push(&node->owed_ring)] = (struct owed){
            .session = command->section.session,
            .number = command->request.number,
            .conn = conn_slot(node, conn),
            .serial = conn->serial,
    };
}

/* What admission knows of the section's session. */
struct sender {
    struct route *route; /* NULL: not in the applied state */
    bool denied;
};

static struct sender identify(
        struct node *node, struct conn *conn, const struct section *section)
{
    struct sender sender = {0};
    struct session_view view;
    if (section->session == 0 || !locks_session(node->locks, section->session, &view))
        return sender;
    if (!same_secret(view.secret, section->secret)) {
        MARK(admit_wrong_secret);
        sender.denied = true;
        return sender;
    }
    sender.route = &node->routes[view.slot];
    reply_route(node, &view, conn);
    return sender;
}

static void admit_one(struct node *node, struct conn *conn, const struct command *command,
        const struct sender *sender)
{
    node->counters.requests++;
    if (sender->denied)
        refuse(node, conn, command, STATUS_DENIED);
    else if (command->request.kind == REQUEST_KEEPALIVE)
        admit_keepalive(node, conn, command, sender->route);
    else
        admit_command(node, conn, command);
}

/* One section. False: not of the form. */
static bool admit_section(struct node *node, struct conn *conn, struct wire *wire)
{
    struct command command = {0};
    wire_section(wire, &command.section);
    if (wire->failed)
        return false;
    bool serving = serves(node);
    struct sender sender = {0};
    if (serving)
        sender = identify(node, conn, &command.section);
    for (uint16_t i = 0; i < command.section.count; i++) {
        wire_request(wire, &command.request);
        bool opens = command.request.kind == REQUEST_OPEN;
        if (wire->failed || opens != (command.section.session == 0))
            return false;
        if (serving)
            admit_one(node, conn, &command, &sender);
        else
            refuse_not_leader(node, conn, &command);
    }
    return true;
}

void admit_requests(struct node *node, struct conn *conn, const struct frame *frame)
{
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    bool good = wire_left(&wire) > 0;
    while (good && wire_left(&wire) > 0 && !conn->closing)
        good = admit_section(node, conn, &wire);
    if (!good)
        conn_nonsense(node, conn, 100 + FRAME_REQUESTS);
}
