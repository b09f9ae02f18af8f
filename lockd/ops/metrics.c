#include "ops/metrics.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mark.h"
#include "ops/exposition.h"
#include "protocol/request.h"

enum {
    LABELS_BYTES = 96
};

/* ---- Single numbers ---- */

/* A metric that is one field of a node_report or of process_figures. */
struct field {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
    size_t bytes;
    enum exposition_unit unit;
};

#define REPORT(member)                              \
    .offset = offsetof(struct node_report, member), \
    .bytes = sizeof(((struct node_report *)0)->member)
#define PROCESS(member)                                 \
    .offset = offsetof(struct process_figures, member), \
    .bytes = sizeof(((struct process_figures *)0)->member)
#define GAUGE(metric, text, what)                                      \
    {                                                                  \
        .name = "lockd_" metric, .type = "gauge", .help = (text), what \
    }
#define TOTAL(metric, text, what)                                                 \
    {                                                                             \
        .name = "lockd_" metric "_total", .type = "counter", .help = (text), what \
    }

/* clang-format off */
static const struct field report_fields[] = {
    GAUGE("term", "Raft term.", REPORT(status.term)),
    GAUGE("commit_index", "Last entry that is committed, and in this node's log.", REPORT(status.commit)),
    GAUGE("commit_heard_index", "Last entry that the cluster has committed, as far as this node knows.", REPORT(status.commit_heard)),
    GAUGE("applied_index", "Last entry that is applied to this node's state.", REPORT(status.applied)),
    GAUGE("durable_index", "Last entry that is durable on this node's disk.", REPORT(status.durable)),
    GAUGE("last_index", "Last entry of this node's log.", REPORT(status.last)),
    GAUGE("cluster_version", "Version that the cluster uses, as far as this node knows; 0: it is not bootstrapped.", REPORT(status.cluster_version)),
    GAUGE("version_most", "Latest version that this node knows; above the cluster's while an upgrade is open.", REPORT(status.versions.most)),
    GAUGE("sessions", "Open sessions.", REPORT(status.sessions)),
    GAUGE("locks", "Locks that are held or waited for.", REPORT(status.locks)),
    GAUGE("holds", "Holds.", REPORT(status.holds)),
    GAUGE("waits", "Requests that wait for a lock.", REPORT(status.waits)),
    GAUGE("connections", "Connections of clients and members.", REPORT(status.connections)),
    GAUGE("longest_queue", "Requests that wait for the lock that most wait for; up to a minute old.", REPORT(longest_queue)),
    GAUGE("clock_suspect", "1: the clocks of this node and its leader run at different rates.", REPORT(clock_suspect)),
    GAUGE("disk_bytes", "Bytes of the log segments in use.", REPORT(log_bytes)),
    GAUGE("log_segments", "Log segments in use.", REPORT(status.segments)),
    GAUGE("log_first_index", "First entry that this node's log still has; 0: it has none.", REPORT(status.log_first)),
    GAUGE("snapshot_index", "Last entry in this node's newest snapshot; 0: it has none.", REPORT(status.snapshot)),
    GAUGE("snapshot_bytes", "Bytes of this node's newest snapshot.", REPORT(status.snapshot_bytes)),
    {.name = "lockd_snapshot_age_seconds", .type = "gauge",
        .help = "Since the newest snapshot was made, or since the node's start.",
        REPORT(status.snapshot_age_ns), .unit = EXPOSITION_SECONDS},
    {.name = "lockd_snapshot_duration_seconds", .type = "gauge",
        .help = "How long the last snapshot that this node took itself took; 0: none.",
        REPORT(status.snapshot_taken_ns), .unit = EXPOSITION_SECONDS},
    {.name = "lockd_apply_lag_seconds", .type = "gauge",
        .help = "How long ago the first entry that is not applied here was committed; 0: all are.",
        REPORT(lag_ns), .unit = EXPOSITION_SECONDS},
    {.name = "lockd_oldest_hold_seconds", .type = "gauge",
        .help = "Age of the oldest hold; 0: nothing is held; up to a minute old.",
        REPORT(oldest_hold_ns), .unit = EXPOSITION_SECONDS},
    {.name = "lockd_write_age_seconds", .type = "gauge",
        .help = "How long the oldest log write is under way; 0: none is.",
        REPORT(status.write_age_ns), .unit = EXPOSITION_SECONDS},
    TOTAL("leader_changes", "Times that this node heard of a new leader.", REPORT(leader_changes)),
    TOTAL("elections_won", "Times that this node became leader.", REPORT(status.elections)),
    TOTAL("log_lines_dropped", "Lines of the log that were lost because nobody read them.", REPORT(status.lines_dropped)),
    TOTAL("bad_frames", "Connections that were closed because of nonsense.", REPORT(status.bad_frames)),
    TOTAL("repairs", "Starts of this process without a log, as it was damaged and put aside.", REPORT(repairs)),
    TOTAL("bad_reads", "Reads of log and snapshots that failed, or gave other bytes than were written.", REPORT(bad_reads)),
    TOTAL("mends", "Damaged parts of the log that a new snapshot replaced.", REPORT(mends)),
    TOTAL("scrubs", "Times that all of the log and the snapshots was looked at for damage.", REPORT(scrubs)),
    TOTAL("entries_applied", "Entries applied.", REPORT(sums[SUM_APPLIED])),
    TOTAL("system_calls", "Calls of io_uring_enter.", REPORT(sums[SUM_SYSTEM_CALLS])),
    TOTAL("received_bytes", "Bytes received from clients and members.", REPORT(sums[SUM_RECEIVED])),
    TOTAL("sent_bytes", "Bytes sent to clients and members.", REPORT(sums[SUM_SENT])),
    TOTAL("logged_bytes", "Bytes of entries that were logged.", REPORT(sums[SUM_LOGGED])),
    TOTAL("written_bytes", "Bytes written to the log's disk, with padding.", REPORT(sums[SUM_WRITTEN])),
    TOTAL("writes", "Writes to the log's disk.", REPORT(sums[SUM_WRITES])),
};

