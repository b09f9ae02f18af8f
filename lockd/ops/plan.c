/*
 * The plan of memory and disk. The arena knows each piece of memory by its label; the table below says
 * what it is for and which setting gives its size. Pieces of one label are one line.
 *
 * A piece whose label the table does not know is listed last, under its label. A unit test
 * fails until the table has a row for it.
 */
#include "ops/plan.h"

#include <assert.h>
#include <string.h>

#include "ops/config.h"

struct purpose {
    const char *label; /* NULL: the heading of a group */
    const char *text;
    const char *size; /* Where its count or size comes from */
};

static const char fixed[] = "fixed";

/* In the order of the screen. */
static const struct purpose purposes[] = {
        {NULL, "Connections", NULL},
        {"node.connection_buffers", "a request frame and answers, per client",
                "--connections"},
        {"node.connections", "what the node knows of a connection", "--connections"},
        {"connections", "what the network code knows of it", "--connections"},
        {"node.callers", "clients' addresses, with the clients of each", "--connections"},
        {"node.callers_by_address", "index: the same by address", "2 x --connections"},
        {"node.busy", "connections with something to send", "--connections"},
        {"node.sends", "what one turn of the loop sends", "--connections"},
        {"node.closes", "connections that one turn closes", "--connections"},
        {"node.peer_input", "messages from other members", "members - 1"},
        {"node.peer_output", "messages to other members", "2 x (members - 1)"},
        {"receive buffers", "bytes just received from clients", fixed},
        {"ring of receive buffers", "the kernel's list of free receive buffers", fixed},
        {"names of members", "addresses of members being resolved", fixed},

        {NULL, "Locks and sessions", NULL},
        {"sessions", "open sessions", "--sessions"},
        {"locks", "locks in use", "--locks"},
        {"holds", "holds: who holds which lock", "--holds"},
        {"waits", "requests waiting for a lock", "--waits"},
        {"remembered answers", "answers kept for repeated requests", "--answers"},
        {"unconfirmed changes", "changes not yet confirmed by clients", "--changes"},
        {"blocks of names", "names and labels, in blocks", "--name-blocks"},
        {"parties", "client addresses and labels of sessions", "2 x --sessions"},
        {"deadlines", "ends of sessions and waits, by time", "--sessions + --waits"},
        {"buckets of sessions", "index: session by id", "--sessions"},
        {"buckets of parties", "index: session's address and label", "2 x --sessions"},
        {"buckets of names", "index: lock by name", "--locks"},
        {"buckets of tokens", "index: hold by token", "--holds"},
        {"buckets of holds", "index: hold by request", "--holds"},
        {"buckets of waits", "index: wait by request", "--waits"},
        {"buckets of answers", "index: answer by request", "--answers"},
        {"written by a snapshot", "which parts of the state a snapshot has",
                "all of the above"},
        {"snapshot, changed parts", "what changes before a snapshot has it", fixed},
        {"lock state", "counters and lists of all the above", fixed},

        {NULL, "Requests under way", NULL},
        {"node.owed", "commands not yet answered", fixed},
        {"node.keepalives", "keepalives not yet in the log", "3 x --sessions, rounded up"},
        {"node.routes", "the connection of each session", "--sessions"},
        {"node.reads", "queries waiting for the log", fixed},
        {"node.snapshot_chunks", "chunks of a snapshot, not yet written", fixed},
        {"node.snapshot_piece", "a part of a snapshot from another member", fixed},
        {"node.snapshot_header", "its header", fixed},
        {"node.snapshot_offers", "snapshots found at start", fixed},
        {"node.log_begin", "where the log begins, to be written", fixed},
        {"reads of snapshots", "parts of a snapshot, read back from disk", fixed},
        {"node.held", "messages that wait for a log write", fixed},
        {"node.raft_writes", "log writes that are not durable yet", fixed},

        {NULL, "Log", NULL},
        {"log buffer", "newest entries", "--log-buffer"},
        {"log unwritten", "records in the buffer, not yet written", "--log-buffer"},
        {"log window", "entries that the buffer still has", "--log-buffer"},
        {"log segments", "segments of the log: writing, recovery", "2 x --segments"},
        {"segment numbers", "segment files found at start", "--segments"},
        {"log places", "where entries lie: writing, recovery", fixed},
        {"log chain", "checksums of newest entries, likewise", fixed},
        {"log", "the writer of the log", fixed},
        {"recovery", "recovery at start", fixed},
        {"recovery record", "the record that recovery reads", fixed},
        {"reads of the log", "older entries, read back from disk", fixed},
        {"zeros for new segments", "zeros that fill a new segment", fixed},

        {NULL, "Replication", NULL},
        {"raft.state", "role, term, vote and progress of members", fixed},
        {"raft.trail", "index at which each term began", fixed},
        {"raft.recent", "sizes of the newest entries", fixed},
        {"raft.reads", "queries that wait for a majority", fixed},
        {"raft.flights", "appends not yet acknowledged by members", fixed},
        {"node.raft_effects", "what one step asks the node to do", fixed},
        {"node.append_entries", "entries of the append being received", fixed},
        {"node.append_heads", "their heads", fixed},
        {"node.append_bytes", "where their bytes are", fixed},

        {NULL, "The node itself", NULL},
        {"http requests", "requests for metrics and probes", "only with --http"},
        {"http responses", "their responses", "only with --http"},
        {"node", "state of the node", fixed},
        {"node.stages", "latencies and sizes, stage by stage", fixed},
        {"trace of events", "last events, written out after a crash", fixed},
};

