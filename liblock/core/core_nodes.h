/*
 * The nodes as this client knows them: listed ones, learned ones, and what is wrong with
 * each.
 */
#ifndef CORE_CORE_NODES_H
#define CORE_CORE_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"

#ifdef __cplusplus
extern "C" {
#endif

struct known_node {
    struct core_node node;
    uint64_t cluster; /* As it said last; 0: it did not */
    bool troubled;
    struct core_notice trouble;
    uint64_t trouble_ns;
    uint64_t noticed_ns; /* When that trouble was last a notice */
};

struct nodes {
    struct known_node all[CORE_NODES_MAX];
    uint32_t count;

    /* What is worth a line in a log, until it is fetched. */
    struct core_notice notices[CORE_NOTICES_MAX];
    uint32_t notice_begin;
    uint32_t notice_count;
};

void nodes_init(struct nodes *nodes, const struct core_settings *settings);

void nodes_notice(struct nodes *nodes, struct core_notice notice);
bool nodes_next_notice(struct nodes *nodes, struct core_notice *notice);

/*
 * Something went wrong with the notice's node: it is remembered until the node leads. It is a
 * notice, but the same trouble again is one only every ten seconds.
 */
void nodes_trouble(struct nodes *nodes, struct core_notice trouble, uint64_t now_ns);

/*
 * The number of the node that leads, as another node says: known already, or learned now.
 */
uint32_t nodes_find(struct nodes *nodes, uint8_t id, struct span address);

/*
 * Whether the nodes belong to another cluster: since that time each was tried, more than half
 * of the listed ones are of another cluster, and none of the others works.
 */
bool nodes_foreign(const struct nodes *nodes, uint32_t listed, uint64_t since_ns);

/* The client is of that cluster: those nodes that said that they are of another are trouble. */
void nodes_tell_foreign(struct nodes *nodes, uint64_t cluster, uint64_t now_ns);

/*
 * This node was not reachable a moment ago: the node that sends us there has not noticed
 * yet.
 */
bool nodes_refused_lately(const struct nodes *nodes, uint32_t number, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
