/* A lock state with its memory, driven entry by entry. */
#ifndef TESTS_WORLDS_LOCKS_WORLD_H
#define TESTS_WORLDS_LOCKS_WORLD_H

#include <cstring>
#include <string>
#include <vector>

#include "base/units.h"
#include "locks/locks.h"
#include "worlds/carved.h"

inline struct span span_of(const std::string &text)
{
    return {reinterpret_cast<const unsigned char *>(text.data()),
            static_cast<uint32_t>(text.size())};
}

inline std::string text_of(struct span span)
{
    return std::string(span.bytes, span.bytes + span.count);
}

/* Small enough that a few dozen requests meet every limit. */
inline struct cluster_settings small_settings()
{
    struct cluster_settings settings = settings_default();
    settings.min_ttl_ns = 10;
    settings.max_ttl_ns = 1000;
    settings.term_grace_ns = 50;
    settings.work_max = 100;
    settings.sessions_max = 16;
    settings.locks_max = 16;
    settings.holds_max = 16;
    settings.waits_max = 32;
    settings.waits_per_lock_max = 32;
    settings.answers_max = 4096;
    settings.changes_max = 256;
    settings.changes_per_session_max = 64;
    settings.name_blocks_max = 64;
    settings.count_max = 3;
    return settings;
}

/* A request, with the text of its name. */
struct asked {
    uint64_t session = 0;
    uint8_t kind = 0;
    uint8_t flags = 0;
    uint64_t number = 0;
    uint64_t target = 0;
    uint64_t owner = 0;
    uint64_t wait_ns = 0;
    std::string name;
    uint64_t answered = 0;
    uint64_t confirmed = 0;
    unsigned char secret = 0;
    unsigned char address = 0; /* Of an OPEN; 0: not known */
};

inline struct command command_of(const asked &asked)
{
    struct command command = {};
    command.section.session = asked.session;
    command.section.answered = asked.answered;
    command.section.confirmed = asked.confirmed;
    command.section.count = 1;
    memset(command.section.secret, asked.secret, SECRET_BYTES);
    command.address[CLIENT_ADDRESS_BYTES - 1] = asked.address;
    command.request.kind = asked.kind;
    command.request.flags = asked.flags;
    command.request.number = asked.number;
    command.request.target = asked.target;
    command.request.owner = asked.owner;
    command.request.wait_ns = asked.wait_ns;
    command.request.name = span_of(asked.name);
    return command;
}

class locks_world {
public:
    explicit locks_world(
            const struct cluster_settings &settings, const struct cluster_settings &plan)
            : memory(bytes_of(plan))
    {
        locks = locks_carve(&memory.arena, &plan);
        locks_init(locks, &settings);
    }

    explicit locks_world(const struct cluster_settings &settings = small_settings())
            : locks_world(settings, settings)
    {
    }

    /*
     * One whole entry: keepalives of the listed sessions and of the commands', then all
     * else.
     */
    std::vector<struct locks_outcome> entry(uint64_t dt, const std::vector<asked> &commands,
            const std::vector<struct keepalive> &keepalives = {},
            enum entry_kind kind = ENTRY_BATCH)
    {
        locks_begin(locks, locks_index(locks) + 1, kind, dt);
        for (const struct keepalive &keepalive : keepalives)
            locks_renew(locks, &keepalive);
        for (const asked &each : commands) {
            struct command command = command_of(each);
            locks_renew_by(locks, &command.section);
        }
        locks_due(locks);
        std::vector<struct locks_outcome> outcomes;
        for (const asked &each : commands) {
            struct command command = command_of(each);
            struct locks_outcome outcome;
            locks_apply(locks, &command, &outcome);
            outcomes.push_back(outcome);
        }
        locks_end(locks);
        if (checked)
            locks_check(locks);
        return outcomes;
    }

    /* One command in an entry of its own, in which no time passes. */
    struct locks_outcome apply(const asked &asked)
    {
        return entry(0, {asked}).at(0);
    }