static const struct field process_fields[] = {
    GAUGE("disk_free_bytes", "Free bytes where the data directory is.", PROCESS(disk_free_bytes)),
    {.name = "process_start_time_seconds", .type = "gauge",
        .help = "Start of the process, in seconds since 1970.", PROCESS(started_s)},
    {.name = "process_cpu_seconds_total", .type = "counter",
        .help = "Processor time, user and system.", PROCESS(cpu_ns), .unit = EXPOSITION_SECONDS},
    {.name = "process_resident_memory_bytes", .type = "gauge",
        .help = "Memory in use.", PROCESS(resident_bytes)},
    {.name = "process_virtual_memory_bytes", .type = "gauge",
        .help = "Memory mapped; most of it is never used.", PROCESS(virtual_bytes)},
    {.name = "process_open_fds", .type = "gauge",
        .help = "Open file descriptors.", PROCESS(descriptors)},
    {.name = "process_max_fds", .type = "gauge",
        .help = "Most open file descriptors.", PROCESS(descriptors_max)},
};
/* clang-format on */

static uint64_t load(const void *base, const struct field *field)
{
    const void *at = (const char *)base + field->offset;
    if (field->bytes == 1)
        return *(const uint8_t *)at;
    if (field->bytes == 2)
        return *(const uint16_t *)at;
    if (field->bytes == 4)
        return *(const uint32_t *)at;
    return *(const uint64_t *)at;
}

static void write_fields(
        struct page *page, const void *base, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        exposition_family(page, field->name, field->type, field->help);
        if (field->unit == EXPOSITION_SECONDS)
            exposition_sample_seconds(page, field->name, "", load(base, field));
        else
            exposition_sample(page, field->name, "", load(base, field));
    }
}

/* ---- What the node is ---- */

static void write_build(struct page *page, const struct node_status *status)
{
    const char *name = "lockd_build_info";
    exposition_family(
            page, name, "gauge", "Always 1; the labels say which program and node it is.");
    page_add(page, "%s{version=\"%.*s\",node=\"%u\",cluster=\"%016llx\"} 1\n", name,
            (int)status->version.count, (const char *)status->version.bytes,
            (unsigned)status->node, (unsigned long long)status->cluster);
}

