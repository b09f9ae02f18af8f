#include "ops/notice.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol/condition.h"
#include "protocol/frame.h"
#include "protocol/hello.h"

static void __attribute__((format(printf, 4, 5))) describe(struct notice_text *text,
        enum logger_level level, const char *event, const char *format, ...)
{
    va_list arguments;
    text->level = level;
    text->event = event;
    text->stranger = false;
    text->repeats = false;
    va_start(arguments, format);
    (void)vsnprintf(text->details, sizeof text->details, format, arguments);
    va_end(arguments);
}

/* "1,3" of a bit set of ids. */
static const char *write_ids(uint64_t set, char *ids, size_t bytes)
{
    int length = 0;
    ids[0] = 0;
    for (unsigned id = 1; id <= NODE_ID_MAX; id++) {
        if ((set >> id & 1) != 0 && (size_t)length + 4 < bytes)
            length += snprintf(ids + length, bytes - (size_t)length, "%s%u",
                    length > 0 ? "," : "", id);
    }
    return ids;
}

static void describe_raft(
        const struct node_notice *notice, uint64_t missing, struct notice_text *text)
{
    char ids[64];
    unsigned long long term = notice->term;
    switch ((enum raft_notice)notice->number) {
    case RAFT_NOTICE_NONE:
        describe(text, LOGGER_DEBUG, "raft", "term=%llu", term);
        break;
    case RAFT_NOTICE_LEADER:
        describe(text, LOGGER_INFO, "leader", "term=%llu: this node leads", term);
        break;
    case RAFT_NOTICE_FOLLOWER:
        describe(text, LOGGER_INFO, "follower", "term=%llu: this node is a follower now",
                term);
        break;
    case RAFT_NOTICE_NO_MAJORITY:
        describe(text, LOGGER_WARN, "no-majority",
                "term=%llu: this leader lost its majority; no lock is granted until a majority is back",
                term);
        break;
    case RAFT_NOTICE_RESIGNED:
        describe(text, LOGGER_WARN, "resigned",
                "term=%llu: this node stopped leading, because its own log makes no progress",
                term);
        break;
    case RAFT_NOTICE_NEW_LEADER:
        describe(text, LOGGER_INFO, "new-leader", "term=%llu peer=%u", term, notice->peer);
        break;
    case RAFT_NOTICE_BLANK:
        describe(text, LOGGER_ERROR, "blank",
                "this node's data directory is empty although the cluster exists; it may have forgotten a vote, so it takes no part until you put the directory back, or let the node take its own place as a new one with lockctl members replace");
        break;
    case RAFT_NOTICE_MISSING:
        describe(text, LOGGER_WARN, "founding",
                "missing=%s: a new cluster needs all its members once; start the missing ones",
                write_ids(missing, ids, sizeof ids));
        break;
    case RAFT_NOTICE_PEER_BLANK:
        describe(text, LOGGER_ERROR, "peer-blank",
                "peer=%u: that node's data directory is empty; it takes no part until you put its directory back, or replace it with lockctl members replace",
                notice->peer);
        break;
    case RAFT_NOTICE_PEER_DAMAGED:
        describe(text, LOGGER_ERROR, "peer-damaged",
                "peer=%u: that node's log is damaged, so it takes no part; its own log lines say what to do",
                notice->peer);
        break;
    case RAFT_NOTICE_LEFT:
        describe(text, LOGGER_INFO, "left",
                "term=%llu: this node stopped leading, because it is no longer a voter",
                term);
        break;
    case RAFT_NOTICE_TRUNCATED:
        describe(text, LOGGER_INFO, "truncated",
                "term=%llu: entries of an earlier leader that were never committed are removed",
                term);
        break;
    }
}

static const char *name_refusal(uint64_t why)
{
    switch ((enum refusal)why) {
    case REFUSED_VERSION:
        return "the two nodes know different versions"; /* See describe_versions(). */
    case REFUSED_CLUSTER:
        return "the two nodes belong to different clusters; one has a wrong --data or --cluster";
    case REFUSED_MEMBERS:
        return "the two nodes have different member lists; give all members the same --cluster";
    case REFUSED_FULL:
        return "all connections are in use; raise --connections";
    case REFUSED_NONSENSE:
        return "the message could not be parsed";
    case REFUSED_DIRECTORY:
        return "the cluster knows another data directory of that node; put back the one that it had, let it take that one's place with lockctl members replace, or stop the process that has a wrong --id or --data";
    case REFUSED_TWICE:
        return "another process is that node already, and it is alive; stop one of the two";
    case REFUSED_ID:
        return "the two nodes have the same id; correct --id of one of them";
    case REFUSED_NODE:
        return "another node than the wanted one answers at this address; correct the addresses in --cluster";
    case REFUSED_TERM:
        return "its term is further ahead than elections can explain; it is not of this cluster, or its disk is damaged";
    case REFUSED_HISTORY:
        return "its log takes back what the cluster has committed: an old copy of a data directory was put back; stop the node with the old copy, and take no more copies";
    case REFUSED_REMOVED:
        return "that node is no longer a member: it was removed or replaced; stop it and delete its data directory";
    case REFUSED_NOT_MEMBER:
        return "that node is new and not a member yet; add it with lockctl members add, or replace a member with lockctl members replace";
    case REFUSED_CROWDED:
        return "the address has its share of the connections; raise --connection-share or --connections";
    }
    return "for a reason that this lockd does not know; see the log of the other node";
}

