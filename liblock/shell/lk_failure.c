/* Texts for people: statuses, states, why a call failed, lines of the log. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lk_internal.h"
#include "protocol/node_status.h"

static_assert(LK_OK == (int)STATUS_OK, "wire and library agree on the numbers");
static_assert(LK_STATUS_TIMEOUT == (int)STATUS_TIMEOUT, "");
static_assert(LK_STATUS_UNKNOWN == (int)STATUS_UNKNOWN, "");
static_assert(LK_STATUS_LOST == (int)STATUS_LOST, "");
static_assert(LK_STATUS_BUSY == (int)STATUS_BUSY, "");
static_assert(LK_STATUS_INVALID == (int)STATUS_INVALID, "");
static_assert(LK_STATUS_CANCELLED == (int)STATUS_CANCELLED, "");
static_assert(LK_STATUS_DEADLOCK == (int)STATUS_DEADLOCK, "");
static_assert(LK_STATUS_NOT_FOUND == (int)STATUS_NOT_FOUND, "");
static_assert(LK_STATUS_LIMIT == (int)STATUS_LIMIT, "");
static_assert(LK_STATUS_OLD == (int)STATUS_OLD, "");
static_assert(LK_STATUS_DENIED == (int)STATUS_DENIED, "");
static_assert(LK_STATUS_WRONG_CLUSTER == (int)STATUS_WRONG_CLUSTER, "");
static_assert(LK_STATUS_VERSION == (int)STATUS_VERSION, "");
static_assert(LK_STATE_LOST == (int)BELIEF_LOST, "");
static_assert(LK_STATE_SUSPENDED == (int)BELIEF_SUSPENDED, "");
static_assert(LK_REASON_REHEARSED == (int)CORE_REASON_REHEARSED, "");
static_assert(LK_REASON_WRONG_CLUSTER == (int)CORE_REASON_WRONG_CLUSTER, "");
static_assert(LK_CONDITION_HEALTHY == (int)CONDITION_HEALTHY, "");
static_assert(LK_CONDITION_BLANK == (int)CONDITION_BLANK, "");
static_assert(LK_CONDITION_NOT_BOOTSTRAPPED == (int)CONDITION_NOT_BOOTSTRAPPED, "");
static_assert(LK_CONDITION_NO_LEADER == (int)CONDITION_NO_LEADER, "");
static_assert(LK_CONDITION_NO_MAJORITY == (int)CONDITION_NO_MAJORITY, "");
static_assert(LK_CONDITION_NO_SPACE == (int)CONDITION_NO_SPACE, "");
static_assert(LK_CONDITION_BEHIND == (int)CONDITION_BEHIND, "");
static_assert(LK_CONDITION_DISK_STALLED == (int)CONDITION_DISK_STALLED, "");
static_assert(LK_CONDITION_CLOCK_SUSPECT == (int)CONDITION_CLOCK_SUSPECT, "");
static_assert(LK_CONDITION_READ_ERROR == (int)CONDITION_READ_ERROR, "");
static_assert(LK_CONDITION_SNAPSHOT_FAILING == (int)CONDITION_SNAPSHOT_FAILING, "");
static_assert(LK_CONDITION_SNAPSHOT_STUCK == (int)CONDITION_SNAPSHOT_STUCK, "");
static_assert(LK_CONDITION_INSTALLING == (int)CONDITION_INSTALLING, "");
static_assert(LK_CONDITION_REPAIRING == (int)CONDITION_REPAIRING, "");
static_assert(LK_CONDITION_OTHER_CLUSTER == (int)CONDITION_OTHER_CLUSTER, "");
static_assert(LK_CONDITION_OTHER_DIRECTORY == (int)CONDITION_OTHER_DIRECTORY, "");
static_assert(LK_CONDITION_ID_TAKEN == (int)CONDITION_ID_TAKEN, "");
static_assert(LK_CONDITION_NOT_ACCEPTED == (int)CONDITION_NOT_ACCEPTED, "");
static_assert(LK_CONDITION_CONTRADICTED == (int)CONDITION_CONTRADICTED, "");
static_assert(LK_CONDITION_NEARLY_FULL == (int)CONDITION_NEARLY_FULL, "");
static_assert(LK_CONDITION_STRANGER == (int)CONDITION_STRANGER, "");
static_assert(LK_CONDITION_REMOVED == (int)CONDITION_REMOVED, "");
static_assert(LK_CONDITION_LEARNER == (int)CONDITION_LEARNER, "");
static_assert(LK_CONDITION_MEMBERS_CHANGE == (int)CONDITION_MEMBERS_CHANGE, "");
static_assert(LK_CONDITION_NOT_MEMBER == (int)CONDITION_NOT_MEMBER, "");
static_assert(LK_CONDITION_QUARANTINE == (int)CONDITION_QUARANTINE, "");
static_assert(LK_ROLE_LEADER == (int)ROLE_LEADER, "");
static_assert((int)LK_NAME_MAX == (int)NAME_BYTES_MAX, "");
static_assert((int)LK_LABEL_MAX == (int)LABEL_BYTES_MAX, "");
static_assert((int)LK_PAGE_MAX == (int)LIST_LOCKS_MAX, "");
static_assert((int)LK_PEERS_MAX == (int)NODE_STATUS_PEERS_MAX, "");

static _Thread_local char last_error[EVENT_BYTES];

static void put_list(char *text, size_t bytes, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));

static void put_list(char *text, size_t bytes, const char *format, va_list arguments)
{
    int length = vsnprintf(text, bytes, format, arguments);
    assert(length >= 0); /* A longer text is cut. */
}