    void pass(uint64_t dt, const std::vector<struct keepalive> &keepalives = {})
    {
        entry(dt, {}, keepalives);
    }

    void term_start()
    {
        entry(0, {}, {}, ENTRY_TERM_START);
    }

    uint64_t open(uint64_t ttl, const std::string &label = "", unsigned char address = 0)
    {
        return open_answered(ttl, label, address).session;
    }

    struct locks_outcome open_answered(
            uint64_t ttl, const std::string &label, unsigned char address)
    {
        asked asked;
        asked.kind = REQUEST_OPEN;
        asked.wait_ns = ttl;
        asked.name = label;
        asked.address = address;
        return apply(asked);
    }

    struct lock_view view(const std::string &name) const
    {
        struct lock_view view;
        locks_view(locks, span_of(name), &view, scratch);
        return view;
    }

    std::vector<struct change> changes(
            uint64_t session, uint64_t after = 0, bool *listed = nullptr) const
    {
        std::vector<struct change> changes(1000);
        struct changes_from from = {after, 0, 0, false};
        uint32_t count = locks_changes(locks, session, &from, changes.data(),
                static_cast<uint32_t>(changes.size()));
        changes.resize(count);
        if (listed != nullptr)
            *listed = from.listed;
        return changes;
    }

    bool lives(uint64_t session) const
    {
        struct session_view view;
        return locks_session(locks, session, &view);
    }

    struct locks *locks;
    bool checked = true; /* locks_check() after each entry */

private:
    static size_t bytes_of(const struct cluster_settings &plan)
    {
        struct arena arena;
        arena_init(&arena, nullptr, 0);
        locks_carve(&arena, &plan);
        return arena_used_bytes(&arena);
    }

    carved memory;
    mutable unsigned char scratch[NAME_BYTES_MAX + LABEL_BYTES_MAX];
};

/* What one session asks, with numbers that count up by themselves. */
class locks_client {
public:
    locks_client(locks_world &its_world, uint64_t ttl, const std::string &label = "",
            unsigned char address = 0)
            : world(its_world), id(its_world.open(ttl, label, address))
    {
    }

    asked acquire_of(
            const std::string &name, uint64_t wait, uint64_t owner = 0, uint8_t flags = 0)
    {
        asked asked = request_of(REQUEST_ACQUIRE);
        asked.name = name;
        asked.wait_ns = wait;
        asked.owner = owner;
        asked.flags = flags;
        return asked;
    }

    asked release_of(const std::string &name, uint64_t token, uint8_t flags = 0)
    {
        asked asked = request_of(REQUEST_RELEASE);
        asked.name = name;
        asked.target = token;
        asked.flags = flags;
        return asked;
    }

    asked cancel_of(uint64_t target)
    {
        asked asked = request_of(REQUEST_CANCEL);
        asked.target = target;
        return asked;
    }

    asked close_of()
    {
        return request_of(REQUEST_CLOSE);
    }

    struct answer acquire(const std::string &name, uint64_t wait = 0, uint64_t owner = 0,
            uint8_t flags = 0)
    {
        return world.apply(acquire_of(name, wait, owner, flags)).answer;
    }

    struct answer release(const std::string &name, uint64_t token, uint8_t flags = 0)
    {
        return world.apply(release_of(name, token, flags)).answer;
    }

    struct answer cancel(uint64_t target)
    {
        return world.apply(cancel_of(target)).answer;
    }

    struct answer close()
    {
        return world.apply(close_of()).answer;
    }

    struct keepalive keepalive() const
    {
        return {id, confirmed, answered, 0};
    }

    locks_world &world;
    uint64_t id;
    uint64_t number = 0;
    uint64_t answered = 0;
    uint64_t confirmed = 0;

private:
    asked request_of(uint8_t kind)
    {
        asked asked;
        asked.session = id;
        asked.kind = kind;
        asked.number = ++number;
        asked.answered = answered;
        asked.confirmed = confirmed;
        return asked;
    }
};

#endif
