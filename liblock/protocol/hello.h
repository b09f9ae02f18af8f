/* The frames that open a connection, and those that end or redirect it. */
#ifndef PROTOCOL_HELLO_H
#define PROTOCOL_HELLO_H

#include <stdint.h>

#include "protocol/version.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ADDRESS_BYTES_MAX = 262 /* "[" name or IPv6 of 255 "]:" port */
};

enum hello_role {
    HELLO_CLIENT = 1, /* Requests, reads and status. */
    HELLO_PEER = 2,   /* Another node of the cluster. */
};

/*
 * The first frame of the connecting side. It begins with the role, the versions and the
 * features, whatever the version is: so who cannot read the rest can still say why. Who reads
 * any of these frames passes over what a later version adds at the end.
 */
struct hello {
    uint8_t role;     /* enum hello_role */
    uint8_t node;     /* HELLO_PEER: its node id, else 0 */
    uint8_t to;       /* HELLO_PEER: the node id it wants to reach, else 0 */
    uint64_t cluster; /* Its cluster id; 0: not known, or not yet */
    uint64_t members; /* HELLO_PEER: hash of its member list, to find unequal ones */

    /* HELLO_PEER only: a client's hello ends before these. */
    uint64_t incarnation;     /* Of its data directory */
    uint64_t run;             /* Of its process: another number after each start */
    uint64_t dial;            /* Counts this process's connections to `to`, from 1 */
    uint16_t cluster_version; /* Of the state that it has applied */
    uint64_t configuration;   /* Index of the newest configuration that it knows */
    /* What `to` is in that: enum member_role, 0: no member; and whose directory it has. */
    uint8_t to_role;
    uint64_t to_incarnation;

    /* Incarnation of a log that it found damaged and gave up, while it has none; else 0 */
    uint64_t given_up;

    struct versions versions; /* Which it knows */
    /* Bits for what one may do beyond a version; none is given a meaning yet. */
    uint64_t features;
};

/* The node's first frame back. */
struct welcome {
    uint8_t node;
    uint8_t leader;   /* 0: none known */
    uint64_t cluster; /* 0: not bootstrapped yet */
    uint64_t term;
    struct span leader_address; /* Empty when unknown or when it is this node. */
    /* The ttl of a session may be from ... to; 0: not bootstrapped yet. */
    uint64_t ttl_min_ns;
    uint64_t ttl_max_ns;
    struct versions versions; /* Which the node knows; both speak the highest common one */
    uint64_t features;
};

/* The node's first frame back to another node that it takes for the member it says to be. */
struct peer_welcome {
    uint8_t node;
    uint64_t cluster;     /* 0: not bootstrapped yet */
    uint64_t incarnation; /* As in a hello: what the node that sends this has itself */
    uint64_t run;
    uint64_t dial; /* Connections that it has made to the other node so far are void. */
    uint16_t cluster_version;
    uint64_t configuration; /* As in a hello, as are the next */
    uint8_t to_role;
    uint64_t to_incarnation;
    struct versions versions;
    uint64_t features;
    uint64_t given_up;
};

enum refusal {
    REFUSED_VERSION = 1, /* There is no version that both ends know and the cluster uses. */
    REFUSED_CLUSTER = 2, /* Another cluster id. */
    REFUSED_MEMBERS = 3, /* A peer with another member list. */
    REFUSED_FULL = 4,    /* No room for one more connection. */
    REFUSED_NONSENSE = 5,
    /* A peer whose data directory is not the one that this member has. */
    REFUSED_DIRECTORY = 6,
    REFUSED_TWICE = 7,    /* A peer: another process that is this member is connected. */
    REFUSED_ID = 8,       /* A peer that has the id of the node it connected to */
    REFUSED_NODE = 9,     /* A peer that wants another node than the one it reached */
    REFUSED_TERM = 10,    /* A peer whose term is ahead by more than elections explain */
    REFUSED_HISTORY = 11, /* A peer whose log takes back what is committed here */
    /* A member that was removed, or replaced: by the configuration at `index` */
    REFUSED_REMOVED = 12,
    REFUSED_NOT_MEMBER = 13, /* A blank node that has to be added first */
    /* 14 is not used. */
    REFUSED_CROWDED = 15, /* A client: its address has its share of the connections. */
    REFUSED_LAST = REFUSED_CROWDED,
};

struct refused {
    uint8_t why; /* enum refusal; a later version may have others */
    uint64_t cluster;
    uint16_t cluster_version; /* 0: not bootstrapped */
    struct versions versions; /* Which the node knows that refuses; 0 to 0: not told */
    uint64_t index;           /* REFUSED_REMOVED: of that configuration; else 0 */
};

/* Pushed, and sent with the first STATUS_NOT_LEADER: the node to use instead. */
struct leader {
    uint8_t leader; /* 0: none known */
    uint64_t term;
    struct span address;
};

/* What a client says of itself, and nothing else yet. */
struct hello hello_of_client(uint64_t cluster);

/* Role, versions and features: what a hello of every version begins with. */
void wire_hello_head(struct wire *wire, struct hello *hello);
void wire_hello(struct wire *wire, struct hello *hello);
void wire_welcome(struct wire *wire, struct welcome *welcome);
void wire_peer_welcome(struct wire *wire, struct peer_welcome *welcome);
void wire_refused(struct wire *wire, struct refused *refused);
void wire_leader(struct wire *wire, struct leader *leader);

#ifdef __cplusplus
}
#endif

#endif
