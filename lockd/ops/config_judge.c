/* The relations between settings, and what follows from them. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "ops/config_table.h"

static bool is_given(const struct config *config, const char *key)
{
    return config->given[config_find(key)];
}

static bool say(char *error, const char *text)
{
    (void)snprintf(error, CONFIG_ERROR_BYTES, "%s", text);
    return false;
}

/* The value of `key` is in range; `must` says what else is required. */
static bool say_relation(
        const struct config *config, const char *key, const char *must, char *error)
{
    size_t count;
    char text[ADDRESS_TEXT_BYTES];
    config_show(config, &config_table(&count)[config_find(key)], text);
    (void)snprintf(error, CONFIG_ERROR_BYTES, "--%s %s: %s", key, text, must);
    return false;
}

static const char *const cluster_keys[] = {"id", "cluster", "data"};

enum {
    CLUSTER_KEY_COUNT = sizeof cluster_keys / sizeof cluster_keys[0]
};

/* --dev: a cluster of this node alone, on loopback. */
static bool judge_dev(struct config *config, char *error)
{
    for (size_t i = 0; i < CLUSTER_KEY_COUNT; i++) {
        if (!is_given(config, cluster_keys[i]))
            continue;
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                "--dev %.200s: cannot be used with --%s; --dev is a cluster of its own",
                config->dev, cluster_keys[i]);
        return false;
    }
    memcpy(config->data, config->dev, sizeof config->data);
    if (!is_given(config, "listen"))
        config->listen =
                (struct address){.host = "127.0.0.1", .port = ADDRESS_PORT_DEFAULT};
    config->node.self = 1;
    config->node.member_count = 1;
    config->node.members[0].id = 1;
    char text[ADDRESS_TEXT_BYTES];
    if (address_text(&config->listen, text) >= sizeof config->node.members[0].address)
        return say(error, "--listen: the name is too long");
    memcpy(config->node.members[0].address, text, strlen(text) + 1);
    return true;
}

static const struct node_member *find_self(const struct config *config)
{
    for (uint8_t i = 0; i < config->node.member_count; i++) {
        if (config->node.members[i].id == config->node.self)
            return &config->node.members[i];
    }
    return NULL;
}

static bool judge_members(struct config *config, char *error)
{
    for (size_t i = 0; i < CLUSTER_KEY_COUNT; i++) {
        if (is_given(config, cluster_keys[i]))
            continue;
        (void)snprintf(error, CONFIG_ERROR_BYTES,
                "--%s is missing; lockd needs --id, --cluster and --data, or --dev DIR to try it out; see --help",
                cluster_keys[i]);
        return false;
    }
    const struct node_member *self = find_self(config);
    if (self == NULL)
        return say_relation(config, "id", "must be one of the ids in --cluster", error);
    const char *why;
    if (!is_given(config, "listen") &&
            !address_parse(self->address, strlen(self->address), &config->listen, &why))
        return say(error, why);
    return true;
}

static bool judge_times(const struct config *config, char *error)
{
    const struct raft_settings *raft = &config->node.raft;
    if (raft->election_min_ns < 2 * raft->heartbeat_ns)
        return say_relation(config, "election-min",
                "must be at least twice --heartbeat, or one late heartbeat starts an election",
                error);
    if (raft->election_max_ns <= raft->election_min_ns)
        return say_relation(config, "election-max",
                "must be above --election-min, so that members start elections at different times",
                error);
    if (config->node.cluster.min_ttl_ns > config->node.cluster.max_ttl_ns)
        return say_relation(config, "min-ttl", "must not be above --max-ttl", error);
    return true;
}

static bool judge_sizes(const struct config *config, char *error)
{
    if (config->node.wal.segment_bytes % WAL_BLOCK_BYTES != 0)
        return say_relation(config, "segment-size", "must be a multiple of 4KiB", error);
    if (config->node.wal.buffer_bytes % WAL_BLOCK_BYTES != 0)
        return say_relation(config, "log-buffer", "must be a multiple of 4KiB", error);
    if (!settings_valid(&config->node.cluster))
        return say(error, "--sessions, --locks, --holds and --waits do not fit together");
    return true;
}

/* What is done instead of running a node, and what belongs to it */
static bool judge_once(const struct config *config, char *error)
{
    if (config->restore[0] != 0 && config->recover[0] != 0)
        return say(error, "--restore and --recover: give one of them");
    if (config->recover[0] == 0 && (config->only_member != 0 || config->accept_loss))
        return say(error, "--only-member and --accept-loss belong to --recover DIR");
    if (config->list_holds)
        return say(error, "--list-holds belongs to --inspect PATH");
    return true;
}

bool config_judge(struct config *config, char *error)
{
    bool members =
            config->dev[0] != 0 ? judge_dev(config, error) : judge_members(config, error);
    return members && judge_once(config, error) && judge_times(config, error) &&
           judge_sizes(config, error);
}