enum {
    PURPOSE_COUNT = sizeof purposes / sizeof purposes[0],
};

bool plan_knows(const char *label)
{
    for (size_t i = 0; i < PURPOSE_COUNT; i++) {
        if (purposes[i].label != NULL && strcmp(purposes[i].label, label) == 0)
            return true;
    }
    return false;
}

/* All pieces of one label. */
struct sum {
    uint64_t count; /* Of items; 1 for a run of bytes */
    uint64_t bytes;
};

static void add_row(struct sum *sum, const struct arena_row *row, size_t first_bytes)
{
    /* A table beside a pool has as many items as the pool: they count once. */
    if (row->item_bytes == 1)
        sum->count++;
    else if (row->item_bytes == first_bytes)
        sum->count += row->count;
    sum->bytes += (uint64_t)row->count * row->item_bytes;
}

static struct sum sum_of(const struct arena *arena, const char *label)
{
    uint32_t count;
    size_t first_bytes = 0;
    struct sum sum = {0};
    const struct arena_row *rows = arena_rows(arena, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, label) != 0)
            continue;
        if (first_bytes == 0)
            first_bytes = rows[i].item_bytes;
        add_row(&sum, &rows[i], first_bytes);
    }
    return sum;
}

/* In the largest unit of which there is at least one. */
static void print_bytes(uint64_t bytes, FILE *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint64_t tenths = bytes * 10;
    size_t unit = 0;
    for (; tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        tenths /= 1024;
    if (unit == 0)
        (void)fprintf(out, "  %6llu B  ", (unsigned long long)bytes);
    else
        (void)fprintf(out, "  %4llu.%llu %-3s", (unsigned long long)(tenths / 10),
                (unsigned long long)(tenths % 10), units[unit]);
}

static void print_heading(const char *text, uint64_t bytes, FILE *out)
{
    (void)fprintf(out, "\n%-64s", text);
    print_bytes(bytes, out);
    (void)fputc('\n', out);
}

static void print_line(const char *text, struct sum sum, const char *size, FILE *out)
{
    if (sum.count == 0)
        return;
    (void)fprintf(out, "  %-42s %8llu", text, (unsigned long long)sum.count);
    print_bytes(sum.bytes / sum.count, out);
    print_bytes(sum.bytes, out);
    (void)fprintf(out, "%s%s\n", size[0] != 0 ? "   " : "", size);
}

/* A group: its heading at `at`, and its lines. Returns where the next group begins. */
static size_t print_group(const struct arena *arena, size_t at, uint64_t *total, FILE *out)
{
    uint64_t bytes = 0;
    size_t end = at + 1;
    for (; end < PURPOSE_COUNT && purposes[end].label != NULL; end++)
        bytes += sum_of(arena, purposes[end].label).bytes;
    if (bytes > 0)
        print_heading(purposes[at].text, bytes, out);
    for (size_t i = at + 1; i < end; i++)
        print_line(
                purposes[i].text, sum_of(arena, purposes[i].label), purposes[i].size, out);
    *total += bytes;
    return end;
}

static bool is_first(const struct arena_row *rows, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (strcmp(rows[i].name, rows[at].name) == 0)
            return false;
    }
    return true;
}

