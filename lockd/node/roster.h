/*
 * The other members: how each is reached, and what this node remembers of it.
 */
#ifndef NODE_ROSTER_H
#define NODE_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NO_CONN UINT32_MAX

struct peer {
    uint8_t id;
    uint32_t conn; /* NO_CONN: none */
    bool dialing;
    uint64_t dial_ns;    /* Not before */
    uint64_t welcome_ns; /* A connection not welcomed by then is given up. */
    /* Buffers for appends, which its connection borrows */
    unsigned char *input;
    unsigned char *outputs[2];
    uint64_t heard_stamp_ns; /* The newest stamp received from it */
    bool clock_suspect;      /* It says that this leader's clock is too fast. */
};

struct roster {
    uint8_t self;
    uint8_t count;
    struct peer peers[MEMBERS_MAX];
    /* Of all member ids: a node with another one is of another cluster. */
    uint64_t members_hash;
};

void roster_carve(
        struct roster *roster, struct arena *arena, const struct node_settings *settings);

/* `settings` as the node keeps them: raft's members are filled in. */
void roster_init(struct roster *roster, const struct node_settings *settings);

/* NULL: no member, or this node */
struct peer *roster_find(struct roster *roster, uint8_t id);
void roster_check(const struct roster *roster);

#ifdef __cplusplus
}
#endif

#endif
