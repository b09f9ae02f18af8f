#include "lockctl/reading.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "lockctl/watch.h"
#include "tool/fail.h"

/* Starts of one process as two answers tell them are not farther apart. */
static const uint64_t same_start_ns = LK_SECOND / 2;

static void query_stages(struct reading *reading)
{
    reading->before = reading->after;
    enum lk_status said = lk_query_stages(
            reading->client, reading->number, reading->wait_ns, &reading->after);
    reading->read_failed = said != LK_OK;
    reading->read = said == LK_OK ? reading->read + 1 : 0;
    if (said != LK_OK)
        (void)snprintf(reading->why, sizeof(reading->why), "%s", lk_last_error());
}

static void *query(void *argument)
{
    struct reading *reading = argument;
    reading->status = lk_query_status(
            reading->client, reading->number, reading->wait_ns, &reading->node);
    reading->started_ns = boottime_ns() - reading->node.uptime_ns;
    if (reading->status != LK_OK)
        (void)snprintf(reading->why, sizeof(reading->why), "%s", lk_last_error());
    else if (reading->latency)
        query_stages(reading);
    return NULL;
}

bool reading_query_all(struct reading *readings, uint32_t count)
{
    uint32_t begun = 0;
    while (begun < count &&
            pthread_create(&readings[begun].thread, NULL, query, &readings[begun]) == 0)
        begun++;
    for (uint32_t i = 0; i < begun; i++)
        pthread_join(readings[i].thread, NULL);
    if (begun < count)
        complain("cannot start a thread");
    return begun == count;
}

bool reading_diverges(const struct reading *readings, uint32_t count, uint32_t which)
{
    const struct lk_node_status *one = &readings[which].node;
    for (uint32_t i = 0; i < count && readings[which].status == LK_OK; i++) {
        const struct lk_node_status *other = &readings[i].node;
        /* One that has applied nothing has no state. */
        if (readings[i].status == LK_OK && other->cluster == one->cluster &&
                one->applied != 0 && other->applied == one->applied &&
                other->digest != one->digest)
            return true;
    }
    return false;
}

static bool has_cluster(const struct reading *reading)
{
    return reading->status == LK_OK && reading->node.cluster != 0;
}

/* The first node of the cluster that most nodes of the list belong to; `count`: none. */
static uint32_t usual_cluster(const struct reading *readings, uint32_t count)
{
    uint32_t usual = count;
    uint32_t most = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t same = 0;
        for (uint32_t j = 0; j < count && has_cluster(&readings[i]); j++)
            same += has_cluster(&readings[j]) &&
                    readings[j].node.cluster == readings[i].node.cluster;
        if (same > most) {
            most = same;
            usual = i;
        }
    }
    return usual;
}

bool reading_is_foreign(const struct reading *readings, uint32_t count, uint32_t which)
{
    uint32_t usual = usual_cluster(readings, count);
    return usual < count && has_cluster(&readings[which]) &&
           readings[which].node.cluster != readings[usual].node.cluster;
}

uint32_t reading_twin(const struct reading *readings, uint32_t count, uint32_t which)
{
    const struct reading *one = &readings[which];
    for (uint32_t i = 0; i < count && one->status == LK_OK; i++) {
        const struct reading *other = &readings[i];
        uint64_t apart = other->started_ns > one->started_ns
                                 ? other->started_ns - one->started_ns
                                 : one->started_ns - other->started_ns;
        if (i != which && other->status == LK_OK && other->node.node == one->node.node &&
                other->node.cluster == one->node.cluster && apart > same_start_ns)
            return i;
    }
    return count;
}

bool reading_is_odd(const struct reading *readings, uint32_t count, uint32_t which)
{
    return reading_diverges(readings, count, which) ||
           reading_is_foreign(readings, count, which) ||
           reading_twin(readings, count, which) < count;
}

/* The bit set of ids, after the sentence about them. */
static void put_missing(FILE *out, uint64_t missing)
{
    const char *between = " (";
    for (unsigned id = 1; id < 64; id++) {
        if ((missing >> id & 1) == 0)
            continue;
        (void)fprintf(out, "%s%u", between, id);
        between = ", ";
    }
    if (missing != 0)
        (void)fputc(')', out);
}

void reading_capacities(const struct lk_node_status *node, struct capacity *capacities)
{
    const struct capacity found[CAPACITY_COUNT] = {
            {"sessions", node->sessions, node->sessions_max},
            {"locks", node->locks, node->locks_max},
            {"holds", node->holds, node->holds_max},
            {"waits", node->waits, node->waits_max},
            {"answers", node->answers, node->answers_max},
            {"name_blocks", node->name_blocks, node->name_blocks_max},
            {"connections", node->connections, node->connections_max},
    };
    memcpy(capacities, found, sizeof(found));
}

static const char *words_of(const char *name)
{
    return strcmp(name, "name_blocks") == 0 ? "name blocks" : name;
}

