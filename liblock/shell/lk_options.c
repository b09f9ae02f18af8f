/*
 * What a client is opened with: structs of callers built against another version, and the
 * range of every number. A refusal names the option, its value, and what is allowed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "lk_internal.h"

enum {
    SESSIONS_MAX = 4000000,
    REQUESTS_MAX = 2000000,
    HOLDS_MAX = 16000000,
};

#define TTL_MIN_NS         (LK_SECOND / 10)
#define TTL_MAX_NS         (86400 * LK_SECOND)
#define TTL_RANGE          "100 ms to 24 h"
/* More is as good as without limit, and sums of these stay in range. */
#define LONGEST_CONNECT_NS (3600 * LK_SECOND)
#define LONGEST_GRACE_NS   (UINT64_MAX / 4)
#define ALL_FLAGS          (LK_FLAG_EXTERNAL_LOOP | LK_FLAG_NO_SESSION | LK_FLAG_INTERRUPTIBLE)

/* ---- Structs of another version ---- */

/* What the caller does not know keeps its default, and what we do not know must be unused. */
bool take_struct(void *ours, size_t our_bytes, const void *given)
{
    size_t bytes;
    memcpy(&bytes, given, sizeof(bytes));
    if (bytes < sizeof(bytes))
        return false;
    for (size_t i = our_bytes; i < bytes; i++) {
        if (((const unsigned char *)given)[i] != 0)
            return false;
    }
    memcpy(ours, given, u64_min(bytes, our_bytes));
    return true;
}

/* ---- Ranges ---- */

struct range {
    const char *name;
    uint64_t value;
    uint64_t min;
    uint64_t max;
    const char *allowed; /* For people */
};

static enum lk_status check_ranges(
        const char *where, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct range *range = &ranges[i];
        if (range->value < range->min || range->value > range->max)
            return fail(LK_STATUS_INVALID, "%s: %s is %llu; it must be %s", where,
                    range->name, (unsigned long long)range->value, range->allowed);
    }
    return LK_OK;
}

#define CHECK_RANGES(where, ranges) \
    check_ranges((where), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

static enum lk_status check_label(const char *where, const char *label)
{
    if (label == NULL || strnlen(label, LK_LABEL_MAX + 1) <= LK_LABEL_MAX)
        return LK_OK;
    return fail(LK_STATUS_INVALID, "%s: label has %zu bytes; it must have at most %d",
            where, strlen(label), LK_LABEL_MAX);
}

static enum lk_status check_options(const struct lk_options *options)
{
    const struct range ranges[] = {
            {"sessions_max", options->sessions_max, 1, SESSIONS_MAX, "from 1 to 4000000"},
            {"requests_max", options->requests_max, 1, REQUESTS_MAX, "from 1 to 2000000"},
            {"holds_max", options->holds_max, 1, HOLDS_MAX, "from 1 to 16000000"},
            {"ttl_ns", options->ttl_ns, TTL_MIN_NS, TTL_MAX_NS, "from " TTL_RANGE},
            {"min_usable_ns", options->min_usable_ns, 0, options->ttl_ns / 2,
                    "at most half of ttl_ns"},
            {"answer_wait_ns", options->answer_wait_ns, LK_MILLISECOND, LK_FOREVER,
                    "at least 1 ms"},
            {"connect_wait_ns", options->connect_wait_ns, LK_MILLISECOND, LK_FOREVER,
                    "at least 1 ms"},
            {"log_level", options->log_level, LK_LOG_LEVEL_ERROR, LK_LOG_LEVEL_DEBUG,
                    "an enum lk_log_level"},
    };
    uint32_t unknown = options->flags & ~(uint32_t)ALL_FLAGS;
    if (unknown != 0)
        return fail(LK_STATUS_INVALID, "options: flags is %#x; %#x is not an enum lk_flag",
                options->flags, unknown);
    enum lk_status status = CHECK_RANGES("options", ranges);
    return status != LK_OK ? status : check_label("options", options->label);
}

enum lk_status take_options(const struct lk_options *given, struct lk_options *options)
{
    *options = (struct lk_options)LK_OPTIONS_INIT;
    if (given == NULL || !take_struct(options, sizeof(*options), given))
        return fail(LK_STATUS_INVALID,
                "options: initialize them with LK_OPTIONS_INIT; size is %zu, or a member "
                "that this version does not know is set",
                given == NULL ? (size_t)0 : given->size);
    return check_options(options);
}

enum lk_status take_session_options(
        const struct lk_session_options *given, struct lk_session_options *options)
{
    *options = (struct lk_session_options)LK_SESSION_OPTIONS_INIT;
    if (given != NULL && !take_struct(options, sizeof(*options), given))
        return fail(LK_STATUS_INVALID,
                "session options: initialize them with LK_SESSION_OPTIONS_INIT; size is %zu, "
                "or a member that this version does not know is set",
                given->size);
    const struct range ranges[] = {
            {"ttl_ns", options->ttl_ns == 0 ? TTL_MIN_NS : options->ttl_ns, TTL_MIN_NS,
                    TTL_MAX_NS, "0 or from " TTL_RANGE},
    };
    enum lk_status status = CHECK_RANGES("session options", ranges);
    return status != LK_OK ? status : check_label("session options", options->label);
}

/* ---- The core's settings ---- */

static enum lk_status take_nodes(const char *nodes, struct core_settings *settings)
{
    const char *from = "options: nodes";
    if (nodes == NULL) {
        nodes = getenv("LOCKD_CLUSTER");
        from = "LOCKD_CLUSTER";
    }
    if (nodes == NULL || nodes[0] == '\0')
        return fail(LK_STATUS_INVALID,
                "no nodes given; set them in the options or in LOCKD_CLUSTER");
    struct span bad;
    const char *why = "";
    if (!nodes_parse(nodes, settings, &bad, &why))
        return fail(LK_STATUS_INVALID, "%s: \"%.*s\" is not [ID=]HOST[:PORT]: %s", from,
                (int)u64_min(bad.count, EVENT_BYTES / 2), (const char *)bad.bytes, why);
    return LK_OK;
}

enum lk_status settings_of(const struct lk_options *options, struct core_settings *settings)
{
    core_settings_default(settings);
    settings->sessions_max = options->sessions_max;
    settings->requests_max = options->requests_max;
    settings->holds_max = options->holds_max;
    settings->grace_ns = u64_min(options->grace_ns, LONGEST_GRACE_NS);
    settings->min_usable_ns = options->min_usable_ns;
    settings->connect_wait_ns = u64_min(options->connect_wait_ns, LONGEST_CONNECT_NS);
    return take_nodes(options->nodes, settings);
}