static void write_role(struct page *page, const struct node_report *report)
{
    const struct node_status *status = &report->status;
    exposition_family(page, "lockd_is_leader", "gauge", "1: this node leads.");
    exposition_sample(page, "lockd_is_leader", "", status->role == ROLE_LEADER);
    exposition_family(page, "lockd_is_serving", "gauge",
            "1: this node leads and serves clients; a new leader first applies its log.");
    exposition_sample(page, "lockd_is_serving", "", report->serves);
    exposition_family(page, "lockd_has_leader", "gauge", "1: this node knows a leader.");
    exposition_sample(page, "lockd_has_leader", "", status->leader != 0);
}

/* One sample of each word: alerts can name a condition, and it is 0 when all is well. */
static void write_conditions(struct page *page, const struct node_status *status)
{
    const char *name = "lockd_condition";
    exposition_family(page, name, "gauge",
            "1: this is the node's condition; see `lockctl status` for the cure.");
    for (uint32_t i = 0; i < CONDITION_COUNT; i++) {
        const char *word = condition_describe(i)->name;
        char labels[LABELS_BYTES];
        (void)snprintf(labels, sizeof labels, "condition=\"%s\"", word);
        if (strcmp(word, "unknown") != 0)
            exposition_sample(page, name, labels, status->condition == i);
    }
}

/* ---- Peers ---- */

static void label_peer(const struct node_status_peer *peer, char *labels)
{
    (void)snprintf(labels, LABELS_BYTES, "peer=\"%u\"", (unsigned)peer->node);
}

static void write_peers(struct page *page, const struct node_report *report)
{
    const struct node_status *status = &report->status;
    char labels[LABELS_BYTES];
    exposition_family(page, "lockd_peer_connected", "gauge",
            "1: there is a connection to that member.");
    for (uint8_t i = 0; i < status->peer_count; i++) {
        label_peer(&status->peers[i], labels);
        exposition_sample(page, "lockd_peer_connected", labels, status->peers[i].connected);
    }
    if (status->role != ROLE_LEADER)
        return;
    exposition_family(page, "lockd_peer_lag_seconds", "gauge",
            "Leader only: how long ago the first entry that the member lacks was committed.");
    for (uint8_t i = 0; i < status->peer_count; i++) {
        label_peer(&status->peers[i], labels);
        exposition_sample_seconds(
                page, "lockd_peer_lag_seconds", labels, report->peer_lag_ns[i]);
    }
}

/* ---- Times ---- */

static const char *const stages[STAGE_COUNT] = {
        [STAGE_QUEUE] = "stage=\"queue\"",
        [STAGE_WRITE] = "stage=\"write\"",
        [STAGE_REPLICATE] = "stage=\"replicate\"",
        [STAGE_APPLY] = "stage=\"apply\"",
        [STAGE_ANSWER] = "stage=\"answer\"",
        [STAGE_TURN] = "stage=\"turn\"",
};

static void write_times(struct page *page, const struct node_report *report)
{
    const char *name = "lockd_stage_duration_seconds";
    exposition_family(page, name, "histogram",
            "Where time goes: an entry's stages on the leader, and turns of the loop.");
    for (uint32_t i = 0; i < STAGE_COUNT; i++) {
        if (stages[i] != NULL)
            exposition_histogram(
                    page, name, stages[i], report->stages[i], EXPOSITION_SECONDS);
    }
    exposition_family(page, "lockd_commit_duration_seconds", "histogram",
            "Leader: from an entry's seal until it is applied.");
    exposition_histogram(page, "lockd_commit_duration_seconds", "", report->commit_latency,
            EXPOSITION_SECONDS);
    exposition_family(page, "lockd_wait_duration_seconds", "histogram",
            "How long requests waited for a lock, however that ended; cluster time.");
    exposition_histogram(page, "lockd_wait_duration_seconds", "", &report->locks->wait_ns,
            EXPOSITION_SECONDS);
    exposition_family(page, "lockd_hold_duration_seconds", "histogram",
            "How long holds lasted; cluster time.");
    exposition_histogram(page, "lockd_hold_duration_seconds", "", &report->locks->hold_ns,
            EXPOSITION_SECONDS);
}

static void write_entries(struct page *page, const struct node_report *report)
{
    exposition_family(page, "lockd_entry_commands", "histogram",
            "Leader: commands in an entry that has some.");
    exposition_histogram(page, "lockd_entry_commands", "", report->stages[STAGE_COMMANDS],
            EXPOSITION_COUNT);
    exposition_family(
            page, "lockd_entry_bytes", "histogram", "Leader: bytes of an entry's body.");
    exposition_histogram(
            page, "lockd_entry_bytes", "", report->stages[STAGE_BYTES], EXPOSITION_COUNT);
}

