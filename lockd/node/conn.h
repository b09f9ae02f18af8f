/*
 * Connection slots and their output.
 *
 * Bytes for a connection are written once, into the buffer from which they are sent. There
 * are two buffers: while one is on its way the other fills, and a turn sends at most one. A
 * client that does not read its answers fills both and is cut off. It loses nothing that
 * the log has, because its library sends its requests again elsewhere.
 *
 * All answers that a turn has for a connection go into one frame at the end of its output,
 * the open frame of answers. Code that writes another frame closes it first.
 *
 * A peer has buffers of its own, for appends, which its connection borrows.
 *
 * node.c tells the parts that need to know that a connection closed or that its output
 * left.
 */
#ifndef NODE_CONN_H
#define NODE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "node/callers.h"
#include "node/notices.h"
#include "node/roster.h"
#include "protocol/answer.h"
#include "protocol/frame.h"
#include "protocol/late_head.h"

#ifdef __cplusplus
extern "C" {
#endif

enum conn_role {
    CONN_FREE,
    CONN_NEW,
    CONN_CLIENT,
    CONN_PEER
};

/* Two buffers: one takes new bytes while the other is on its way. */
struct output {
    unsigned char *buffers[2];
    size_t capacity; /* Of each */
    size_t filled;
    size_t sending; /* Bytes of the other; 0: nothing is under way */
    size_t sent;
    uint8_t filling;
    bool on_way; /* io has a send of it. */
};

/* The answers frame that is being filled, at the end of the output. */
struct open_answers {
    struct late_head frame;
    struct late_head section;
    struct answer_section head; /* Of the section */
};

struct conn {
    enum conn_role role;
    bool dialed;  /* This node made the connection, to `peer` */
    bool greeted; /* Hello accepted, or welcome received */
    bool closing; /* Takes no more input; closed with the turn's effects */
    bool close_told;
    bool listed; /* Is in `busy`: has output to send */
    bool told_leader;
    bool framed;  /* A whole frame was taken since door.c looked. */
    bool guest;   /* A client beyond the connections that clients may take: see door.h */
    bool crowded; /* ... because its address has its share of them */
    bool waiting; /* A peer's, until an older connection of it is decided: see greet.h */
    uint8_t peer;
    uint32_t serial; /* Counts the lives of the slot */
    struct frame_reader reader;
    struct output output;
    struct open_answers answers;
    struct list behind; /* reply.c: routes of sessions whose changes wait for room */
    /*
     * stages.c: since then the last answer of an entry is on its way; 0: none is watched,
     * ...
     */
    uint64_t watch_ns;
    uint8_t watch;       /* ... in this buffer. */
    uint64_t awaited_in; /* gather.c: the round in which it is awaited */
    /* In `unfinished` since then: a hello, or a frame of a client, is not whole yet. */
    struct list_node unfinished;
    uint64_t unfinished_ns;
    struct hello hello; /* What the other end said of itself */
    char from[NODE_FROM_BYTES];
    unsigned char address[CLIENT_ADDRESS_BYTES]; /* All zero: not known */
};

struct conns {
    struct conn *slots;
    uint32_t max;
    uint32_t taken;
    uint32_t *busy; /* Slots with output to look at in this turn */
    uint32_t busy_count;
    uint32_t clients;       /* Greeted clients that are not guests, ... */
    struct callers callers; /* ... and by address */
    struct list unfinished; /* Connections, by `unfinished_ns` */
    unsigned char *memory;  /* Input and two outputs of each slot */
    const struct node_limits *limits;
    struct notices *notices;
};

void conns_carve(
        struct conns *conns, struct arena *arena, const struct node_limits *limits);
void conns_init(
        struct conns *conns, const struct node_limits *limits, struct notices *notices);
void conns_check(const struct conns *conns);

struct conn *conn_at(struct conns *conns, uint32_t slot);

/* The connection that had this slot in that life, if it is still open; else NULL. */
struct conn *conn_if_alive(struct conns *conns, uint32_t slot, uint32_t serial);
uint32_t conn_slot(const struct conns *conns, const struct conn *conn);

/* `peer`: 0, or whom this node has connected to. */
void conn_open(struct conns *conns, uint32_t slot, uint8_t peer);

/* Where the other end is, as io tells it with the event. */
void conn_note_from(struct conn *conn, const struct node_event *event);

/*
 * The connection is gone and the slot is free again. `last` gets a copy of what it was. The
 * parts that had it in a list or a count (reply, gather) have removed it before.
 */
void conn_closed(struct conns *conns, uint32_t slot, struct conn *last);

/* Close it once its output has left. */
void conn_close(struct conns *conns, struct conn *conn);

/* ... because it sent nonsense: a frame's fault, or 100 + the kind of the frame. */
void conn_nonsense(struct conns *conns, struct conn *conn, uint64_t what);

/* ... because it has no room: it must not receive a stream with a hole. */
void conn_cut_off(struct conns *conns, struct conn *conn);

/*
 * The connection speaks for `peer`, which has no other one: from now on it uses the peer's
 * buffers.
 */
void conn_become_peer(struct conns *conns, struct conn *conn, struct peer *peer);

/* It is greeted as a client's; a guest does not count as one. */
void conn_become_client(struct conns *conns, struct conn *conn, bool guest);

/* Something of it is not whole, since now; or all of it is. */
void conn_begin_unfinished(struct conns *conns, struct conn *conn, uint64_t now_ns);
void conn_finish(struct conn *conn);

/* The connection that has been unfinished for the longest; NULL: there is none. */
struct conn *conns_unfinished(struct conns *conns);

/*
 * A frame of at most `body_max` bytes: write its body through the writer, then end it. The
 * writer has no room if too much output is unsent; conn_end then closes the connection.
 */
struct wire conn_begin(struct conn *conn, size_t body_max);
void conn_end(
        struct conns *conns, struct conn *conn, enum frame_kind kind, struct wire *wire);

/* Bytes that the buffer being filled can take. */
static inline size_t conn_room(const struct conn *conn)
{
    return conn->output.capacity - conn->output.filled;
}

/*
 * The open frame of answers. conn_answers makes room for `bytes` in it; false: the client
 * reads too slowly, and its connection is closed. conn_section begins a section there,
 * which conn_section_end ends. Its content is written through conn_rest and added with
 * conn_add.
 */
bool conn_answers(struct conns *conns, struct conn *conn, size_t bytes);
void conn_section(struct conn *conn, const struct answer_section *head);
void conn_section_end(struct conn *conn);

static inline unsigned char *conn_filling(const struct conn *conn)
{
    return conn->output.buffers[conn->output.filling];
}

static inline struct wire conn_rest(const struct conn *conn)
{
    return wire_writer(conn_filling(conn) + conn->output.filled, conn_room(conn));
}

static inline void conn_add(struct conn *conn, const struct wire *wire)
{
    assert(!wire->failed);
    assert(conn->answers.section.open);
    conn->output.filled += wire->at;
}

/* `count` bytes have left. True: the buffer that was on its way is empty. */
bool conn_sent(struct conns *conns, uint32_t slot, size_t count);

/* Turn end: what to send, and whom to close */
void conns_send(struct conns *conns, struct node_effects *effects);

#ifdef __cplusplus
}
#endif

#endif
