#include "ops/config_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "ops/values.h"

#define FIELD(member) \
    .offset = offsetof(struct config, member), .bytes = sizeof(((struct config *)0)->member)

/* One line a row: key, argument, what it is for; kind; where it goes; its range. */
#define SWITCH(name, does, member)                      \
    {                                                   \
        name, NULL, does, SETTING_SWITCH, FIELD(member) \
    }
#define TEXT(name, shown, does, member)                \
    {                                                  \
        name, shown, does, SETTING_TEXT, FIELD(member) \
    }
#define CHOICE(name, shown, does, member, words)                             \
    {                                                                        \
        name, shown, does, SETTING_CHOICE, FIELD(member), .choices = (words) \
    }
#define RANGE(name, shown, does, sort, member, from, to)                        \
    {                                                                           \
        name, shown, does, (sort), FIELD(member), .least = (from), .most = (to) \
    }
#define NUMBER(name, does, member, from, to) \
    RANGE(name, "N", does, SETTING_NUMBER, member, from, to)
#define BYTES(name, does, member, from, to) \
    RANGE(name, "SIZE", does, SETTING_BYTES, member, from, to)
#define TIME(name, does, member, from, to) \
    RANGE(name, "TIME", does, SETTING_DURATION, member, from, to)
#define CAPACITY(name, does, member) \
    NUMBER(name, does, node.cluster.member, 1, CAPACITY_MAX)
#define DAY (UINT64_C(24) * 3600 * NS_PER_S)

