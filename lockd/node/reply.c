/*
 * Answers and changes, into the clients' output.
 *
 * All that a turn has for a connection goes into one frame, and answers of one session from
 * one entry into one section of it. Changes are told once on a connection: TCP keeps order,
 * and a new connection begins again behind what the client confirmed. What is too much for
 * the output goes on when the client has taken some.
 */
#include "base/mark.h"
#include "node/replica.h"

enum {
    SECTION_HEAD_BYTES_MAX = 64,
    ANSWER_BYTES_MAX = 40,
    CHANGES_AT_ONCE = 64,
    FRAME_BODY_TARGET = FRAME_CLIENT_BODY_MAX - 4096, /* A frame is ended past this. */
};

static unsigned char *filling(const struct conn *conn)
{
    return conn->output.buffers[conn->output.filling];
}

/* Write the head of the open section, now that its counts are known. */
static void close_section(struct conn *conn)
{
    struct open_answers *answers = &conn->answers;
    if (!answers->section.open)
        return;
    struct wire wire = late_head_write(&answers->section, filling(conn));
    wire_answer_section(&wire, &answers->head);
    late_head_done(&wire);
}

void reply_seal(struct node *node, struct conn *conn)
{
    struct open_answers *answers = &conn->answers;
    if (!answers->frame.open)
        return;
    close_section(conn);
    late_head_seal_frame(
            &answers->frame, filling(conn), conn->output.filled, FRAME_ANSWERS);
    conn_touch(node, conn);
}

/* Room for `bytes` in an open frame. False: the client is too far behind, and cut off. */
static bool open_frame(struct node *node, struct conn *conn, size_t bytes)
{
    struct open_answers *answers = &conn->answers;
    size_t used = answers->frame.open ? conn->output.filled - answers->frame.at : 0;
    if (used + bytes > FRAME_BODY_TARGET)
        reply_seal(node, conn);
    if (conn_room(conn) < FRAME_HEAD_BYTES + bytes) {
        conn_cut_off(node, conn);
        return false;
    }
    if (!answers->frame.open) {
        struct output *output = &conn->output;
        output->filled = late_head_leave(&answers->frame, output->filled, FRAME_HEAD_BYTES);
        conn_touch(node, conn);
    }
    return true;
}

static void open_section(struct conn *conn, const struct answer_section *head)
{
    struct open_answers *answers = &conn->answers;
    close_section(conn);
    answers->head = *head;
    struct wire measure = wire_measure();
    wire_answer_section(&measure, &answers->head);
    conn->output.filled =
            late_head_leave(&answers->section, conn->output.filled, measure.at);
}

static bool continues(const struct open_answers *answers, const struct answer_section *head)
{
    return answers->section.open && answers->head.answer_count < ANSWERS_SECTION_MAX &&
           answers->head.change_count == 0 && answers->head.session == head->session &&
           answers->head.applied == head->applied;
}

static struct wire rest_of(const struct conn *conn)
{
    return wire_writer(filling(conn) + conn->output.filled, conn_room(conn));
}

static void put_answer(struct node *node, struct conn *conn,
        const struct answer_section *head, struct answer *answer)
{
    if (!open_frame(node, conn, SECTION_HEAD_BYTES_MAX + ANSWER_BYTES_MAX))
        return;
    if (continues(&conn->answers, head)) {
        conn->answers.head.deadline = head->deadline;
        conn->answers.head.change = head->change;
    } else {
        open_section(conn, head);
    }
    struct wire wire = rest_of(conn);
    wire_answer(&wire, answer);
    assert(!wire.failed);
    conn->output.filled += wire.at;
    conn->answers.head.answer_count++;
}

void reply_answer(struct node *node, struct conn *conn, const struct locks_outcome *outcome,
        uint64_t applied)
{
    struct answer_section head = {
            .session = outcome->session,
            .applied = applied,
            .deadline = outcome->deadline,
            .change = outcome->change,
    };
    struct answer answer = outcome->answer;
    if (answer.kind != REQUEST_KEEPALIVE && answer.status != STATUS_QUEUED)
        gather_told(node, conn);
    put_answer(node, conn, &head, &answer);
}

/* Refused here: nothing was logged, so this is no anchor and tells no deadline. */
void reply_refuse(
        struct node *node, struct conn *conn, uint64_t session, struct answer *answer)
{
    struct answer_section head = {.session = session};
    put_answer(node, conn, &head, answer);
}

/* ---- Changes ---- */

/* What changed, in one section. */
struct told {
    struct change changes[CHANGES_AT_ONCE];
    uint32_t count;
    bool listed;
    bool more;
};

static size_t section_bytes(uint32_t changes)
{
    return SECTION_HEAD_BYTES_MAX + (size_t)changes * ANSWER_BYTES_MAX;
}

