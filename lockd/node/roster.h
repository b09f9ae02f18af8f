/*
 * The other nodes: how each is reached, and what this node remembers of it. There is one
 * for each member of the newest configuration, and for others that are connected: nodes
 * that know a newer configuration, or have not heard yet that they are removed.
 */
#ifndef NODE_ROSTER_H
#define NODE_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "node/configurations.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NO_CONN UINT32_MAX

/* A refusal that passed between two nodes, and when; `why` 0: there was none. */
struct objection {
    uint8_t why; /* enum refusal */
    uint64_t at_ns;
};

struct peer {
    uint8_t id;    /* 0: the place is free */
    bool member;   /* Of the newest configuration: this node connects to it. */
    bool outsider; /* As raft was told: see RAFT_PEER_OPEN */
    char address[ADDRESS_BYTES_MAX]; /* As the configuration has it */
    /* Where it is by a newer one, as another node says; tried in turns with `address`. */
    char elsewhere[ADDRESS_BYTES_MAX];
    bool try_elsewhere; /* ... now. */
    uint64_t
            places_told; /* It was told of the configurations up to this index, if need be. */
    uint32_t conn;       /* NO_CONN: none */
    bool dialing;
    uint64_t dial_ns;    /* Not before */
    uint64_t alone_ns;   /* Since then there has been no connection. */
    uint64_t welcome_ns; /* A connection not welcomed by then is given up. */

    /* Which process and directory it is: see greet.h. */
    uint64_t incarnation;     /* As the configuration has it; 0: not known yet */
    uint64_t heard;           /* ... and as it said itself, in its last greeting, ... */
    uint64_t configuration;   /* ... with the index of the newest that it knew */
    uint64_t run;             /* Of the process that was last greeted; 0: none yet */
    struct versions versions; /* Which it knows; 0 to 0: it was not heard yet */
    uint64_t void_dials;      /* Connections of that process up to this number are void. */
    uint64_t dials;           /* Connections that this node made to it */
    uint32_t waiting;         /* A connection that waits until `conn` is decided; NO_CONN */
    uint64_t probe_ns; /* `conn` must show by then that it is alive; 0: nobody asked */
    struct objection refused;  /* This node refused who said to be this member, */
    struct objection objected; /* ... and the member refused this node. */

    /* Buffers for appends, which its connection borrows */
    unsigned char *input;
    unsigned char *outputs[2];
    uint64_t heard_stamp_ns; /* The newest stamp received from it */
    bool clock_suspect;      /* It says that this leader's clock is too fast. */
};

struct roster {
    uint8_t self;
    uint8_t top; /* Places from here on are free. */
    struct peer peers[NODE_PEERS_MAX];
    /*
     * Of the ids in --cluster. Members of a new cluster must agree on them; later nobody
     * asks.
     */
    uint64_t members_hash;
    bool came_up; /* A node was greeted, which may know an older list: whereabouts.h */
    uint16_t version_heard; /* The highest cluster version that anybody named lately, ... */
    uint64_t version_heard_ns; /* ... and when */
};

void roster_carve(
        struct roster *roster, struct arena *arena, const struct node_settings *settings);

/* `settings` as the node keeps them: raft's members are filled in. */
void roster_init(struct roster *roster, const struct node_settings *settings);

/*
 * The newest configuration says whose directory is whose, and where it is. Members get a
 * place; a node that is no member loses its own once it is not connected. False: some
 * member has none yet, as strangers are connected.
 */
bool roster_adopt(struct roster *roster, const struct configuration *configuration);

/* A place for a node that is no member; NULL: there is none. */
struct peer *roster_admit(struct roster *roster, uint8_t id);

/* Whether the node that is connected under this id is not the member that has it. */
bool roster_is_outsider(const struct peer *peer);

/* The same for the entry: what each member said of itself. `own` is this node's. */
void roster_tell(const struct roster *roster, uint64_t own, struct bootstrap *bootstrap);

/* The highest version that all members know, who were all heard; `own`: this node. */
uint16_t roster_common_version(const struct roster *roster, struct versions own);

/* Somebody says that the cluster uses this version. */
void roster_hear_version(struct roster *roster, uint16_t version, uint64_t now_ns);

/* The highest that was named in the last seconds; 0: none. */
uint16_t roster_version_heard(const struct roster *roster, uint64_t now_ns);

/* NULL: it has no place, or is this node */
struct peer *roster_find(struct roster *roster, uint8_t id);
const struct peer *roster_find_const(const struct roster *roster, uint8_t id);
void roster_check(const struct roster *roster);

#ifdef __cplusplus
}
#endif

#endif