static const char *const writes[] = {"dsync", "fsync", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

/* clang-format off */
static const struct setting table[] = {
    NUMBER("id", "this node's id, one of the list", node.self, 1, NODE_ID_MAX),
    {"cluster", "LIST", "all members, the same list on each: 1=HOST:PORT,2=HOST:PORT,...",
        SETTING_CLUSTER, FIELD(node.members)},
    TEXT("data", "DIR", "where the log is kept; created if missing", data),
    {"listen", "HOST:PORT", "listen there instead of on the own address of the list",
        SETTING_ADDRESS, FIELD(listen)},
    TEXT("config", "FILE", "read settings from this file too; flags go before it", file),
    TEXT("dev", "DIR", "a one-node cluster on loopback, to try things out", dev),
    SWITCH("check", "judge flags and file, start nothing", check),
    SWITCH("plan", "print the memory plan, start nothing", plan),
    SWITCH("version", "print the version", version),
    SWITCH("help", "print this", help),

    CHOICE("log-level", "LEVEL", "what is said: error, warn, info or debug", log_level, levels),
    NUMBER("connections", "connections at once, clients and members",
        node.limits.connections_max, 2 * (uint64_t)MEMBERS_MAX, 65536),
    BYTES("segment-size", "a file of the log", node.wal.segment_bytes, 4 * MIB, 1024 * MIB),
    NUMBER("segments", "files of the log at most", node.wal.segments_max, 16, 1048576),
    BYTES("log-buffer", "memory for the log's newest entries", node.wal.buffer_bytes,
        NODE_LOG_BUFFER_MIN, 8 * MIB - 4 * KIB),
    NUMBER("log-writes", "writes to the log in flight", node.wal.writes_max, 1, WAL_WRITES_MAX),
    CHOICE("write", "METHOD", "how the log becomes durable: dsync or fsync", write, writes),
    TEXT("congestion", "NAME", "TCP congestion control between members; auto: reno on loopback",
        congestion),
    TIME("heartbeat", "how often a leader is heard", node.raft.heartbeat_ns,
        NS_PER_MS, 60 * NS_PER_S),
    TIME("election-min", "silence after which a member may stand for election",
        node.raft.election_min_ns, 5 * NS_PER_MS, 600 * NS_PER_S),
    TIME("election-max", "silence after which it does", node.raft.election_max_ns,
        5 * NS_PER_MS, 600 * NS_PER_S),
    TIME("tick", "how often renewals go into the log", node.tick_ns, 10 * NS_PER_MS,
        10 * NS_PER_S),

    TIME("max-ttl", "longest ttl of a session *", node.cluster.max_ttl_ns, NS_PER_S, DAY),
    TIME("min-ttl", "shortest ttl of a session *", node.cluster.min_ttl_ns, NS_PER_MS, DAY),
    TIME("term-grace", "how far a new leader lifts deadlines *", node.cluster.term_grace_ns,
        0, DAY),
    CAPACITY("work", "expiries and ends of waits in one entry *", work_max),
    CAPACITY("sessions", "sessions *", sessions_max),
    CAPACITY("locks", "locks in use *", locks_max),
    CAPACITY("holds", "holds *", holds_max),
    CAPACITY("waits", "waits *", waits_max),
    CAPACITY("waits-per-lock", "waits for one lock *", waits_per_lock_max),
    CAPACITY("answers", "answers remembered, of all sessions *", answers_max),
    CAPACITY("changes", "changes that clients have not confirmed *", changes_max),
    CAPACITY("changes-per-session", "the same, of one session *", changes_per_session_max),
    CAPACITY("name-blocks", "blocks of memory for names and labels *", name_blocks_max),
    CAPACITY("reentries", "times that an owner may enter one lock *", count_max),
};
/* clang-format on */

enum {
    TABLE_COUNT = sizeof table / sizeof table[0]
};
static_assert(
        TABLE_COUNT <= (int)CONFIG_SETTINGS_MAX, "struct config has room for all rows");

const struct setting *config_table(size_t *count)
{
    *count = TABLE_COUNT;
    return table;
}

size_t config_find(const char *key)
{
    size_t row = 0;
    while (row < TABLE_COUNT && strcmp(table[row].key, key) != 0)
        row++;
    return row;
}

bool config_in_file(const struct setting *setting)
{
    return setting->kind != SETTING_SWITCH && strcmp(setting->key, "config") != 0 &&
           strcmp(setting->key, "dev") != 0;
}

/* ---- Numbers of any width ---- */

static void store(struct config *config, const struct setting *setting, uint64_t value)
{
    void *field = (char *)config + setting->offset;
    if (setting->bytes == 1)
        *(uint8_t *)field = (uint8_t)value;
    else if (setting->bytes == 4)
        *(uint32_t *)field = (uint32_t)value;
    else
        *(uint64_t *)field = value;
}

static uint64_t load(const struct config *config, const struct setting *setting)
{
    const void *field = (const char *)config + setting->offset;
    if (setting->bytes == 1)
        return *(const uint8_t *)field;
    if (setting->bytes == 4)
        return *(const uint32_t *)field;
    return *(const uint64_t *)field;
}

static void write_value(const struct setting *setting, uint64_t value, char *text)
{
    if (setting->kind == SETTING_BYTES)
        (void)value_bytes_text(value, text);
    else if (setting->kind == SETTING_DURATION)
        (void)value_duration_text(value, text);
    else
        (void)snprintf(text, VALUE_TEXT_BYTES, "%llu", (unsigned long long)value);
}

static bool read_value(const struct setting *setting, const char *text, uint64_t *value)
{
    if (setting->kind == SETTING_BYTES)
        return value_bytes(text, value);
    if (setting->kind == SETTING_DURATION)
        return value_duration(text, value);
    return value_number(text, value);
}

static const char *name_kind(const struct setting *setting)
{
    if (setting->kind == SETTING_BYTES)
        return "a size, as 64MiB,";
    return setting->kind == SETTING_DURATION ? "a time, as 250ms or 2s," : "a number";
}

static bool set_number(struct config *config, const struct setting *setting,
        const char *value, char *allowed)
{
    uint64_t number = 0;
    if (read_value(setting, value, &number) && number >= setting->least &&
            number <= setting->most) {
        store(config, setting, number);
        return true;
    }
    char least[VALUE_TEXT_BYTES];
    char most[VALUE_TEXT_BYTES];
    write_value(setting, setting->least, least);
    write_value(setting, setting->most, most);
    (void)snprintf(allowed, CONFIG_ERROR_BYTES, "must be %s from %s to %s",
            name_kind(setting), least, most);
    return false;
}

/* ---- Other kinds ---- */

static bool set_text(struct config *config, const struct setting *setting,
        const char *value, char *allowed)
{
    size_t length = strlen(value);
    if (length > 0 && length < setting->bytes) {
        memcpy((char *)config + setting->offset, value, length + 1);
        return true;
    }
    (void)snprintf(allowed, CONFIG_ERROR_BYTES, "must have 1 to %zu characters",
            setting->bytes - 1);
    return false;
}

static bool set_choice(struct config *config, const struct setting *setting,
        const char *value, char *allowed)
{
    int length = snprintf(allowed, CONFIG_ERROR_BYTES, "must be one of");
    for (uint32_t i = 0; setting->choices[i] != NULL; i++) {
        if (strcmp(setting->choices[i], value) == 0) {
            store(config, setting, i);
            return true;
        }
        length += snprintf(allowed + length, CONFIG_ERROR_BYTES - (size_t)length, " %s",
                setting->choices[i]);
    }
    return false;
}

static bool set_address(struct config *config, const struct setting *setting,
        const char *value, char *allowed)
{
    const char *why;
    void *field = (char *)config + setting->offset;
    struct address *address = field;
    if (address_parse(value, strlen(value), address, &why))
        return true;
    (void)snprintf(
            allowed, CONFIG_ERROR_BYTES, "must be HOST:PORT or [IPV6]:PORT; %s", why);
    return false;
}

static void set_switch(struct config *config, const struct setting *setting)
{
    void *field = (char *)config + setting->offset;
    *(bool *)field = true;
}

bool config_set(struct config *config, const struct setting *setting, const char *value,
        char *allowed)
{
    switch (setting->kind) {
    case SETTING_SWITCH:
        set_switch(config, setting);
        return true;
    case SETTING_TEXT:
        return set_text(config, setting, value, allowed);
    case SETTING_NUMBER:
    case SETTING_BYTES:
    case SETTING_DURATION:
        return set_number(config, setting, value, allowed);
    case SETTING_CHOICE:
        return set_choice(config, setting, value, allowed);
    case SETTING_CLUSTER:
        return config_set_cluster(config, value, allowed);
    case SETTING_ADDRESS:
        return set_address(config, setting, value, allowed);
    }
    return false;
}

void config_show(const struct config *config, const struct setting *setting, char *text)
{
    text[0] = 0;
    switch (setting->kind) {
    case SETTING_SWITCH:
    case SETTING_CLUSTER:
    case SETTING_ADDRESS:
        break;
    case SETTING_TEXT:
        (void)snprintf(
                text, ADDRESS_TEXT_BYTES, "%s", (const char *)config + setting->offset);
        break;
    case SETTING_NUMBER:
    case SETTING_BYTES:
    case SETTING_DURATION:
        if (load(config, setting) != 0)
            write_value(setting, load(config, setting), text);
        break;
    case SETTING_CHOICE:
        (void)snprintf(
                text, ADDRESS_TEXT_BYTES, "%s", setting->choices[load(config, setting)]);
        break;
    }
}