void put_text(char *text, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_list(text, bytes, format, arguments);
    va_end(arguments);
}

/* Names, addresses and options come from elsewhere; a caller prints this on a terminal. */
static void set_error(const char *text)
{
    text_show(last_error, sizeof(last_error), text, strlen(text));
}

enum lk_status fail(enum lk_status status, const char *format, ...)
{
    char text[EVENT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    put_list(text, sizeof(text), format, arguments);
    va_end(arguments);
    set_error(text);
    return status;
}

const char *lk_last_error(void)
{
    return last_error;
}

const char *lk_version(void)
{
    return LK_VERSION_TEXT;
}

static const char *pick(const char *const *texts, size_t count, unsigned number)
{
    return number < count && texts[number] != NULL ? texts[number]
                                                   : "unknown to this version";
}

#define PICK(texts, number) \
    pick((texts), sizeof(texts) / sizeof((texts)[0]), (unsigned)(number))

const char *lk_status_text(enum lk_status status)
{
    static const char *const texts[] = {
            [LK_OK] = "done",
            [LK_STATUS_TIMEOUT] = "others held the lock until the wait ended",
            [LK_STATUS_UNKNOWN] =
                    "no answer in time; the request may or may not have been carried out",
            [LK_STATUS_LOST] = "the session has ended",
            [LK_STATUS_BUSY] = "the cluster is overloaded; try again later",
            [LK_STATUS_INVALID] = "invalid arguments",
            [LK_STATUS_CANCELLED] = "cancelled",
            [LK_STATUS_DEADLOCK] = "the request would wait for its own owner",
            [LK_STATUS_NOT_FOUND] = "this token does not hold the lock",
            [LK_STATUS_LIMIT] = "a limit of the cluster is reached",
            [LK_STATUS_OLD] = "the request is older than one that was answered",
            [LK_STATUS_DENIED] = "the cluster does not accept this session",
            [LK_STATUS_WRONG_CLUSTER] = "the nodes belong to another cluster",
            [LK_STATUS_VERSION] = "the nodes use another protocol version",
            [LK_STATUS_INTERRUPTED] = "a signal or lk_interrupt() ended the call",
    };
    return PICK(texts, status);
}

const char *lk_state_text(enum lk_state state)
{
    static const char *const texts[] = {
            [LK_STATE_HELD] = "held",
            [LK_STATE_SUSPENDED] = "suspended",
            [LK_STATE_LOST] = "lost",
    };
    return PICK(texts, state);
}

const char *lk_reason_text(enum lk_reason reason)
{
    static const char *const texts[] = {
            [LK_REASON_NONE] = "no reason",
            [LK_REASON_SILENT] = "no keepalive was acknowledged in time",
            [LK_REASON_EXPIRED] =
                    "the cluster heard no keepalive of the session for its ttl",
            [LK_REASON_CLOSED] = "closed",
            [LK_REASON_UNKNOWN] = "the cluster does not know this session",
            [LK_REASON_ENDED] = "the cluster ended the hold",
            [LK_REASON_REHEARSED] = "lost on purpose, as a test",
            [LK_REASON_WRONG_CLUSTER] = "the nodes belong to another cluster now",
    };
    return PICK(texts, reason);
}

const char *lk_role_text(enum lk_role role)
{
    static const char *const texts[] = {[LK_ROLE_FOLLOWER] = "follower",
            [LK_ROLE_CANDIDATE] = "candidate",
            [LK_ROLE_LEADER] = "leader"};
    return PICK(texts, role);
}

const char *lk_condition_name(enum lk_condition condition)
{
    return condition_describe((uint32_t)condition)->name;
}

const char *lk_condition_text(enum lk_condition condition)
{
    return condition_describe((uint32_t)condition)->sentence;
}

const char *lk_condition_cure(enum lk_condition condition)
{
    return condition_describe((uint32_t)condition)->cure;
}

const char *lk_share_name(enum lk_share_of of)
{
    static const char *const names[] = {
            [LK_SHARE_NONE] = "none",
            [LK_SHARE_SESSIONS] = "sessions",
            [LK_SHARE_HOLDS] = "holds",
            [LK_SHARE_WAITS] = "waits",
            [LK_SHARE_ANSWERS] = "answers",
            [LK_SHARE_NAME_BLOCKS] = "name_blocks",
            [LK_SHARE_CONNECTIONS] = "connections",
    };
    return PICK(names, (uint32_t)of);
}

static const char *limit_text(uint8_t limit)
{
    static const char *const texts[] = {
            [LIMIT_SESSIONS] = "sessions",
            [LIMIT_LOCKS] = "locks",
            [LIMIT_HOLDS] = "held locks",
            [LIMIT_WAITS] = "waiting requests",
            [LIMIT_WAITS_PER_LOCK] = "waiting requests for one lock",
            [LIMIT_NAME_BLOCKS] = "bytes of names",
            [LIMIT_ANSWERS] = "remembered answers",
            [LIMIT_COUNT] = "entries of one owner",
            [LIMIT_SESSION_HOLDS] = "locks of one session",
            [LIMIT_SESSION_WAITS] = "waiting requests of one session",
            [LIMIT_ADDRESS_SESSIONS] = "sessions from one client address",
            [LIMIT_ADDRESS_HOLDS] = "locks held and waited for from one client address",
            [LIMIT_ADDRESS_WAITS] = "waiting requests from one client address",
            [LIMIT_ADDRESS_ANSWERS] = "remembered answers of one client address",
            [LIMIT_ADDRESS_NAME_BLOCKS] = "bytes of names from one client address",
            [LIMIT_LABEL_SESSIONS] = "sessions with one label",
            [LIMIT_LABEL_HOLDS] = "locks held and waited for with one label",
            [LIMIT_LABEL_WAITS] = "waiting requests with one label",
            [LIMIT_LABEL_ANSWERS] = "remembered answers of one label",
            [LIMIT_LABEL_NAME_BLOCKS] = "bytes of names with one label",
            [LIMIT_TOKENS] = "tokens",
    };
    return PICK(texts, limit);
}

static const char *refusal_text(uint64_t why)
{
    static const char *const texts[] = {
            [REFUSED_VERSION] = "uses other protocol versions",
            [REFUSED_CLUSTER] = "belongs to another cluster",
            [REFUSED_MEMBERS] = "took this client for a node",
            [REFUSED_FULL] = "has no room for another connection",
            [REFUSED_NONSENSE] = "could not parse our message",
            [REFUSED_DIRECTORY] = "took this client for a node",
            [REFUSED_TWICE] = "took this client for a node",
            [REFUSED_ID] = "took this client for a node",
            [REFUSED_NODE] = "took this client for a node",
            [REFUSED_TERM] = "took this client for a node",
            [REFUSED_HISTORY] = "took this client for a node",
            [REFUSED_REMOVED] = "took this client for a node",
            [REFUSED_NOT_MEMBER] = "took this client for a node",
            [REFUSED_CROWDED] = "has no room for another connection from this address",
    };
    return PICK(texts, why);
}

/* An errno, or the negative code of getaddrinfo(). */
static const char *error_text(uint64_t number, char *text, size_t bytes)
{
    int error = (int)(int64_t)number;
    if (error == 0)
        return "no answer in time";
    return error < 0 ? gai_strerror(error) : strerror_r(error, text, bytes);
}

static void put_range(char *text, size_t bytes, const char *before, struct versions range)
{
    if (range.least == range.most)
        put_text(text, bytes, "%s%u", before, range.most);
    else
        put_text(text, bytes, "%s%u to %u", before, range.least, range.most);
}

void versions_text(struct versions theirs, char *text, size_t bytes)
{
    char ours[64];
    put_range(ours, sizeof(ours), "", versions_known());
    if (theirs.most == 0) {
        put_text(text, bytes,
                "uses another protocol; this library knows the protocol versions %s", ours);
        return;
    }
    put_range(text, bytes, "knows the protocol versions ", theirs);
    size_t at = strlen(text);
    put_text(text + at, bytes - at, ", and this library %s: update the older one", ours);
}

const char *notice_text(const struct core_notice *notice, char *text, size_t bytes)
{
    char error[128];
    unsigned long long number = notice->number;
    switch (notice->kind) {
    case CORE_NOTICE_CONNECTING:
        put_text(text, bytes, "connecting");
        break;
    case CORE_NOTICE_CONNECT_FAILED:
        put_text(text, bytes, "%s", error_text(notice->number, error, sizeof(error)));
        break;
    case CORE_NOTICE_CLOSED:
        put_text(text, bytes, "closed the connection%s%s", number == 0 ? "" : ": ",
                number == 0 ? "" : error_text(notice->number, error, sizeof(error)));
        break;
    case CORE_NOTICE_LEADER:
        put_text(text, bytes, "leads (node %llu)", number);
        break;
    case CORE_NOTICE_NO_LEADER:
        put_text(text, bytes, "has no leader");
        break;
    case CORE_NOTICE_REDIRECT:
        put_text(text, bytes, "says that node %llu leads", number);
        break;
    case CORE_NOTICE_REFUSED:
        put_text(text, bytes, "%s", refusal_text(notice->number));
        break;
    case CORE_NOTICE_NONSENSE:
        put_text(text, bytes, "sent an answer that cannot be parsed");
        break;
    case CORE_NOTICE_SILENT:
        put_text(text, bytes, "did not answer in time");
        break;
    case CORE_NOTICE_WRONG_CLUSTER:
        put_text(text, bytes, "belongs to another cluster (%016llx)", number);
        break;
    case CORE_NOTICE_VERSION:
        versions_text(
                (struct versions){(uint16_t)(number >> 16), (uint16_t)number}, text, bytes);
        break;
    }
    return text;
}

/* Why this node is of no use; NULL: nothing is known. */
static const char *explain_node(
        const struct lk_client *client, uint32_t node, char *text, size_t bytes)
{
    struct core_notice trouble;
    bool troubled = core_node_trouble(client->core, node, &trouble);
    bool silent = !troubled ||
                  (trouble.kind == CORE_NOTICE_CONNECT_FAILED && trouble.number == 0);
    /* It is not the node that did not answer. */
    if (silent && lookup_is_pending(core_node_at(client->core, node)->address))
        return "no name server has found its address yet";
    return troubled ? notice_text(&trouble, text, bytes) : NULL;
}

/* "no leader found: 10.0.0.1:5625: Connection refused; ..." */
static void explain_search(struct lk_client *client)
{
    char all[EVENT_BYTES] = "no leader found";
    size_t at = strlen(all);
    const char *before = ": ";
    for (uint32_t i = 0; i < core_node_count(client->core); i++) {
        char text[160];
        const char *why = explain_node(client, i, text, sizeof(text));
        if (why == NULL)
            continue;
        put_text(all + at, sizeof(all) - at, "%s%s: %s", before,
                core_node_at(client->core, i)->address, why);
        at = strlen(all);
        before = "; ";
    }
    set_error(all);
}

/* "500ms", "60s"; what is not round to a millisecond keeps its nanoseconds. */
static void put_duration(char *text, size_t bytes, uint64_t ns)
{
    bool whole_s = ns % LK_SECOND == 0;
    bool whole_ms = ns % NS_PER_MS == 0;
    uint64_t unit = whole_s ? LK_SECOND : whole_ms ? NS_PER_MS : 1;
    const char *name = whole_s ? "s" : whole_ms ? "ms" : "ns";
    put_text(text, bytes, "%llu%s", (unsigned long long)(ns / unit), name);
}

/* What the library lets through and the cluster does not: a session's ttl. */
static void explain_invalid(const struct lk_client *client, uint32_t session)
{
    uint64_t min_ns;
    uint64_t max_ns;
    char asked[32];
    char min[32];
    char max[32];
    uint64_t asked_ns = core_session_ttl(client->core, session);
    if (!core_ttl_range(client->core, &min_ns, &max_ns) || asked_ns == 0) {
        fail(LK_STATUS_INVALID, "%s", lk_status_text(LK_STATUS_INVALID));
        return;
    }
    put_duration(asked, sizeof(asked), asked_ns);
    put_duration(min, sizeof(min), min_ns);
    put_duration(max, sizeof(max), max_ns);
    fail(LK_STATUS_INVALID, "ttl_ns is %s: this cluster allows a ttl from %s to %s", asked,
            min, max);
}

static void explain_foreign(const struct lk_client *client)
{
    uint64_t ours;
    uint64_t theirs;
    if (core_is_foreign(client->core, &ours, &theirs))
        fail(LK_STATUS_WRONG_CLUSTER,
                "the nodes belong to cluster %016llx now, and no longer to %016llx: its locks "
                "are gone; open a new client",
                (unsigned long long)theirs, (unsigned long long)ours);
    else
        fail(LK_STATUS_WRONG_CLUSTER, "%s", lk_status_text(LK_STATUS_WRONG_CLUSTER));
}

enum lk_status fail_core(
        struct lk_client *client, uint32_t session, enum status status, uint8_t detail)
{
    uint32_t node;
    enum lk_status said = (enum lk_status)status;
    if (status == STATUS_UNKNOWN && core_leader(client->core, &node))
        fail(said, "no answer from %s in time", core_node_at(client->core, node)->address);
    else if (status == STATUS_UNKNOWN)
        explain_search(client);
    else if (status == STATUS_LIMIT)
        fail(said, "the cluster has reached its limit of %s", limit_text(detail));
    else if (status == STATUS_INVALID)
        explain_invalid(client, session);
    else if (status == STATUS_WRONG_CLUSTER)
        explain_foreign(client);
    else
        fail(said, "%s", lk_status_text(said));
    return said;
}

static enum lk_log_level level_of(enum core_notice_kind kind)
{
    switch (kind) {
    case CORE_NOTICE_CONNECTING:
    case CORE_NOTICE_REDIRECT:
        return LK_LOG_LEVEL_DEBUG;
    case CORE_NOTICE_LEADER:
    case CORE_NOTICE_NO_LEADER:
    case CORE_NOTICE_CONNECT_FAILED:
    case CORE_NOTICE_CLOSED:
        return LK_LOG_LEVEL_INFO;
    case CORE_NOTICE_SILENT:
        return LK_LOG_LEVEL_WARNING;
    case CORE_NOTICE_REFUSED:
    case CORE_NOTICE_VERSION:
    case CORE_NOTICE_NONSENSE:
    case CORE_NOTICE_WRONG_CLUSTER:
        return LK_LOG_LEVEL_ERROR;
    }
    return LK_LOG_LEVEL_DEBUG;
}

void client_log(struct lk_client *client, const struct core_notice *notice)
{
    enum lk_log_level level = level_of(notice->kind);
    if (client->options.on_log == NULL || level > client->options.log_level)
        return;
    char text[160];
    char event[EVENT_BYTES];
    char line[EVENT_BYTES];
    put_text(event, sizeof(event), "%s: %s",
            core_node_at(client->core, notice->node)->address,
            notice_text(notice, text, sizeof(text)));
    text_show(line, sizeof(line), event, strlen(event));
    client->options.on_log(client->options.user, level, line);
}
