#include "ops/config_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "ops/values.h"

#define FIELD(member) \
    .offset = offsetof(struct config, member), .bytes = sizeof(((struct config *)0)->member)

/* Each row: key, argument, help text; kind; field; range. */
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
static const char *const forms[] = {"text", "json", NULL};

/* clang-format off */
static const struct setting table[] = {
    NUMBER("id", "this node's id, one of those in --cluster", node.self, 1, NODE_ID_MAX),
    {"cluster", "LIST", "all members, equal on every node: 1=HOST:PORT,2=...",
        SETTING_CLUSTER, FIELD(node.members)},
    TEXT("data", "DIR", "directory of the log; created if missing", data),
    {"listen", "HOST:PORT",
        "listen on this address instead of this node's entry in --cluster",
        SETTING_ADDRESS, FIELD(listen)},
    {"http", "PORT",
        "serve metrics and probes over HTTP on this port of loopback, or on HOST:PORT",
        SETTING_PORT, FIELD(http)},
    TEXT("config", "FILE", "read settings from this file; flags override it", file),
    TEXT("dev", "DIR", "run a one-node cluster on loopback, to try lockd out", dev),
    SWITCH("check", "validate the settings, try this machine, then exit", check),
    SWITCH("plan", "print what memory and disk this node needs and why, then exit", plan),
    TEXT("restore", "FILE",
        "make a new cluster of this node alone from a backup, in an empty --data; then exit",
        restore),
    TEXT("recover", "DIR",
        "the same from the data directory of a survivor, when a majority is lost", recover),
    NUMBER("only-member", "with --recover: this node's id once more, to confirm",
        only_member, 1, NODE_ID_MAX),
    SWITCH("accept-loss",
        "with --recover: what the survivor does not have is lost, and you know it",
        accept_loss),
    TEXT("inspect", "PATH", "print what a backup or a data directory holds, then exit",
        inspect),
    SWITCH("list-holds", "with --inspect: print each lock that is held, too", list_holds),
    SWITCH("version", "print the version, then exit", version),
    SWITCH("help", "print this help, then exit", help),

    CHOICE("log-level", "LEVEL", "how much to log: error, warn, info or debug", log_level,
        levels),
    CHOICE("log-format", "FORM", "form of the log: text, or json with one object a line",
        log_format, forms),
    NUMBER("connections", "most connections at once, of clients and members",
        node.limits.connections_max, 2 * (uint64_t)MEMBERS_MAX, 65536),
    NUMBER("connection-share",
        "percent of the clients' connections that one address may have",
        node.limits.connection_percent, 1, 100),
    BYTES("segment-size", "size of a log segment", node.wal.segment_bytes, 4 * MIB, 1024 * MIB),
    NUMBER("segments", "most log segments", node.wal.segments_max, 16, 1048576),
    BYTES("log-buffer", "memory for the newest log entries", node.wal.buffer_bytes,
        NODE_LOG_BUFFER_MIN, 8 * MIB - 4 * KIB),
    NUMBER("log-writes", "most log writes in flight", node.wal.writes_max, 1, WAL_WRITES_MAX),
    BYTES("snapshot-log", "take a snapshot after so much log; or twice the last one, if more",
        node.snapshot.log_bytes, 64 * KIB, 1048576 * MIB),
    TIME("snapshot-every", "... or after so much time, if anything has changed",
        node.snapshot.every_ns, NS_PER_S, 30 * DAY),
    BYTES("log-keep", "log kept behind a snapshot; more for slow members: see --plan",
        node.snapshot.keep_bytes, 0, 1048576 * MIB),
    BYTES("snapshot-write-rate", "how much of a snapshot is written per second",
        node.snapshot.write_bytes_per_s, 64 * KIB, 1048576 * MIB),
    BYTES("snapshot-rate", "how much of a snapshot a member is sent per second",
        node.snapshot.send_bytes_per_s, 64 * KIB, 1048576 * MIB),
    NUMBER("snapshot-items", "most items of the state that a snapshot takes in one turn",
        node.snapshot.items, 1, 1048576),
    BYTES("scrub-rate", "how much of log and snapshots is looked at for damage per second; 0: nothing",
        node.scrub_bytes_per_s, 0, 1024 * MIB),
    TIME("scrub-every", "... and how often all of it, at most", node.scrub_every_ns, NS_PER_S,
        366 * DAY),
    CHOICE("write", "METHOD", "how log writes become durable: dsync or fsync", write, writes),
    TEXT("congestion", "NAME", "TCP congestion control between members", congestion),
    TIME("heartbeat", "heartbeat interval", node.raft.heartbeat_ns, NS_PER_MS, 60 * NS_PER_S),
    TIME("election-min", "lower end of the election timeout", node.raft.election_min_ns,
        5 * NS_PER_MS, 600 * NS_PER_S),
    TIME("election-max", "upper end of the election timeout", node.raft.election_max_ns,
        5 * NS_PER_MS, 600 * NS_PER_S),
    NUMBER("priority", "0: this node leads only if no other member can", node.priority, 0, 1),
    TIME("tick", "how often keepalives go into the log", node.tick_ns, 10 * NS_PER_MS,
        10 * NS_PER_S),
    TIME("auto-replace", "replace a lost member that was silent so long; 0s: never",
        node.auto_replace_ns, 0, 366 * DAY),

    TIME("max-ttl", "longest ttl of a session", node.cluster.max_ttl_ns, NS_PER_S, DAY),
    TIME("min-ttl", "shortest ttl of a session", node.cluster.min_ttl_ns, NS_PER_MS, DAY),
    TIME("term-grace", "how far a new leader extends sessions", node.cluster.term_grace_ns,
        0, DAY),
    TIME("upgrade-after", "use a new version when all members have known it so long; 0s: never",
        node.cluster.upgrade_after_ns, 0, 366 * DAY),
    CAPACITY("work", "most expiries and ended waits per log entry", work_max),
    CAPACITY("sessions", "most open sessions", sessions_max),
    CAPACITY("locks", "most locks in use", locks_max),
    CAPACITY("holds", "most holds", holds_max),
    CAPACITY("waits", "most waiting requests", waits_max),
    CAPACITY("waits-per-lock", "most waiting requests per lock", waits_per_lock_max),
    CAPACITY("answers", "most remembered answers", answers_max),
    CAPACITY("changes", "most changes not yet confirmed by clients", changes_max),
    CAPACITY("changes-per-session", "the same, per session", changes_per_session_max),
    CAPACITY("name-blocks", "most memory blocks for names and labels", name_blocks_max),
    CAPACITY("holds-per-session", "most locks held and waited for per session",
        holds_per_session_max),
    CAPACITY("waits-per-session", "most waiting requests per session",
        waits_per_session_max),
    NUMBER("address-share",
        "percent of sessions, locks, waits that one client address may have",
        node.cluster.address_percent, 1, 100),
    NUMBER("label-share", "the same for all sessions with one label",
        node.cluster.label_percent, 1, 100),
    CAPACITY("reentries", "most times an owner may enter one lock", count_max),
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
    static const char *const once[] = {
            "config", "dev", "restore", "recover", "only-member", "inspect"};
    bool lasts = setting->kind != SETTING_SWITCH;
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
        lasts = lasts && strcmp(setting->key, once[i]) != 0;
    return lasts;
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
        return "a size like 64MiB,";
    return setting->kind == SETTING_DURATION ? "a time like 250ms or 2s," : "a number";
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

static bool is_number(const char *text)
{
    return text[0] != 0 && text[strspn(text, "0123456789")] == 0;
}

static bool set_port(struct config *config, const struct setting *setting,
        const char *value, char *allowed)
{
    char text[ADDRESS_TEXT_BYTES];
    if (!is_number(value))
        return set_address(config, setting, value, allowed);
    (void)snprintf(text, sizeof text, "127.0.0.1:%s", value);
    return set_address(config, setting, text, allowed);
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
    case SETTING_PORT:
        return set_port(config, setting, value, allowed);
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
    case SETTING_PORT:
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
