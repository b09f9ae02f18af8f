/*
 * The configuration of a cluster: who is a member from an entry on. It is the body of
 * ENTRY_CONFIGURATION. The entry that bootstraps a cluster has the first one (settings.h).
 *
 * A member is (id, incarnation). The incarnation is the random number of its data
 * directory; another directory under the same id is another member. An id is used by one
 * member at a time.
 */
#ifndef PROTOCOL_MEMBER_LIST_H
#define PROTOCOL_MEMBER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/hello.h"
#include "protocol/settings.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LEARNERS_MAX = 2, /* Of those that are to be voters; and of observers */
    CONFIGURATION_MAX = MEMBERS_MAX + LEARNERS_MAX,
    PRIORITY_DEFAULT = 1,
};

enum member_role {
    MEMBER_VOTER = 1,
    MEMBER_LEARNER = 2,  /* Gets the log; the leader promotes it when it has caught up. */
    MEMBER_OBSERVER = 3, /* A learner that stays one */
};

struct member {
    uint8_t id;
    uint8_t role;     /* enum member_role */
    uint8_t priority; /* PRIORITY_DEFAULT; a node's own setting decides: raft_settings.yields */
    uint64_t incarnation; /* 0: a learner that was never connected, or not known */
    /* host:port, NUL-terminated; "" if not known */
    char address[ADDRESS_BYTES_MAX];
};

struct configuration {
    uint8_t count;
    struct member members[CONFIGURATION_MAX]; /* By id, ascending */
};

void wire_configuration(struct wire *wire, struct configuration *configuration);

/* What a snapshot says of its cluster: what no entry behind it says again. */
struct cluster_record {
    struct cluster_settings settings;
    uint64_t index; /* Of the configuration's entry */
    struct configuration configuration;
};

void wire_cluster_record(struct wire *wire, struct cluster_record *record);

/* What a node tells another one that knows an older configuration: only addresses count. */
struct member_places {
    uint64_t index; /* Of the configuration's entry */
    struct configuration configuration;
};

enum {
    MEMBER_PLACES_BYTES_MAX = 9 + CONFIGURATION_MAX * (16 + ADDRESS_BYTES_MAX)
};

void wire_member_places(struct wire *wire, struct member_places *places);

/* The configuration that a cluster begins with. */
void configuration_of_bootstrap(
        struct configuration *configuration, const struct bootstrap *bootstrap);

/* NULL: the id is no member. */
const struct member *configuration_find(
        const struct configuration *configuration, uint8_t id);

/* Bit set of the ids with this role. */
uint64_t configuration_ids(
        const struct configuration *configuration, enum member_role role);

/*
 * Can `after` follow `before`? One voter at most is added or removed, and nobody becomes a
 * voter under an id whose incarnation changes.
 */
bool configuration_follows(
        const struct configuration *before, const struct configuration *after);

#ifdef __cplusplus
}
#endif

#endif
