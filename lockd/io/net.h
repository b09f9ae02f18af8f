/*
 * Connections: slots that node knows by number, accepted connections as well as our own.
 *
 * Receiving. A connection starts with single receives into provided buffers, until the node
 * knows its kind. A client continues with a multishot receive
 * into provided buffers, a peer with plain receives straight into the node's input (its
 * appends are large, and this avoids a copy). Connections that we make are peers' from the
 * start. A receive is armed again only after the turn, when the node has made room.
 *
 * Sending. One send at a time per connection, of all that the node has for it.
 *
 * Closing. A slot passes through these states. The node is told that it is closed (and it
 * is used again) only when the kernel has no operation of it under way:
 *
 *     CONNECTING -> OPEN -> CLOSING -> LINGERING -> ENDING -> FREE
 *
 * CLOSING: the node wants it closed; what is under way is sent. LINGERING: our side is
 * shut; we wait a moment for the end of file of the other side, as closing a socket with
 * unread bytes resets the connection and would destroy a refusal on its way. ENDING: both
 * sides are shut. CLOSING and LINGERING end by themselves: the other side may read nothing
 * and say nothing. A connection on which nothing was said goes to ENDING at once.
 *
 * Accepting. The listening socket is polled, and then a bounded number of connections is
 * accepted in a turn. Without a free slot they wait in the kernel's queue, in their order:
 * the node closes silent connections for new ones (node/door.h). Only when no slot becomes
 * free for a while are they refused.
 */
#ifndef IO_NET_H
#define IO_NET_H

#include "base/address.h"
#include "base/list.h"
#include "io/names.h"
#include "io/tell.h"
#include "io/turn.h"
#include "io/uring.h"

#ifdef __cplusplus
extern "C" {
#endif

enum conn_state {
    CONN_FREE,
    CONN_CONNECTING,
    CONN_OPEN,
    CONN_CLOSING,
    CONN_LINGERING,
    CONN_ENDING,
};

struct conn {
    /* In free, or in unarmed while OPEN, or in lingering while CLOSING or LINGERING. */
    struct list_node link;
    enum conn_state state;
    int fd;
    uint8_t peer; /* The peer that we connected to; 0: accepted */
    bool by_other;
    bool receiving;
    bool sending;
    uint32_t under_way; /* Operations in the kernel that refer to the slot */
    bool received;      /* Something was. */
    size_t send_count;
    const unsigned char *send_bytes;
    const unsigned char *input; /* Of a plain receive under way */
    uint64_t linger_until_ns;
};

/* Another member that we connect to. */
struct net_peer {
    uint8_t id;
    bool numeric; /* Its address needs no resolving. */
    bool asking;  /* Its name is being looked up. */
    bool wanted;  /* ... and the node waits for a connection, as no address is known. */
    uint64_t asked_ns; /* When its name was last looked up; 0: never */
    bool said;         /* Reported that its name cannot be resolved. */
    uint32_t next;     /* The address to try next */
    struct address host;
    struct name_answer found;
};

struct net_settings {
    struct address listen;
    const char *congestion;
    const struct node_settings *node;
};

struct net {
    struct uring *uring;
    struct turn *turn;
    const struct tell *tell;
    struct names *names; /* NULL: all addresses are numeric. */
    int listener;
    uint32_t conn_count;
    uint32_t reserved; /* Slots kept free for our own connections */
    uint32_t free_count;
    struct conn *conns;
    struct list free;
    struct list unarmed;   /* OPEN, and a receive is to be armed */
    struct list lingering; /* By linger_until_ns */
    /* Bit set of ids whose attempt failed at once; the node learns it next turn */
    uint64_t failed_ids;
    uint32_t peer_count;
    uint32_t replaced; /* Places given to another member: the next in turn */
    struct net_peer peers[NODE_PEERS_MAX];
    char congestion[16];
    bool polling;             /* The listening socket is polled. */
    uint64_t accept_again_ns; /* Not before. No descriptor was free. */
    uint64_t full_since_ns;   /* No slot has been free since; 0: one is. */
    int accept_error;         /* The last one: it is not told again and again. */
    uint64_t refused_count;   /* Connections refused for lack of a slot */
    uint64_t refused_said_ns;
    uint64_t accept_said_ns;
    unsigned char refusal[64]; /* FRAME_REFUSED, REFUSED_FULL */
    size_t refusal_bytes;
};

void net_carve(struct net *net, struct arena *arena, uint32_t connections_max);

/* `listener` must listen. Starts to accept; `names` may be NULL if no member has a name. */
void net_init(struct net *net, const struct net_settings *settings);

/* Completions of OP_ACCEPT, OP_RECEIVE, OP_SEND, OP_CONNECT, and of OP_NAMES. */
void net_accepted(struct net *net, const struct uring_done *done);
void net_received(struct net *net, const struct uring_done *done);
void net_sent(struct net *net, const struct uring_done *done);
void net_connected(struct net *net, const struct uring_done *done);
void net_resolved(struct net *net);

/*
 * Does what waited for this turn: ends lingering, accepts again. Call before the turn ends.
 */
void net_time(struct net *net);

/* After the turn: send, close and connect what the node wants, and arm receives. */
void net_perform(struct net *net, const struct node_effects *effects);

/* When net_time has something to do; UINT64_MAX: nothing. */
uint64_t net_deadline(const struct net *net);

#ifdef __cplusplus
}
#endif

#endif
