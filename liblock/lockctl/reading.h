/*
 * What the nodes of a list say about themselves, each asked on a connection of its own and all
 * at the same time, and what only a look at all answers shows.
 */
#ifndef LOCKCTL_READING_H
#define LOCKCTL_READING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was read of one node. */
struct reading {
    const struct lk_client *client;
    uint32_t number;
    uint64_t wait_ns;
    pthread_t thread;
    enum lk_status status;
    char why[200];
    struct lk_node_status node;
    uint64_t started_ns; /* When the process started, by this machine's CLOCK_BOOTTIME */
    bool latency;        /* Query the stages, too: */
    uint32_t read;       /* how many readings there are, ... */
    bool read_failed;    /* ... and whether one failed, for the reason in `why`; */
    struct lk_node_stages before;
    struct lk_node_stages after;
};

/* Something of which there is only so much. */
struct capacity {
    const char *name;
    uint32_t used;
    uint32_t limit;
};

enum {
    CAPACITY_COUNT = 7
};

/* False: a thread could not be started, and the error was printed. */
bool reading_query_all(struct reading *readings, uint32_t count);

/* Two nodes that applied the same entries must have the same state. */
bool reading_diverges(const struct reading *readings, uint32_t count, uint32_t which);

/* It belongs to another cluster than most nodes of the list. */
bool reading_is_foreign(const struct reading *readings, uint32_t count, uint32_t which);

/*
 * Another process that answers with the same id, or `count`. One process behind two
 * addresses started once.
 */
uint32_t reading_twin(const struct reading *readings, uint32_t count, uint32_t which);

/* What a node cannot know of itself: one of the three above. */
bool reading_is_odd(const struct reading *readings, uint32_t count, uint32_t which);

/* Fills CAPACITY_COUNT of them. */
void reading_capacities(const struct lk_node_status *node, struct capacity *capacities);

/* How much of each is in use; with `nearly_full` only those of which it is most. */
void reading_put_capacities(FILE *out, const struct lk_node_status *node, bool nearly_full);

/* Who has most of what one may have; with `nearly_full` only who has nearly all of it. */
void reading_put_shares(FILE *out, const struct lk_node_status *node, bool nearly_full);

/* Why there is no answer; control characters are shown. */
void reading_put_why(FILE *out, const struct reading *reading);

/*
 * A line for each thing that is wrong with that node: which node, what is wrong, what to do.
 * Nothing if it is well.
 */
void reading_put_troubles(
        FILE *out, const struct reading *readings, uint32_t count, uint32_t which);

#ifdef __cplusplus
}
#endif

#endif
