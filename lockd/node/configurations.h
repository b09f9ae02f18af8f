/*
 * The configurations that this node knows: the newest in its log, and the one before it, to
 * which it goes back if the newest is cut off. raft has the same two, as sets of ids.
 *
 * Until the log has one, the configuration is what --cluster says: enough to find the other
 * members of a new cluster, or a first contact.
 */
#ifndef NODE_CONFIGURATIONS_H
#define NODE_CONFIGURATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"
#include "protocol/entry.h"
#include "protocol/member_list.h"

#ifdef __cplusplus
extern "C" {
#endif

struct indexed_configuration {
    uint64_t index; /* Of its entry; 0: --cluster */
    struct configuration is;
};

struct configurations {
    uint8_t self;
    uint64_t incarnation; /* Of this node's directory; 0: not known yet */
    bool changed;         /* Since others were last told: see roster_adopt() */
    uint64_t listed;      /* The ids in --cluster; 0 once they were compared */
    struct indexed_configuration newest;
    struct indexed_configuration before;
};

void configurations_init(
        struct configurations *configurations, const struct node_settings *settings);

/*
 * What an entry says. False: it has no configuration, or none that can be read. The log's
 * entries were read before they were taken, so there it means the first.
 */
bool configuration_read(struct configuration *configuration, const struct entry_head *head,
        const unsigned char *body);

/* The entry at `index` is in the log now; the same index again changes nothing. */
void configurations_take(struct configurations *configurations, uint64_t index,
        const struct configuration *configuration);

/* `from` and all after it are cut off the log. */
void configurations_cut(struct configurations *configurations, uint64_t from);

/*
 * As raft is told. This node is in it only with its own directory: another one under its id
 * is another member, its namesake.
 */
struct raft_configuration configuration_for_raft(
        const struct configurations *configurations,
        const struct configuration *configuration);

/* This very directory in the newest configuration; NULL: it is no member. */
const struct member *configurations_self(const struct configurations *configurations);

/*
 * The ids in --cluster that the newest configuration does not have. Nothing before the first
 * one that this node is in, and after it no more: a list is compared once, at the start.
 */
uint64_t configurations_unlisted(struct configurations *configurations);

/*
 * A snapshot has the configuration of the entry `index`, which is committed. The log may not
 * go back to it. configurations_restore(): at a start, it counts unless the log has a later
 * one. configurations_restart(): the log has no entry any more, and only it counts.
 */
void configurations_restore(struct configurations *configurations, uint64_t index,
        const struct configuration *configuration);
void configurations_restart(struct configurations *configurations, uint64_t index,
        const struct configuration *configuration);

void configurations_check(const struct configurations *configurations);

#ifdef __cplusplus
}
#endif

#endif