void reading_put_capacities(FILE *out, const struct lk_node_status *node, bool nearly_full)
{
    struct capacity capacities[CAPACITY_COUNT];
    reading_capacities(node, capacities);
    const char *between = " ";
    for (int i = 0; i < CAPACITY_COUNT; i++) {
        const struct capacity *one = &capacities[i];
        if (nearly_full && (uint64_t)one->used * 10 < (uint64_t)one->limit * 9)
            continue;
        (void)fprintf(out, "%s%s %" PRIu32 " of %" PRIu32, between, words_of(one->name),
                one->used, one->limit);
        between = ", ";
    }
}

static void put_share(FILE *out, const struct lk_share *share, const char *whose)
{
    char shown[sizeof(share->who) * TEXT_SHOWN_MAX];
    (void)text_show(shown, sizeof(shown), share->who, strlen(share->who));
    (void)fprintf(out, "%s %s has %s %" PRIu32 " of the %" PRIu32 " that one may have",
            whose, shown, words_of(lk_share_name(share->of)), share->used, share->limit);
}

void reading_put_shares(FILE *out, const struct lk_node_status *node, bool nearly_full)
{
    const struct lk_share *shares[] = {
            &node->address_share, &node->label_share, &node->connection_share};
    static const char *const whose[] = {"address", "label", "address"};
    const char *between = " ";
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        const struct lk_share *share = shares[i];
        bool nearly = (uint64_t)share->used * 10 >= (uint64_t)share->limit * 9;
        if (share->of == LK_SHARE_NONE || (nearly_full && !nearly))
            continue;
        (void)fputs(between, out);
        put_share(out, share, whose[i]);
        between = "; ";
    }
}

static bool leads_in(const struct reading *reading, uint64_t cluster)
{
    return has_cluster(reading) && reading->node.role == LK_ROLE_LEADER &&
           reading->node.cluster == cluster;
}

/* The list names nodes of two clusters, and both work. */
static bool both_lead(
        const struct reading *readings, uint32_t count, uint64_t one, uint64_t other)
{
    bool one_leads = false;
    bool other_leads = false;
    for (uint32_t i = 0; i < count; i++) {
        one_leads = one_leads || leads_in(&readings[i], one);
        other_leads = other_leads || leads_in(&readings[i], other);
    }
    return one_leads && other_leads;
}

/* What only a look at all nodes shows, a sentence each. */
static void put_oddities(
        FILE *out, const struct reading *readings, uint32_t count, uint32_t which)
{
    const struct lk_client *client = readings[which].client;
    unsigned id = readings[which].node.node;
    const char *address = lk_node_address(client, which);
    if (reading_diverges(readings, count, which))
        (void)fprintf(out,
                "node %u at %s differs from another node that applied the same entries: stop using the cluster, keep all data directories, and report it\n",
                id, address);
    if (reading_is_foreign(readings, count, which)) {
        uint32_t usual = usual_cluster(readings, count);
        uint64_t cluster = readings[which].node.cluster;
        uint64_t other = readings[usual].node.cluster;
        (void)fprintf(out,
                "node %u at %s belongs to another cluster (%016" PRIx64
                ") than node %u at %s (%016" PRIx64 "): %s\n",
                id, address, cluster, readings[usual].node.node,
                lk_node_address(client, usual), other,
                both_lead(readings, count, cluster, other)
                        ? "both clusters have a leader, so the list names two clusters; a lock in one says nothing about the other: give each command the nodes of one"
                        : "it has a wrong --data or --cluster, or the list names two clusters");
    }
    uint32_t twin = reading_twin(readings, count, which);
    if (twin < count)
        (void)fprintf(out,
                "node %u runs twice, at %s and at %s: stop one of the two processes, and give it an id of its own\n",
                id, address, lk_node_address(client, twin));
}

/* One sentence for each node that is not healthy: which node, what is wrong, what to do. */
static void put_condition(FILE *out, const struct reading *reading)
{
    const struct lk_node_status *node = &reading->node;
    if (node->condition != LK_CONDITION_HEALTHY) {
        (void)fprintf(out, "node %u at %s %s: %s", node->node,
                lk_node_address(reading->client, reading->number),
                lk_condition_text(node->condition), lk_condition_cure(node->condition));
        put_missing(out, node->missing);
        if (node->condition == LK_CONDITION_NEARLY_FULL) {
            (void)fputs("; in use:", out);
            reading_put_capacities(out, node, true);
            reading_put_shares(out, node, true);
        }
        (void)fputc('\n', out);
    }
}

void reading_put_why(FILE *out, const struct reading *reading)
{
    char shown[sizeof(reading->why) * TEXT_SHOWN_MAX];
    (void)text_show(shown, sizeof(shown), reading->why, strlen(reading->why));
    (void)fputs(shown, out);
}

void reading_put_troubles(
        FILE *out, const struct reading *readings, uint32_t count, uint32_t which)
{
    const struct reading *reading = &readings[which];
    if (reading->status == LK_OK) {
        put_condition(out, reading);
        put_oddities(out, readings, count, which);
        return;
    }
    reading_put_why(out, reading);
    (void)fputc('\n', out);
}
