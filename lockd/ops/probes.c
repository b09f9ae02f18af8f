#include "ops/probes.h"

#include "base/units.h"

static const uint64_t lag_max_ns = NS_PER_S;

/* In these conditions a node is of no use to clients, even if it knows a leader. */
static bool takes_no_part(enum condition condition)
{
    static const enum condition such[] = {CONDITION_BLANK, CONDITION_NOT_BOOTSTRAPPED,
            CONDITION_NO_LEADER, CONDITION_NO_MAJORITY, CONDITION_REPLAYING,
            CONDITION_OTHER_CLUSTER, CONDITION_OTHER_DIRECTORY, CONDITION_ID_TAKEN,
            CONDITION_NOT_ACCEPTED, CONDITION_CONTRADICTED, CONDITION_VERSION_REFUSED,
            CONDITION_REMOVED, CONDITION_LEARNER, CONDITION_NOT_MEMBER,
            CONDITION_REPAIRING};
    for (size_t i = 0; i < sizeof such / sizeof such[0]; i++) {
        if (such[i] == condition)
            return true;
    }
    return false;
}

static bool refuse(struct page *page, uint32_t condition)
{
    const struct condition_words *words = condition_describe(condition);
    page_add(page, "%s: this node %s\n", words->name, words->sentence);
    return false;
}

bool probes_ready(const struct node_report *report, struct page *page)
{
    enum condition condition = (enum condition)report->status.condition;
    if (takes_no_part(condition))
        return refuse(page, condition);
    if (report->status.leader == 0)
        return refuse(page, CONDITION_NO_LEADER);
    if (report->lag_ns >= lag_max_ns) {
        page_add(page, "behind: the state of this node is ");
        page_seconds(page, report->lag_ns / NS_PER_MS * NS_PER_MS);
        page_add(page, " s old\n");
        return false;
    }
    page_add(page, "ok\n");
    return true;
}

void probes_line(const struct node_report *report, struct page *page)
{
    const struct node_status *status = &report->status;
    unsigned long long term = status->term;
    if (status->condition != CONDITION_HEALTHY)
        page_add(page, "%s: this node %s", condition_describe(status->condition)->name,
                condition_describe(status->condition)->sentence);
    else if (status->role == ROLE_LEADER)
        page_add(page, "leads in term %llu", term);
    else
        page_add(page, "follows node %u in term %llu", (unsigned)status->leader, term);
}

/* ---- Status ---- */

static const char *role_word(uint8_t role)
{
    if (role == ROLE_LEADER)
        return "leader";
    return role == ROLE_CANDIDATE ? "candidate" : "follower";
}

static void put_number(struct page *page, const char *key, uint64_t value)
{
    page_add(page, "\"%s\":%llu,", key, (unsigned long long)value);
}

static void put_hex(struct page *page, const char *key, uint64_t value)
{
    page_add(page, "\"%s\":\"%016llx\",", key, (unsigned long long)value);
}

/* Words of this program only: none has a character that JSON wants escaped. */
static void put_condition(struct page *page, uint32_t condition)
{
    const struct condition_words *words = condition_describe(condition);
    bool healthy = condition == CONDITION_HEALTHY;
    page_add(page, "\"healthy\":%s,\"condition\":\"%s\",", healthy ? "true" : "false",
            words->name);
    if (healthy)
        page_add(page, "\"reason\":null,\"cure\":null,");
    else
        page_add(page, "\"reason\":\"%s\",\"cure\":\"%s\",", words->sentence, words->cure);
}

static void put_log(struct page *page, const struct node_status *status)
{
    put_hex(page, "cluster", status->cluster);
    put_number(page, "term", status->term);
    put_number(page, "commit", status->commit);
    put_number(page, "applied", status->applied);
    put_number(page, "last", status->last);
    put_number(page, "durable", status->durable);
    put_number(page, "commit_heard", status->commit_heard);
    put_number(page, "write_age_ns", status->write_age_ns);
    put_number(page, "segments", status->segments);
    put_number(page, "segments_max", status->segments_max);
    put_hex(page, "digest", status->digest);
}

static void put_counts(struct page *page, const struct node_status *status)
{
    put_number(page, "time_ns", status->time);
    put_number(page, "uptime_ns", status->uptime_ns);
    put_number(page, "sessions", status->sessions);
    put_number(page, "locks", status->locks);
    put_number(page, "holds", status->holds);
    put_number(page, "waits", status->waits);
    put_number(page, "connections", status->connections);
    put_number(page, "requests", status->requests);
    put_number(page, "refused_busy", status->refused_busy);
    put_number(page, "bad_frames", status->bad_frames);
    put_number(page, "lines_dropped", status->lines_dropped);
    put_number(page, "elections", status->elections);
}

static void put_peers(struct page *page, const struct node_status *status)
{
    page_add(page, "\"peers\":[");
    for (uint8_t i = 0; i < status->peer_count; i++) {
        const struct node_status_peer *peer = &status->peers[i];
        page_add(page, "%s{\"node\":%u,\"connected\":%s,\"match\":%llu", i == 0 ? "" : ",",
                (unsigned)peer->node, peer->connected ? "true" : "false",
                (unsigned long long)peer->match);
        if (peer->heard_ns != UINT64_MAX)
            page_add(page, ",\"heard_ns\":%llu", (unsigned long long)peer->heard_ns);
        page_add(page, "}");
    }
    page_add(page, "]");
}

void probes_status(const struct node_report *report, struct page *page)
{
    const struct node_status *status = &report->status;
    page_add(page, "{");
    put_number(page, "node", status->node);
    page_add(page, "\"role\":\"%s\",", role_word(status->role));
    put_number(page, "leader", status->leader);
    put_condition(page, status->condition);
    put_log(page, status);
    put_counts(page, status);
    page_add(page, "\"version\":\"%.*s\",", (int)status->version.count,
            (const char *)status->version.bytes);
    put_peers(page, status);
    page_add(page, "}\n");
}
