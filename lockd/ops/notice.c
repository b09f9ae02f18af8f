#include "ops/notice.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/frame.h"
#include "protocol/hello.h"

static void __attribute__((format(printf, 4, 5))) describe(struct notice_text *text,
        enum logger_level level, const char *event, const char *format, ...)
{
    va_list arguments;
    text->level = level;
    text->event = event;
    text->stranger = false;
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
        describe(text, LOGGER_INFO, "follower",
                "term=%llu: this node stopped leading or standing", term);
        break;
    case RAFT_NOTICE_NO_MAJORITY:
        describe(text, LOGGER_WARN, "no-majority",
                "term=%llu: too few members answer; nothing is granted until a majority is "
                "back",
                term);
        break;
    case RAFT_NOTICE_NEW_LEADER:
        describe(text, LOGGER_INFO, "new-leader", "term=%llu peer=%u", term, notice->peer);
        break;
    case RAFT_NOTICE_BLANK:
        describe(text, LOGGER_ERROR, "blank",
                "the cluster exists, but this node's data directory is empty: it may have "
                "forgotten a vote and takes no part; put its directory back");
        break;
    case RAFT_NOTICE_MISSING:
        describe(text, LOGGER_WARN, "founding",
                "missing=%s: all members found a new cluster together; start the missing "
                "ones",
                write_ids(missing, ids, sizeof ids));
        break;
    case RAFT_NOTICE_PEER_BLANK:
        describe(text, LOGGER_ERROR, "peer-blank",
                "peer=%u: that node's data directory is empty; it takes no part until its "
                "directory is put back",
                notice->peer);
        break;
    case RAFT_NOTICE_PEER_DAMAGED:
        describe(text, LOGGER_ERROR, "peer-damaged",
                "peer=%u: that node's log is damaged; it takes no part", notice->peer);
        break;
    case RAFT_NOTICE_TRUNCATED:
        describe(text, LOGGER_INFO, "truncated",
                "term=%llu: entries of a former leader that were never committed are cut "
                "off",
                term);
        break;
    }
}

static const char *name_refusal(uint64_t why)
{
    switch ((enum refusal)why) {
    case REFUSED_VERSION:
        return "the two speak different versions of the protocol; run one release "
               "everywhere";
    case REFUSED_CLUSTER:
        return "the two belong to different clusters; one has the wrong data directory or "
               "address";
    case REFUSED_MEMBERS:
        return "the two have different lists or ids; give all members the same --cluster";
    case REFUSED_FULL:
        return "there is no room for a connection";
    case REFUSED_NONSENSE:
        return "what was sent is not understood";
    }
    return "for a reason that this version does not know";
}

static const char *name_fault(uint64_t number)
{
    switch ((enum frame_fault)number) {
    case FRAME_FAULT_NONE:
        break;
    case FRAME_FAULT_VERSION:
        return "another version of the protocol";
    case FRAME_FAULT_KIND:
        return "an unknown kind of frame";
    case FRAME_FAULT_LENGTH:
        return "a frame that is too long";
    case FRAME_FAULT_SUM:
        return "a wrong checksum";
    }
    return "a frame that is not of its form, or not expected";
}

/* What anybody who reaches the port can cause. */
static void describe_stranger(const struct node_notice *notice, struct notice_text *text)
{
    unsigned long long number = notice->number;
    if (notice->kind == NOTICE_BAD_FRAME)
        describe(text, LOGGER_WARN, "bad-frame", "peer=%u fault=%llu: closed for %s",
                notice->peer, number, name_fault(notice->number));
    else if (notice->kind == NOTICE_REFUSED_PEER)
        describe(text, LOGGER_ERROR, "peer-refused", "peer=%u why=%llu: %s", notice->peer,
                number, name_refusal(notice->number));
    else
        describe(text, LOGGER_WARN, "slow-reader",
                "peer=%u: closed, as it does not read its answers", notice->peer);
    text->stranger = true;
}

void notice_describe(
        const struct node_notice *notice, uint64_t missing, struct notice_text *text)
{
    unsigned long long number = notice->number;
    switch (notice->kind) {
    case NOTICE_RAFT:
        describe_raft(notice, missing, text);
        break;
    case NOTICE_FOUNDED:
        describe(text, LOGGER_INFO, "founded", "cluster=%016llx: the cluster exists",
                number);
        break;
    case NOTICE_PEER_UP:
        describe(text, LOGGER_INFO, "peer-up", "peer=%u", notice->peer);
        break;
    case NOTICE_PEER_DOWN:
        describe(text, LOGGER_WARN, "peer-down", "peer=%u", notice->peer);
        break;
    case NOTICE_REFUSED_PEER:
    case NOTICE_BAD_FRAME:
    case NOTICE_SLOW_CLIENT:
        describe_stranger(notice, text);
        break;
    case NOTICE_NO_SPACE:
        describe(text, LOGGER_ERROR, "no-space",
                "segment=%llu: the log's next file cannot be made; new work is refused "
                "once "
                "the present one is full; free space in the data directory",
                number);
        break;
    case NOTICE_PLAN_TOO_SMALL:
        describe(text, LOGGER_ERROR, "plan-too-small",
                "the cluster was founded with larger maxima than this node is started "
                "with; give it the same");
        break;
    case NOTICE_HANDED_OVER:
        describe(text, LOGGER_INFO, "handed-over", "peer=%u: it leads now", notice->peer);
        break;
    case NOTICE_CLOCK_SUSPECT:
        describe(text, LOGGER_ERROR, "clock-suspect",
                "peer=%u: a clock runs at the wrong rate, and leases depend on it; look at "
                "the machine's clock source",
                notice->peer);
        break;
    }
}
