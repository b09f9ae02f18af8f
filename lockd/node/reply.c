/* Writes answers and changes into the clients' output: see reply.h. */
#include "node/reply.h"

#include "base/mark.h"

enum {
    ANSWERS_SECTION_MAX = 1024, /* Answers or changes in one section */
    SECTION_HEAD_BYTES_MAX = 64,
    ANSWER_BYTES_MAX = 40,
    CHANGES_AT_ONCE = 64,
};

void replies_carve(
        struct replies *replies, struct arena *arena, const struct node_settings *settings)
{
    replies->routes = arena_take(
            arena, "node.routes", settings->cluster.sessions_max, sizeof(struct route), 64);
}

void replies_init(struct replies *replies, const struct node_settings *settings)
{
    assert(replies->raft && replies->locks && replies->conns && replies->gather);
    assert(replies->notices);
    replies->sessions_max = settings->cluster.sessions_max;
    assert(replies->sessions_max > 0);
}

struct route *reply_route_of(struct replies *replies, const struct session_view *view)
{
    assert(view->slot < replies->sessions_max);
    return &replies->routes[view->slot];
}

static bool continues(const struct open_answers *answers, const struct answer_section *head)
{
    return answers->section.open && answers->head.answer_count < ANSWERS_SECTION_MAX &&
           answers->head.change_count == 0 && answers->head.session == head->session &&
           answers->head.applied == head->applied;
}

static void put_answer(struct replies *replies, struct conn *conn,
        const struct answer_section *head, struct answer *answer)
{
    if (!conn_answers(replies->conns, conn, SECTION_HEAD_BYTES_MAX + ANSWER_BYTES_MAX))
        return;
    notices_count_answer(replies->notices, answer);
    if (continues(&conn->answers, head)) {
        conn->answers.head.deadline = head->deadline;
        conn->answers.head.change = head->change;
    } else {
        conn_section(conn, head);
    }
    struct wire wire = conn_rest(conn);
    wire_answer(&wire, answer);
    conn_add(conn, &wire);
    conn->answers.head.answer_count++;
}

void reply_answer(struct replies *replies, struct conn *conn,
        const struct locks_outcome *outcome, uint64_t applied)
{
    struct answer_section head = {
            .session = outcome->session,
            .applied = applied,
            .deadline = outcome->deadline,
            .change = outcome->change,
    };
    struct answer answer = outcome->answer;
    if (answer.kind != REQUEST_KEEPALIVE && answer.status != STATUS_QUEUED)
        gather_told(replies->gather, conn, replies->times->now_ns);
    put_answer(replies, conn, &head, &answer);
}

void reply_refuse(
        struct replies *replies, struct conn *conn, uint64_t session, struct answer *answer)
{
    struct answer_section head = {.session = session};
    put_answer(replies, conn, &head, answer);
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

static bool put_changes(struct replies *replies, struct conn *conn,
        const struct session_view *view, const struct told *told)
{
    assert(told->count <= CHANGES_AT_ONCE);
    if (!conn_answers(replies->conns, conn, section_bytes(told->count)))
        return false;
    const struct route *route = reply_route_of(replies, view);
    struct answer_section head = {
            .session = view->id,
            .deadline = view->deadline,
            .change = told->listed ? route->list_change : view->change,
            .listed = told->listed,
            .more = told->listed && told->more,
    };
    conn_section(conn, &head);
    struct wire wire = conn_rest(conn);
    for (uint32_t i = 0; i < told->count; i++) {
        struct change change = told->changes[i];
        wire_change(&wire, &change);
    }
    conn_add(conn, &wire);
    conn->answers.head.change_count = (uint16_t)told->count;
    gather_told(replies->gather, conn, replies->times->now_ns);
    conn_section_end(conn);
    return true;
}

/* Changes take at most half of the output: answers must find room beside them. */
static bool has_room(const struct conn *conn)
{
    const struct output *output = &conn->output;
    size_t bytes = FRAME_HEAD_BYTES + section_bytes(CHANGES_AT_ONCE);
    return output->filled == 0 || output->filled + bytes <= output->capacity / 2;
}

/* One more section was sent: what is next? */
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

/* One section of the session's changes. False: that is all, for now. */
static bool tell_some(
        struct replies *replies, struct conn *conn, const struct session_view *view)
{
    struct route *route = reply_route_of(replies, view);
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
            replies->locks, view->id, &route->from, told.changes, CHANGES_AT_ONCE);
    told.listed = route->from.listed;
    told.more = told.count == CHANGES_AT_ONCE;
    if (told.listed && route->list_change == 0)
        route->list_change = view->change;
    /* An empty list is sent too: then nothing is left. */
    bool silent = told.count == 0 && !told.listed;
    if (!silent && !put_changes(replies, conn, view, &told))
        return false;
    move_on(route, view, &told);
    return true;
}