static const char *name_fault(uint64_t number)
{
    switch ((enum frame_fault)number) {
    case FRAME_FAULT_NONE:
        break;
    case FRAME_FAULT_VERSION:
        return "another protocol version";
    case FRAME_FAULT_KIND:
        return "an unknown frame kind";
    case FRAME_FAULT_LENGTH:
        return "a frame that is too long";
    case FRAME_FAULT_SUM:
        return "a wrong checksum";
    }
    return "a malformed or unexpected frame";
}

static const char *write_range(struct versions range, char *text, size_t bytes)
{
    if (range.least == range.most)
        (void)snprintf(text, bytes, "%u", range.most);
    else
        (void)snprintf(text, bytes, "%u to %u", range.least, range.most);
    return text;
}

/* The two ranges, and the cluster's version if it is the reason. */
static void describe_versions(const struct node_notice *notice, struct notice_text *text)
{
    char own[32];
    char others[32];
    const char *by = notice->kind == NOTICE_REFUSED_PEER ? "this-node" : "peer";
    describe(text, LOGGER_ERROR, "peer-refused",
            "peer=%u from=%s why=%u by=%s: this lockd knows version %s, the other one %s, and the cluster uses %u; start a newer lockd on the node that does not know that version",
            notice->peer, notice->from, REFUSED_VERSION, by,
            write_range(notice->own, own, sizeof own),
            write_range(notice->others, others, sizeof others), notice->cluster_version);
}

/* Between two nodes: who refuses whom. */
static void describe_refusal(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long number = notice->number;
    if (notice->number == REFUSED_VERSION && notice->own.most != 0)
        describe_versions(notice, text);
    else if (notice->kind == NOTICE_REFUSED_PEER)
        describe(text, LOGGER_ERROR, "peer-refused",
                "peer=%u from=%s why=%llu by=this-node: %s", notice->peer, notice->from,
                number, name_refusal(notice->number));
    else
        describe(text, LOGGER_ERROR, "peer-refused", "peer=%u from=%s why=%llu by=peer: %s",
                notice->peer, notice->from, number, name_refusal(notice->number));
    text->repeats = true;
}

/* What anyone who reaches the port can cause. */
static void describe_stranger(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long number = notice->number;
    if (notice->kind == NOTICE_BAD_FRAME)
        describe(text, LOGGER_WARN, "bad-frame",
                "peer=%u from=%s fault=%llu: connection closed because of %s", notice->peer,
                notice->from, number, name_fault(notice->number));
    else if (notice->kind == NOTICE_UNFINISHED)
        describe(text, LOGGER_WARN, "unfinished",
                "from=%s greeted=%llu: connection closed, as it sent no whole message in time",
                notice->from, number);
    else if (notice->kind == NOTICE_CLIENTS_FULL)
        describe(text, LOGGER_WARN, "connections-full",
                "from=%s connections=%llu: all connections for clients are in use; raise --connections",
                notice->from, number);
    else if (notice->kind == NOTICE_CALLER_FULL)
        describe(text, LOGGER_WARN, "address-full",
                "from=%s connections=%llu: this address has its share of the connections for clients; raise --connection-share or --connections",
                notice->from, number);
    else
        describe(text, LOGGER_WARN, "slow-reader",
                "peer=%u from=%s: connection closed, as the client does not read its answers",
                notice->peer, notice->from);
    text->stranger = true;
    text->repeats = notice->kind != NOTICE_BAD_FRAME;
}

/* A condition is an event with its own name; its end names it. */
static void describe_condition(const struct node_notice *notice, struct notice_text *text)
{
    const struct condition_words *words = condition_describe((uint32_t)notice->number);
    bool harmless =
            notice->number == CONDITION_REPLAYING || notice->number == CONDITION_INSTALLING;
    if (notice->kind == NOTICE_CONDITION_OVER)
        describe(text, LOGGER_INFO, "condition-over", "was=%s", words->name);
    else
        describe(text, harmless ? LOGGER_INFO : LOGGER_ERROR, words->name,
                "this node %s: %s", words->sentence, words->cure);
}