/* ---- Requests ---- */

static const char *const kinds[COUNTED_KINDS] = {
        [REQUEST_OPEN] = "open",
        [REQUEST_KEEPALIVE] = "keepalive",
        [REQUEST_CLOSE] = "close",
        [REQUEST_ACQUIRE] = "acquire",
        [REQUEST_CANCEL] = "cancel",
        [REQUEST_RELEASE] = "release",
};

static const char *const statuses[COUNTED_STATUSES] = {
        [STATUS_OK] = "ok",
        [STATUS_TIMEOUT] = "timeout",
        [STATUS_LOST] = "lost",
        [STATUS_BUSY] = "busy",
        [STATUS_INVALID] = "invalid",
        [STATUS_CANCELLED] = "cancelled",
        [STATUS_DEADLOCK] = "deadlock",
        [STATUS_NOT_FOUND] = "not_found",
        [STATUS_LIMIT] = "limit",
        [STATUS_OLD] = "old",
        [STATUS_DENIED] = "denied",
        [STATUS_WRONG_CLUSTER] = "wrong_cluster",
        [STATUS_VERSION] = "version",
        [STATUS_QUEUED] = "queued",
        [STATUS_NOT_LEADER] = "not_leader",
};

static const char *word_of(const char *const *words, uint32_t number)
{
    return words[number] == NULL ? "other" : words[number];
}

/* What never came is left out, except "ok": so every kind has a sample from the start. */
static void write_requests(struct page *page, const struct counters *counters)
{
    const char *name = "lockd_requests_total";
    exposition_family(page, name, "counter",
            "Answers to requests of clients, by the kind of request and the outcome.");
    for (uint32_t kind = 0; kind < COUNTED_KINDS; kind++) {
        for (uint32_t status = 0; status < COUNTED_STATUSES; status++) {
            uint64_t count = counters->answers[kind][status];
            bool always = kinds[kind] != NULL && status == STATUS_OK;
            if (count == 0 && !always)
                continue;
            char labels[LABELS_BYTES];
            (void)snprintf(labels, sizeof labels, "kind=\"%s\",status=\"%s\"",
                    word_of(kinds, kind), word_of(statuses, status));
            exposition_sample(page, name, labels, count);
        }
    }
}

static uint64_t answers_with(const struct counters *counters, uint32_t status)
{
    uint64_t count = 0;
    for (uint32_t kind = 0; kind < COUNTED_KINDS; kind++)
        count += counters->answers[kind][status];
    return count;
}

static_assert((int)LIMIT_LAST < (int)COUNTED_LIMITS, "each limit is counted");

static const char *const limits[COUNTED_LIMITS] = {
        [LIMIT_SESSIONS] = "sessions",
        [LIMIT_LOCKS] = "locks",
        [LIMIT_HOLDS] = "holds",
        [LIMIT_WAITS] = "waits",
        [LIMIT_WAITS_PER_LOCK] = "waits_per_lock",
        [LIMIT_NAME_BLOCKS] = "name_blocks",
        [LIMIT_ANSWERS] = "answers",
        [LIMIT_COUNT] = "count",
        [LIMIT_SESSION_HOLDS] = "session_holds",
        [LIMIT_SESSION_WAITS] = "session_waits",
        [LIMIT_ADDRESS_SESSIONS] = "address_sessions",
        [LIMIT_ADDRESS_HOLDS] = "address_holds",
        [LIMIT_ADDRESS_WAITS] = "address_waits",
        [LIMIT_ADDRESS_ANSWERS] = "address_answers",
        [LIMIT_ADDRESS_NAME_BLOCKS] = "address_name_blocks",
        [LIMIT_LABEL_SESSIONS] = "label_sessions",
        [LIMIT_LABEL_HOLDS] = "label_holds",
        [LIMIT_LABEL_WAITS] = "label_waits",
        [LIMIT_LABEL_ANSWERS] = "label_answers",
        [LIMIT_LABEL_NAME_BLOCKS] = "label_name_blocks",
        [LIMIT_TOKENS] = "tokens",
};

