/*
 * Who the other end of a connection is: a member, or not.
 *
 * Who says that it is a member must name the cluster and be in the newest configuration, by
 * id and incarnation. So neither a stranger nor a member whose directory was emptied or
 * exchanged takes part. Two others are accepted, and count for nothing (outsiders):
 *
 *     a node that knows a newer configuration than this one, in which this very directory is
 *     a member. It may be one too by that, even the leader, from which this node is to get
 *     it. [Raft 4.2.2]
 *     for a node that is not in a cluster yet: whoever is in one. The first connections of a
 *     new machine come from there.
 *
 * Members of a new cluster accept each other if their lists are equal.
 *
 * A blank node that is no member is remembered for a while: it may be about to be added.
 */
#ifndef NODE_DOUBT_H
#define NODE_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "node/configurations.h"
#include "node/roster.h"
#include "node/times.h"
#include "protocol/hello.h"
#include "raft/raft.h"
#include "store/wal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NEWCOMERS_MAX = 4,
    NEWCOMER_S = 10 /* So long after it was last heard it counts as there. */
};

/* A blank node that said hello. */
struct newcomer {
    uint8_t id; /* 0: none */
    uint64_t incarnation;
    uint64_t given_up; /* Which directory it was, as it says; 0: it does not */
    /*
     * The incarnation that the member with its id had when it was heard; 0: none. If it has
     * another one by now, this is not the node that is there.
     */
    uint64_t instead_of;
    uint64_t heard_ns;
};

/* What the other end says of itself. */
struct claim {
    uint8_t node;
    uint64_t cluster;
    uint64_t incarnation;
    uint64_t configuration;
    uint64_t members; /* Hash of its list; a welcome has none: 0 */
    /* This node's, as the newest configuration has it that the other end knows */
    uint64_t to_incarnation;
    uint64_t given_up;
};

struct doubts {
    const struct configurations *configurations;
    const struct raft *raft;
    const struct wal *wal;
    const struct roster *roster;
    const struct times *times;
    uint64_t cluster_before; /* Of a log that this node gave up; 0: it did not */
    struct newcomer newcomers[NEWCOMERS_MAX];
};

/* What speaks against it; 0: nothing. */
enum refusal doubt_claim(struct doubts *doubts, const struct claim *claim);

/*
 * A connected node that was a member, or said that it is one, is none by a configuration
 * that is committed, and does not know a newer one.
 */
bool doubt_is_removed(const struct doubts *doubts, const struct peer *peer);

/* The blank node with this id that was heard lately; NULL: there is none. */
const struct newcomer *doubt_newcomer(const struct doubts *doubts, uint8_t id);

#ifdef __cplusplus
}
#endif

#endif