/* What the table does not know, and the gaps between pieces. */
static void print_rest(const struct arena *arena, uint64_t known, FILE *out)
{
    uint32_t count;
    const struct arena_row *rows = arena_rows(arena, &count);
    uint64_t rest = arena_used_bytes(arena) - known;
    print_heading("Other", rest, out);
    for (uint32_t i = 0; i < count; i++) {
        if (plan_knows(rows[i].name) || !is_first(rows, i))
            continue;
        struct sum sum = sum_of(arena, rows[i].name);
        print_line(rows[i].name, sum, "", out);
        rest -= sum.bytes;
    }
    print_line("gaps, for alignment", (struct sum){1, rest}, "", out);
}

void plan_print(const struct arena *arena, FILE *out)
{
    uint64_t known = 0;
    assert(purposes[0].label == NULL);
    (void)fprintf(out, "%-44s %8s  %8s  %8s   %s\n", "memory for", "count", "each    ",
            "total   ", "count or size from");
    for (size_t at = 0; at < PURPOSE_COUNT;)
        at = print_group(arena, at, &known, out);
    print_rest(arena, known, out);
    print_heading("Total", arena_used_bytes(arena), out);
    (void)fprintf(out,
            "\nlockd maps the total at start and nothing later. Memory that was never used\n"
            "takes no RAM: a node takes the total only when every limit is reached.\n");
}

void plan_print_disk(const struct node_settings *settings, FILE *out)
{
    struct node_disk disk;
    node_plan_disk(settings, &disk);
    uint64_t segments = (uint64_t)settings->wal.segments_max * disk.segment_bytes;
    print_heading("Disk, at most", disk.bytes, out);
    print_line("log kept, if a member is slow", (struct sum){1, disk.log_bytes},
            "4 x --log-keep, or 3 x --snapshot-log, or 6 x snapshot", out);
    print_line("snapshots: two, and one that is written",
            (struct sum){NODE_DISK_SNAPSHOTS, NODE_DISK_SNAPSHOTS * disk.snapshot_bytes},
            "limits of the cluster", out);
    print_line("segments: the first, the last, the next",
            (struct sum){NODE_DISK_SEGMENTS, NODE_DISK_SEGMENTS * disk.segment_bytes},
            "--segment-size", out);
    (void)fprintf(out,
            "\nA snapshot takes as much as is there, so most of this is never used. Without slow\n"
            "members the log takes --log-keep, or what it grew by since the older snapshot.\n");
    if (segments < disk.log_bytes + NODE_DISK_SEGMENTS * disk.segment_bytes)
        (void)fprintf(out,
                "The log cannot become so long: --segments x --segment-size is less. It may be\n"
                "full before a snapshot is due. Raise --segments, or lower --snapshot-log and\n"
                "--log-keep.\n");
}

struct heading {
    const char *before; /* The key of the first row under it */
    const char *text;
};

static const struct heading headings[] = {
        {"id", "What to start:"},
        {"check", "Instead of starting:"},
        {"log-level", "How this node runs:"},
        {"max-ttl",
                "Limits of the cluster. They are fixed when the cluster is created; on later\n"
                "starts they only size this node's memory:"},
};

static void print_row(const struct config_row *row, FILE *out)
{
    char flag[64];
    const char *argument = row->argument != NULL ? row->argument : "";
    for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) {
        if (strcmp(row->key, headings[i].before) == 0)
            (void)fprintf(out, "\n%s\n", headings[i].text);
    }
    (void)snprintf(flag, sizeof flag, "--%s %s", row->key, argument);
    (void)fprintf(out, "  %-24s %s", flag, row->help);
    if (row->standard[0] != 0)
        (void)fprintf(out, " [%s]", row->standard);
    (void)fputc('\n', out);
}

void help_print(FILE *out)
{
    struct config_row row;
    (void)fprintf(out,
            "usage: lockd --id N --cluster 1=HOST:PORT,2=HOST:PORT,3=HOST:PORT --data DIR\n"
            "       lockd --config FILE\n"
            "       lockd --dev DIR\n\n"
            "lockd is one node of a replicated lock service. The default port is 5625.\n"
            "IPv6 addresses need brackets: [::1]:5625. A config file has the same settings\n"
            "without dashes, one per line: KEY = VALUE. Defaults are in brackets.\n");
    for (size_t i = 0; config_describe(i, &row); i++)
        print_row(&row, out);
    (void)fprintf(out,
            "\nSizes take KiB, MiB or GiB; times take us, ms, s, m or h.\n"
            "Exit status: 0 clean shutdown, 1 error (see the last log line), 2 wrong usage.\n");
}