static void describe_repair(const struct node_notice *notice, struct notice_text *text)
{
    if (notice->kind == NOTICE_REPAIRED)
        describe(text, LOGGER_INFO, "repaired",
                "this node is a voter again; the files of its damaged log are in the folder damaged-N of its data directory, until you remove them");
    else
        describe(text, LOGGER_WARN, "replaces",
                "peer=%u: this voter has lost its data directory, and the new one takes its place: as a learner first",
                notice->peer);
}

static void describe_place(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long segment = notice->number;
    unsigned long long offset = notice->offset;
    if (notice->kind == NOTICE_LOG_UNREADABLE)
        describe(text, LOGGER_ERROR, "log-damaged",
                "segment=%llu offset=%llu: the log cannot be read there, or does not hold what was written; %s",
                segment, offset, condition_describe(CONDITION_READ_ERROR)->cure);
    else if (notice->kind == NOTICE_LOG_MENDED)
        describe(text, LOGGER_INFO, "log-mended",
                "segment=%llu offset=%llu: this part of the log is removed; a snapshot has what was in it; if it happens again, replace the disk",
                segment, offset);
    else
        describe(text, LOGGER_INFO, "log-readable",
                "segment=%llu offset=%llu: the log can be read there again", segment,
                offset);
}

/* Who is a member: it changes, is not as --cluster has it, or no longer this node. */
static void describe_members(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long number = notice->number;
    char ids[128];
    if (notice->kind == NOTICE_MEMBERS)
        describe(text, LOGGER_INFO, "members",
                "index=%llu: the cluster has this list of members now; lockctl members prints it",
                number);
    else if (notice->kind == NOTICE_LIST_DIFFERS)
        describe(text, LOGGER_WARN, "list-differs",
                "nodes=%s: --cluster names these, but they are not members; the cluster keeps its own list (lockctl members prints it); add them with lockctl members add, or correct --cluster",
                write_ids(number, ids, sizeof ids));
    else
        describe(text, LOGGER_ERROR, "removed",
                "index=%llu: this node was replaced (or removed) at that index; it stops for good; delete its data directory, or keep it aside",
                number);
}

/* Snapshots that are taken, sent to a member, or come from one. */
static void describe_snapshot(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long index = notice->number;
    unsigned long long bytes = notice->offset;
    unsigned peer = notice->peer;
    if (notice->kind == NOTICE_SNAPSHOT_TAKEN)
        describe(
                text, LOGGER_INFO, "snapshot-taken", "index=%llu bytes=%llu", index, bytes);
    else if (notice->kind == NOTICE_SNAPSHOT_FAILED)
        describe(text, LOGGER_WARN, "snapshot-failed",
                "index=%llu: this snapshot could not be written, so the log is kept and grows; lockd tries again; check the disk, and whether it is full",
                index);
    else if (notice->kind == NOTICE_SNAPSHOT_DAMAGED)
        describe(text, LOGGER_WARN, "snapshot-damaged",
                "index=%llu: this snapshot cannot be read, or does not hold what was written; a new one takes its place; check the disk (dmesg, smartctl)",
                index);
    else if (notice->kind == NOTICE_SNAPSHOT_SENDING)
        describe(text, LOGGER_INFO, "snapshot-sending",
                "peer=%u index=%llu bytes=%llu: the member needs entries that the log no longer has",
                peer, index, bytes);
    else if (notice->kind == NOTICE_SNAPSHOT_SENT)
        describe(text, LOGGER_INFO, "snapshot-sent", "peer=%u index=%llu", peer, index);
    else if (notice->kind == NOTICE_SNAPSHOT_STUCK)
        describe(text, LOGGER_WARN, "snapshot-stuck",
                "peer=%u index=%llu: the member takes no more of the snapshot; it is sent again later; check that member's disk and the network to it",
                peer, index);
    else if (notice->kind == NOTICE_SNAPSHOT_INSTALL)
        describe(text, LOGGER_INFO, "snapshot-install",
                "peer=%u index=%llu bytes=%llu: this node lacks entries that the others no longer have, and takes over their state",
                peer, index, bytes);
    else if (notice->kind == NOTICE_SNAPSHOT_INSTALLED)
        describe(text, LOGGER_INFO, "snapshot-installed", "index=%llu", index);
    else
        describe(text, LOGGER_ERROR, "snapshot-lost",
                "index=%llu: the snapshot that was just received cannot be read back; check the disk (dmesg, smartctl), then start lockd again",
                index);
}

