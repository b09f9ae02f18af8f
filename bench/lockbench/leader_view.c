#include "leader_view.h"

#include <assert.h>
#include <stdlib.h>

#include "base/units.h"
#include "tool/fail.h"

static_assert(
        (int)LK_BUCKET_COUNT == (int)HISTOGRAM_BUCKETS, "nodes count in these buckets");

struct lk_client *leader_open(const char *cluster)
{
    struct lk_client *client = NULL;
    struct lk_options options = LK_OPTIONS_INIT;
    options.nodes = cluster;
    options.flags = LK_FLAG_NO_SESSION;
    if (lk_open(&options, &client) != LK_OK)
        complain("%s", lk_last_error());
    return client;
}

static void take_buckets(struct histogram *histogram, const uint64_t *buckets)
{
    histogram_init(histogram);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram_add_bucket(histogram, i, buckets[i]);
}

static bool read_stages(
        struct leader_node *node, const struct lk_client *client, uint32_t number)
{
    struct lk_node_stages *stages = need(malloc(sizeof(*stages)));
    bool reached = lk_query_stages(client, number, NS_PER_S, stages) == LK_OK;
    for (uint32_t i = 0; i < LK_STAGE_COUNT && reached; i++)
        take_buckets(&node->stages[i], stages->stages[i].buckets);
    for (uint32_t i = 0; i < LK_SUM_COUNT && reached; i++)
        node->sums[i] = stages->sums[i];
    free(stages);
    return reached;
}

static void *read_nodes(void *argument)
{
    struct leader_reading *reading = argument;
    struct lk_node_status *status = need(malloc(sizeof(*status)));
    for (uint32_t i = 0; i < reading->count; i++) {
        struct leader_node *node = &reading->nodes[i];
        node->reached = lk_query_status(reading->client, i, NS_PER_S, status) == LK_OK;
        if (!node->reached)
            continue;
        take_buckets(&node->commit, status->commit_latency);
        take_buckets(&node->commands, status->entry_commands);
        node->reached = read_stages(node, reading->client, i);
    }
    free(status);
    return NULL;
}

void leader_read(struct leader_reading *reading, struct lk_client *client)
{
    reading->client = client;
    reading->count = lk_node_count(client);
    if (reading->count > LEADER_NODES_MAX)
        reading->count = LEADER_NODES_MAX;
    reading->begun = pthread_create(&reading->thread, NULL, read_nodes, reading) == 0;
}

void leader_await(struct leader_reading *reading)
{
    if (reading->begun)
        pthread_join(reading->thread, NULL);
    else
        reading->count = 0;
}

/* A node that was restarted in between counts from its start. */
static uint64_t grown(uint64_t before, uint64_t after)
{
    return after >= before ? after - before : after;
}

static void add_stages(struct leader_node *span, const struct leader_node *before,
        struct leader_node *after)
{
    for (uint32_t i = 0; i < LK_STAGE_COUNT; i++) {
        histogram_subtract(&after->stages[i], &before->stages[i]);
        histogram_merge(&span->stages[i], &after->stages[i]);
    }
    for (uint32_t i = 0; i < LK_SUM_COUNT; i++)
        span->sums[i] += grown(before->sums[i], after->sums[i]);
}

void leader_between(const struct leader_reading *before, struct leader_reading *after,
        struct leader_node *span)
{
    *span = (struct leader_node){.reached = false};
    histogram_init(&span->commit);
    histogram_init(&span->commands);
    for (uint32_t i = 0; i < LK_STAGE_COUNT; i++)
        histogram_init(&span->stages[i]);
    for (uint32_t i = 0; i < before->count && i < after->count; i++) {
        struct leader_node *node = &after->nodes[i];
        if (!before->nodes[i].reached || !node->reached)
            continue;
        span->reached = true;
        histogram_subtract(&node->commit, &before->nodes[i].commit);
        histogram_subtract(&node->commands, &before->nodes[i].commands);
        histogram_merge(&span->commit, &node->commit);
        histogram_merge(&span->commands, &node->commands);
        add_stages(span, &before->nodes[i], node);
    }
}