static void write_refused(struct page *page, const struct counters *counters,
        const struct process_figures *process)
{
    const char *name = "lockd_refused_total";
    exposition_family(page, name, "counter",
            "Requests and connections that were refused, by the reason.");
    exposition_sample(page, name, "reason=\"busy\"", answers_with(counters, STATUS_BUSY));
    exposition_sample(
            page, name, "reason=\"denied\"", answers_with(counters, STATUS_DENIED));
    exposition_sample(
            page, name, "reason=\"not_leader\"", answers_with(counters, STATUS_NOT_LEADER));
    exposition_sample(
            page, name, "reason=\"connections_full\"", process->connections_refused);
    for (uint32_t i = 0; i < COUNTED_LIMITS; i++) {
        char labels[LABELS_BYTES];
        if (limits[i] == NULL && counters->limits[i] == 0)
            continue;
        (void)snprintf(labels, sizeof labels, "reason=\"limit_%s\"", word_of(limits, i));
        exposition_sample(page, name, labels, counters->limits[i]);
    }
}

/* ---- Limits ---- */

static void write_limits(struct page *page, const struct node_status *status)
{
    const struct {
        const char *labels;
        uint32_t used;
        uint32_t most;
    } rows[] = {
            {"limit=\"sessions\"", status->sessions, status->sessions_max},
            {"limit=\"locks\"", status->locks, status->locks_max},
            {"limit=\"holds\"", status->holds, status->holds_max},
            {"limit=\"waits\"", status->waits, status->waits_max},
            {"limit=\"answers\"", status->answers, status->answers_max},
            {"limit=\"name_blocks\"", status->name_blocks, status->name_blocks_max},
            {"limit=\"connections\"", status->connections, status->connections_max},
            {"limit=\"log_segments\"", status->segments, status->segments_max},
    };
    const char *name = "lockd_limit_used_ratio";
    exposition_family(page, name, "gauge", "How much of a limit is in use, from 0 to 1.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        exposition_sample_ratio(page, name, rows[i].labels, rows[i].used, rows[i].most);
}

static const char *const reasons[LOCKS_REASONS_MAX] = {
        [LOST_EXPIRED] = "reason=\"expired\"",
        [LOST_CLOSED] = "reason=\"closed\"",
};

static void write_ended(struct page *page, const struct locks_figures *figures)
{
    const char *name = "lockd_sessions_ended_total";
    exposition_family(page, name, "counter",
            "Sessions that ended: their client closed them, or sent no keepalive in time.");
    for (uint32_t i = 0; i < LOCKS_REASONS_MAX; i++) {
        if (reasons[i] != NULL)
            exposition_sample(page, name, reasons[i], figures->ended[i]);
    }
}

/* ---- Marks ---- */

static bool is_first_of_name(const struct mark *mark)
{
    for (const struct mark *before = mark_begin(); before < mark; before++) {
        if (strcmp(before->name, mark->name) == 0)
            return false;
    }
    return true;
}

/* Rare branches of the code: for developers, and when something odd is looked into. */
static void write_marks(struct page *page)
{
    const char *name = "lockd_marks_total";
    exposition_family(page, name, "counter",
            "How often a rare branch of the code was taken; the code has its name.");
    for (const struct mark *mark = mark_begin(); mark < mark_end(); mark++) {
        char labels[LABELS_BYTES];
        if (!is_first_of_name(mark))
            continue;
        (void)snprintf(labels, sizeof labels, "mark=\"%.64s\"", mark->name);
        exposition_sample(page, name, labels, mark_count(mark->name));
    }
}

void metrics_write(struct page *page, const struct node_report *report,
        const struct process_figures *process)
{
    write_build(page, &report->status);
    write_role(page, report);
    write_conditions(page, &report->status);
    write_fields(
            page, report, report_fields, sizeof report_fields / sizeof report_fields[0]);
    write_peers(page, report);
    write_limits(page, &report->status);
    write_requests(page, report->counters);
    write_refused(page, report->counters, process);
    write_ended(page, report->locks);
    write_times(page, report);
    write_entries(page, report);
    write_fields(page, process, process_fields,
            sizeof process_fields / sizeof process_fields[0]);
    write_marks(page);
}