static void describe_peer(const struct node_notice *notice, struct notice_text *text)
{
    bool up = notice->kind == NOTICE_PEER_UP;
    describe(text, up ? LOGGER_INFO : LOGGER_WARN, up ? "peer-up" : "peer-down",
            "peer=%u address=%s", notice->peer, notice->from);
}

/* The node lacks what it needs. */
static void describe_lack(const struct node_notice *notice, struct notice_text *text)
{
    if (notice->kind == NOTICE_NO_SPACE)
        describe(text, LOGGER_ERROR, "no-space",
                "segment=%llu: the next log segment cannot be created; when the current one is full, new requests are refused; free space in the data directory",
                (unsigned long long)notice->number);
    else
        describe(text, LOGGER_ERROR, "plan-too-small",
                "the cluster was created with larger limits than this node has; start it with the original limits");
}

static void describe_cluster(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long number = notice->number;
    if (notice->kind == NOTICE_BOOTSTRAPPED)
        describe(text, LOGGER_INFO, "founded", "cluster=%016llx: the cluster was created",
                number);
    else if (notice->kind == NOTICE_HANDED_OVER)
        describe(text, LOGGER_INFO, "handed-over", "peer=%u: this member leads now",
                notice->peer);
    else
        describe(text, LOGGER_INFO, "upgraded",
                "version=%llu: the cluster uses this version from now on; no member can go back to an older one",
                number);
}

static void describe_clock(const struct node_notice *notice, struct notice_text *text)
{
    describe(text, LOGGER_ERROR, "clock-suspect",
            "peer=%u: the clock of this node or of the peer runs at a wrong rate, and leases depend on it; check the clock source of both machines",
            notice->peer);
}

/* Of every kind but NOTICE_RAFT */
typedef void describer(const struct node_notice *notice, struct notice_text *text);

static describer *const describers[] = {
        [NOTICE_BOOTSTRAPPED] = describe_cluster,
        [NOTICE_HANDED_OVER] = describe_cluster,
        [NOTICE_UPGRADED] = describe_cluster,
        [NOTICE_PEER_UP] = describe_peer,
        [NOTICE_PEER_DOWN] = describe_peer,
        [NOTICE_REFUSED_PEER] = describe_refusal,
        [NOTICE_REFUSED_BY_PEER] = describe_refusal,
        [NOTICE_BAD_FRAME] = describe_stranger,
        [NOTICE_SLOW_CLIENT] = describe_stranger,
        [NOTICE_UNFINISHED] = describe_stranger,
        [NOTICE_CLIENTS_FULL] = describe_stranger,
        [NOTICE_CALLER_FULL] = describe_stranger,
        [NOTICE_NO_SPACE] = describe_lack,
        [NOTICE_PLAN_TOO_SMALL] = describe_lack,
        [NOTICE_REPAIRED] = describe_repair,
        [NOTICE_REPLACES] = describe_repair,
        [NOTICE_MEMBERS] = describe_members,
        [NOTICE_LIST_DIFFERS] = describe_members,
        [NOTICE_REMOVED] = describe_members,
        [NOTICE_CONDITION] = describe_condition,
        [NOTICE_CONDITION_OVER] = describe_condition,
        [NOTICE_CLOCK_SUSPECT] = describe_clock,
        [NOTICE_SNAPSHOT_TAKEN] = describe_snapshot,
        [NOTICE_SNAPSHOT_FAILED] = describe_snapshot,
        [NOTICE_SNAPSHOT_DAMAGED] = describe_snapshot,
        [NOTICE_SNAPSHOT_SENDING] = describe_snapshot,
        [NOTICE_SNAPSHOT_SENT] = describe_snapshot,
        [NOTICE_SNAPSHOT_STUCK] = describe_snapshot,
        [NOTICE_SNAPSHOT_INSTALL] = describe_snapshot,
        [NOTICE_SNAPSHOT_INSTALLED] = describe_snapshot,
        [NOTICE_SNAPSHOT_LOST] = describe_snapshot,
        [NOTICE_LOG_UNREADABLE] = describe_place,
        [NOTICE_LOG_READABLE] = describe_place,
        [NOTICE_LOG_MENDED] = describe_place,
};

void notice_describe(
        const struct node_notice *notice, uint64_t missing, struct notice_text *text)
{
    if (notice->kind == NOTICE_RAFT) {
        describe_raft(notice, missing, text);
        return;
    }
    assert((size_t)notice->kind < sizeof describers / sizeof describers[0]);
    assert(describers[notice->kind]);
    describers[notice->kind](notice, text);
}