static bool put_changes(struct node *node, struct conn *conn,
        const struct session_view *view, const struct told *told)
{
    if (!open_frame(node, conn, section_bytes(told->count)))
        return false;
    const struct route *route = &node->routes[view->slot];
    struct answer_section head = {
            .session = view->id,
            .deadline = view->deadline,
            .change = told->listed ? route->list_change : view->change,
            .listed = told->listed,
            .more = told->listed && told->more,
    };
    open_section(conn, &head);
    struct wire wire = rest_of(conn);
    for (uint32_t i = 0; i < told->count; i++) {
        struct change change = told->changes[i];
        wire_change(&wire, &change);
    }
    assert(!wire.failed);
    conn->output.filled += wire.at;
    conn->answers.head.change_count = (uint16_t)told->count;
    gather_told(node, conn);
    close_section(conn);
    return true;
}

/* Changes take half of the output at most: answers must find room beside them. */
static bool has_room(const struct conn *conn)
{
    const struct output *output = &conn->output;
    size_t bytes = FRAME_HEAD_BYTES + section_bytes(CHANGES_AT_ONCE);
    return output->filled == 0 || output->filled + bytes <= output->capacity / 2;
}

/* One section more has been told: what is next? */
static void move_on(
        struct route *route, const struct session_view *view, const struct told *told)
{
    if (told->listed && told->more)
        return;
    uint64_t after = view->change;
    if (told->listed)
        after = route->list_change;
    else if (told->more)
        after = told->changes[told->count - 1].change;
    route->from = (struct changes_from){.after = after};
    route->list_change = 0;
}

/* One section of what the session is to be told. False: that is all, for now. */
static bool tell_some(struct node *node, struct conn *conn, const struct session_view *view)
{
    struct route *route = &node->routes[view->slot];
    if (route->from.after >= view->change)
        return false;
    if (!has_room(conn)) {
        MARK(changes_held_back);
        if (!list_is_linked(&route->behind))
            list_push_back(&conn->behind, &route->behind);
        return false;
    }
    struct told told = {0};
    told.count = locks_changes(
            node->locks, view->id, &route->from, told.changes, CHANGES_AT_ONCE);
    told.listed = route->from.listed;
    told.more = told.count == CHANGES_AT_ONCE;
    if (told.listed && route->list_change == 0)
        route->list_change = view->change;
    /* An empty list is told too: then nothing is left. */
    bool silent = told.count == 0 && !told.listed;
    if (!silent && !put_changes(node, conn, view, &told))
        return false;
    move_on(route, view, &told);
    return true;
}

/*
 * Tell the session's client what changed since it was last told. A list that finds no room
 * goes on when something was sent. Meanwhile the state moves: what happens behind the change
 * for which the list stands is told after it, and nothing of that session in between.
 */
void reply_changes(struct node *node, uint64_t session)
{
    struct session_view view;
    if (!locks_session(node->locks, session, &view))
        return;
    const struct route *route = &node->routes[view.slot];
    struct conn *conn = NULL;
    if (route->session == session)
        conn = conn_if_alive(node, route->conn, route->serial);
    /* Without a connection: it asks when it comes back. */
    while (conn && tell_some(node, conn, &view))
        ;
}

/*
 * The sessions that wait for room, in turn, until there is none again: who finds too little
 * goes to the end. So this costs what is told, however many sessions there are.
 */
void reply_rest(struct node *node, uint32_t slot)
{
    struct conn *conn = conn_at(node, slot);
    if (!raft_is_leader(node->raft))
        return;
    while (!list_is_empty(&conn->behind) && !conn->closing && has_room(conn)) {
        struct list_node *first = list_first(&conn->behind);
        list_remove(first);
        reply_changes(node, LIST_OWNER(first, struct route, behind)->session);
    }
}

void reply_forget(struct conn *conn)
{
    while (!list_is_empty(&conn->behind))
        list_remove(list_first(&conn->behind));
}

/*
 * The client speaks through this connection now: what it has not confirmed is told again. On
 * the connection that it has had, what was applied while another node led was not told.
 */
void reply_route(
        struct node *node, const struct session_view *view, const struct conn *conn)
{
    struct route *route = &node->routes[view->slot];
    bool same_session = route->session == view->id;
    uint32_t slot = conn_slot(node, conn);
    if (same_session && route->conn == slot && route->serial == conn->serial) {
        if (view->change > route->from.after && !list_is_linked(&route->behind))
            reply_changes(node, view->id);
        return;
    }
    if (list_is_linked(&route->behind))
        list_remove(&route->behind);
    *route = (struct route){
            .session = view->id,
            .from = {.after = view->confirmed},
            .keepalive = same_session ? route->keepalive : 0,
            .conn = slot,
            .serial = conn->serial,
    };
    if (view->change > route->from.after)
        reply_changes(node, view->id);
}