/*
 * A list that finds no room continues when something was sent. Meanwhile the state moves.
 * What happens after the change that the list describes is sent after the list, and nothing
 * of that session in between.
 */
void reply_changes(struct replies *replies, uint64_t session)
{
    struct session_view view;
    if (!locks_session(replies->locks, session, &view))
        return;
    const struct route *route = reply_route_of(replies, &view);
    struct conn *conn = NULL;
    if (route->session == session)
        conn = conn_if_alive(replies->conns, route->conn, route->serial);
    /* Without a connection: it sends a request when it comes back. */
    while (conn && tell_some(replies, conn, &view))
        ;
}

/*
 * Serve the sessions that wait for room, in turn, until there is none again. A session that
 * finds too little room moves to the end. So the cost depends on what is sent, however many
 * sessions there are.
 */
void reply_rest(struct replies *replies, struct conn *conn)
{
    if (!raft_is_leader(replies->raft))
        return;
    while (!list_is_empty(&conn->behind) && !conn->closing && has_room(conn)) {
        struct list_node *first = list_first(&conn->behind);
        list_remove(first);
        reply_changes(replies, LIST_OWNER(first, struct route, behind)->session);
    }
}

void reply_forget(struct conn *conn)
{
    while (!list_is_empty(&conn->behind))
        list_remove(list_first(&conn->behind));
}

void replies_forget(struct replies *replies)
{
    struct conns *conns = replies->conns;
    assert(!raft_is_leader(replies->raft));
    for (uint32_t slot = 0; slot < conns->max; slot++)
        reply_forget(&conns->slots[slot]);
    for (uint32_t slot = 0; slot < replies->sessions_max; slot++)
        replies->routes[slot] = (struct route){0};
}

void reply_route(
        struct replies *replies, const struct session_view *view, const struct conn *conn)
{
    struct route *route = reply_route_of(replies, view);
    bool same_session = route->session == view->id;
    uint32_t slot = conn_slot(replies->conns, conn);
    if (same_session && route->conn == slot && route->serial == conn->serial) {
        if (view->change > route->from.after && !list_is_linked(&route->behind))
            reply_changes(replies, view->id);
        return;
    }
    if (list_is_linked(&route->behind))
        list_remove(&route->behind);
    *route = (struct route){
            .session = view->id,
            .from = {.after = view->confirmed},
            .keepalive = route->keepalive,
            .conn = slot,
            .serial = conn->serial,
    };
    if (view->change > route->from.after)
        reply_changes(replies, view->id);
}

void replies_check(const struct replies *replies)
{
    /* A session that waits for room is in the list of its client's connection. */
    struct conns *conns = replies->conns;
    for (uint32_t slot = 0; slot < conns->max; slot++) {
        const struct conn *conn = &conns->slots[slot];
        struct list_node *node = list_first(&conn->behind);
        for (; node != NULL; node = list_next(&conn->behind, node)) {
            const struct route *route = LIST_OWNER(node, struct route, behind);
            assert(route->session != 0);
            assert(route->conn == slot && route->serial == conn->serial);
            assert(route >= replies->routes);
            assert(route < replies->routes + replies->sessions_max);
        }
    }
}
