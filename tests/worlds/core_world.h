/* A client's core between a program and a cluster that the test plays, in virtual time. */
#ifndef TESTS_WORLDS_CORE_WORLD_H
#define TESTS_WORLDS_CORE_WORLD_H

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/mark.h"
#include "base/units.h"
#include "core/core.h"
#include "protocol/answer.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/read.h"
#include "worlds/carved.h"

/* A request as the cluster sees it. */
struct heard {
    uint64_t session = 0;
    std::string secret;
    uint64_t answered = 0;
    uint64_t confirmed = 0;
    struct request request = {};
    std::string name;
    unsigned connection = 0;
    uint32_t node = 0;
};

struct reading {
    struct read read = {};
    std::string name;
};

/* Sections of one FRAME_ANSWERS, written down as a test says them. */
class answers {
public:
    answers &section(uint64_t session, uint64_t applied, uint64_t deadline,
            uint64_t change = 0, bool listed = false)
    {
        sections.push_back({});
        sections.back().head.session = session;
        sections.back().head.applied = applied;
        sections.back().head.deadline = deadline;
        sections.back().head.change = change;
        sections.back().head.listed = listed;
        return *this;
    }

    /* The list in this section continues in the next. */
    answers &more()
    {
        sections.back().head.more = true;
        return *this;
    }

    answers &answer(uint8_t kind, uint64_t number, uint8_t status, uint64_t token = 0,
            uint8_t detail = 0)
    {
        struct answer one = {};
        one.kind = kind;
        one.number = number;
        one.status = status;
        one.token = token;
        one.detail = detail;
        one.count = token != 0 ? 1 : 0;
        sections.back().answers.push_back(one);
        return *this;
    }

    answers &change(uint8_t kind, uint64_t change, uint64_t number, uint64_t token,
            uint8_t status = STATUS_OK)
    {
        struct change one = {};
        one.kind = kind;
        one.change = change;
        one.number = number;
        one.token = token;
        one.status = status;
        sections.back().changes.push_back(one);
        return *this;
    }

    std::vector<unsigned char> body()
    {
        std::vector<unsigned char> bytes(FRAME_CLIENT_BODY_MAX);
        struct wire wire = wire_writer(bytes.data(), bytes.size());
        for (auto &section : sections) {
            section.head.answer_count = static_cast<uint16_t>(section.answers.size());
            section.head.change_count = static_cast<uint16_t>(section.changes.size());
            wire_answer_section(&wire, &section.head);
            for (auto &answer : section.answers)
                wire_answer(&wire, &answer);
            for (auto &change : section.changes)
                wire_change(&wire, &change);
        }
        EXPECT_FALSE(wire.failed) << "the test says what no server can";
        bytes.resize(wire.at);
        return bytes;
    }

private:
    struct part {
        struct answer_section head = {};
        std::vector<struct answer> answers;
        std::vector<struct change> changes;
    };
    std::vector<part> sections;
};

class core_world {
public:
    explicit core_world(uint32_t nodes = 3, void (*adjust)(core_settings *) = nullptr)
    {
        core_settings_default(&settings);
        settings.sessions_max = 64;
        settings.requests_max = 2048;
        settings.holds_max = 4096;
        settings.node_count = nodes;
        for (uint32_t i = 0; i < nodes; i++)
            snprintf(settings.nodes[i].address, sizeof settings.nodes[i].address,
                    "node%u:5625", i + 1);
        if (adjust != nullptr)
            adjust(&settings);
        struct arena measure;
        arena_init(&measure, nullptr, 0);
        core_carve(&measure, &settings);
        memory = std::make_unique<carved>(arena_used_bytes(&measure) + 4096);
        core = core_carve(&memory->arena, &settings);
        core_init(core, &settings, 7);
        frame_reader_init(&reader, reader_buffer.data(), reader_buffer.size());
    }

    /* ---- Time and steps ---- */

    void step(core_event happened)
    {
        happened.now = now;
        struct core_effects effects;
        core_step(core, &happened, &effects);
        core_check(core);
        if (effects.close)
            connected = connecting = false;
        if (effects.connect) {
            EXPECT_FALSE(connected || connecting) << "one connection at a time";
            connecting = true;
            connections++;
            node = effects.node_number;
            address = effects.node->address;
            frame_reader_init(&reader, reader_buffer.data(), reader_buffer.size());
        }
        deadline = effects.deadline_ns;
        fetch();
        if (connected && effects.send_bytes > 0)
            take(effects);
    }

    void tick()
    {
        step(event(CORE_TIME));
    }

    /* Let time pass, stepping at each deadline, as a shell does. */
    void pass(uint64_t ns)
    {
        uint64_t end = now.boot_ns + ns;
        while (deadline <= end) {
            uint64_t jump = deadline > now.boot_ns ? deadline - now.boot_ns : 0;
            now.boot_ns += jump;
            now.raw_ns += jump;
            uint64_t before = deadline;
            tick();
            if (deadline == before && jump == 0)
                break;
        }
        now.raw_ns += end - now.boot_ns;
        now.boot_ns = end;
        tick();
    }

    /* ---- The cluster's side ---- */

    void connect_succeeds()
    {
        ASSERT_TRUE(connecting);
        connecting = false;
        connected = true;
        core_event connect = event(CORE_CONNECTED);
        for (auto &byte : connect.random)
            byte = static_cast<unsigned char>(++random_byte);
        step(connect);
    }

    void connect_fails(int error = 111)
    {
        ASSERT_TRUE(connecting);
        connecting = false;
        step(event(CORE_CONNECT_FAILED, error));
    }

    void node_closes()
    {
        ASSERT_TRUE(connected);
        connected = false;
        step(event(CORE_CLOSED, 104));
    }

    void say(enum frame_kind kind, const std::vector<unsigned char> &body)
    {
        std::vector<unsigned char> frame(FRAME_HEAD_BYTES + body.size());
        if (!body.empty())
            memcpy(frame.data() + FRAME_HEAD_BYTES, body.data(), body.size());
        frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
        step(event(CORE_RECEIVED, 0, frame.data(), frame.size()));
    }

    void say(answers &said)
    {
        say(FRAME_ANSWERS, said.body());
    }

    void say_welcome(uint8_t self, uint8_t leader, const char *leader_address = "",
            uint64_t cluster = 77)
    {
        struct welcome said = {};
        said.node = self;
        said.leader = leader;
        said.cluster = cluster;
        said.term = 1;
        said.leader_address = span_of(leader_address);
        said.ttl_min_ns = NS_PER_S;
        said.ttl_max_ns = 60 * NS_PER_S;
        said.versions = versions_known();
        say(FRAME_WELCOME, lay_out(wire_welcome, &said));
    }

    void push_leader(uint8_t id, const char *leader_address = "")
    {
        struct leader leader = {};
        leader.leader = id;
        leader.term = 2;
        leader.address = span_of(leader_address);
        say(FRAME_LEADER, lay_out(wire_leader, &leader));
    }

    /* From anywhere to a connection with a node that leads. */
    void reach_leader()
    {
        while (!connecting)
            pass(10 * NS_PER_MS);
        connect_succeeds();
        say_welcome(static_cast<uint8_t>(node + 1), static_cast<uint8_t>(node + 1));
        ASSERT_TRUE(connected);
    }

    /* A session of this id, opened at cluster time `time`, with `ttl`. */
    uint32_t open(uint64_t id, uint64_t time, uint64_t ttl = 10 * NS_PER_S)
    {
        uint32_t session = ask_open(ttl);
        tick();
        heard opening = take_request(REQUEST_OPEN);
        say(answers().section(id, time, time + ttl)
                        .answer(REQUEST_OPEN, opening.request.number, STATUS_OK));
        EXPECT_EQ(take_completion().status, STATUS_OK);
        return session;
    }

    heard take_request(uint8_t kind)
    {
        for (auto at = inbox.begin(); at != inbox.end(); ++at) {
            if (at->request.kind != kind)
                continue;
            heard found = *at;
            inbox.erase(at);
            return found;
        }
        ADD_FAILURE() << "no request of kind " << int(kind) << " was sent";
        return {};
    }

    size_t count_requests(uint8_t kind) const
    {
        size_t count = 0;
        for (auto &one : inbox)
            count += one.request.kind == kind;
        return count;
    }

    /* ---- The program's side ---- */

    core_call call(enum core_call_kind kind, uint32_t session, const char *name = "")
    {
        core_call made = {};
        made.kind = kind;
        made.session = session;
        made.name = span_of(name);
        made.limit_ns = now.boot_ns + 5 * NS_PER_S;
        return made;
    }

    uint32_t submit(const core_call &call, enum status expected = STATUS_OK)
    {
        uint32_t request = 0;
        EXPECT_EQ(core_submit(core, &call, now, &request), expected);
        return request;
    }

    uint32_t ask_open(uint64_t ttl = 10 * NS_PER_S)
    {
        core_call asked = call(CORE_OPEN, 0);
        asked.ttl_ns = ttl;
        memset(asked.secret, 0x5a, sizeof asked.secret);
        submit(asked);
        return core_opened(core);
    }

    uint32_t acquire(uint32_t session, const char *name, uint64_t wait_ns, uint64_t tag = 0)
    {
        core_call asked = call(CORE_ACQUIRE, session, name);
        asked.wait_ns = wait_ns;
        asked.tag = tag;
        uint32_t request = submit(asked);
        tick();
        return request;
    }

    uint32_t release(uint32_t session, const char *name, uint64_t token)
    {
        core_call asked = call(CORE_RELEASE, session, name);
        asked.token = token;
        uint32_t request = submit(asked);
        tick();
        return request;
    }

    core_completion take_completion()
    {
        if (completions.empty()) {
            ADD_FAILURE() << "nothing was completed";
            return {};
        }
        core_completion first = completions.front();
        completions.pop_front();
        return first;
    }

    core_session_event take_event()
    {
        if (events.empty()) {
            ADD_FAILURE() << "no event";
            return {};
        }
        core_session_event first = events.front();
        events.pop_front();
        return first;
    }

    enum belief_state believed(uint32_t session) const
    {
        struct belief belief = belief_read(core_session_belief(core, session));
        if (belief.state == BELIEF_HELD && belief_left_ns(&belief, now) == 0)
            return BELIEF_SUSPENDED;
        return belief.state;
    }

    uint64_t left(uint32_t session) const
    {
        struct belief belief = belief_read(core_session_belief(core, session));
        return belief_left_ns(&belief, now);
    }

    bool holds(uint64_t token) const
    {
        uint32_t count = 0;
        const struct hold_belief *records = core_hold_beliefs(core, &count);
        for (uint32_t i = 0; i < count; i++) {
            if (hold_read(&records[i]) == token)
                return true;
        }
        return false;
    }

    static struct span span_of(const char *text)
    {
        return {reinterpret_cast<const unsigned char *>(text),
                static_cast<uint32_t>(strlen(text))};
    }

    template <class message>
    static std::vector<unsigned char> lay_out(
            void (*walk)(struct wire *, message *), message *said)
    {
        std::vector<unsigned char> bytes(4096);
        struct wire wire = wire_writer(bytes.data(), bytes.size());
        walk(&wire, said);
        EXPECT_FALSE(wire.failed);
        bytes.resize(wire.at);
        return bytes;
    }

    struct core_settings settings;
    struct core *core;
    struct clocks now = {1000 * NS_PER_S, 900 * NS_PER_S};
    uint64_t deadline = 0;
    bool connecting = false;
    bool connected = false;
    bool full = false; /* The socket takes nothing. */
    unsigned connections = 0;
    uint32_t node = 0;
    std::string address;
    std::deque<heard> inbox;
    std::deque<reading> readings;
    std::deque<core_completion> completions;
    std::deque<core_session_event> events;
    std::deque<core_notice> notices;
    unsigned frames = 0; /* FRAME_REQUESTS heard */

private:
    static core_event event(enum core_event_kind kind, int number = 0,
            const void *bytes = nullptr, size_t count = 0)
    {
        core_event event = {};
        event.kind = kind;
        event.number = number;
        event.bytes = bytes;
        event.count = count;
        return event;
    }

    void fetch()
    {
        core_session_event event;
        while (core_next_event(core, &event))
            events.push_back(event);
        core_completion completion;
        while (core_next_completion(core, &completion))
            completions.push_back(completion);
        core_notice notice;
        while (core_next_notice(core, &notice))
            notices.push_back(notice);
    }

    void take(const struct core_effects &effects)
    {
        if (full)
            return;
        size_t count = effects.send_bytes;
        std::vector<unsigned char> copy(effects.send, effects.send + count);
        frame_reader_feed(&reader, copy.data(), copy.size());
        struct frame frame;
        while (frame_reader_next(&reader, &frame))
            hear(frame);
        ASSERT_EQ(reader.fault, FRAME_FAULT_NONE);
        if (effects.full)
            step(event(CORE_SENT, 0, nullptr, count));
        else
            core_sent(core, count);
    }

    void hear(const struct frame &frame)
    {
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        if (frame.kind == FRAME_REQUESTS)
            hear_requests(&wire);
        if (frame.kind == FRAME_READ) {
            reading one;
            wire_read(&wire, &one.read);
            struct span name = one.read.kind == READ_LOCK ? one.read.name : one.read.prefix;
            one.name.assign(reinterpret_cast<const char *>(name.bytes), name.count);
            EXPECT_TRUE(wire_complete(&wire));
            readings.push_back(one);
        }
    }

    void hear_requests(struct wire *wire)
    {
        frames++;
        while (!wire->failed && wire_left(wire) > 0) {
            struct section section;
            wire_section(wire, &section);
            for (unsigned i = 0; i < section.count; i++) {
                heard one;
                wire_request(wire, &one.request);
                one.session = section.session;
                one.secret.assign(
                        reinterpret_cast<char *>(section.secret), sizeof section.secret);
                one.answered = section.answered;
                one.confirmed = section.confirmed;
                one.name.assign(reinterpret_cast<const char *>(one.request.name.bytes),
                        one.request.name.count);
                one.connection = connections;
                one.node = node;
                inbox.push_back(one);
            }
        }
        EXPECT_FALSE(wire->failed) << "a node would close the connection";
    }

    std::unique_ptr<carved> memory;
    std::vector<unsigned char> reader_buffer =
            std::vector<unsigned char>(FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
    struct frame_reader reader;
    unsigned random_byte = 0;
};

/* With a session, of id 11. */
struct open_world : core_world {
    explicit open_world(void (*adjust)(core_settings *) = nullptr) : core_world(3, adjust)
    {
        tick();
        reach_leader();
        session = open(11, time, ttl);
    }

    void answer_to(const heard &request, uint8_t status, uint64_t token = 0)
    {
        bool refused = status == STATUS_BUSY || status == STATUS_NOT_LEADER;
        say(answers().section(11, refused ? 0 : time, refused ? 0 : time + ttl)
                        .answer(request.request.kind, request.request.number, status,
                                token));
    }

    /* Everything that is under way to the leader is lost with the connection. */
    void reconnect()
    {
        node_closes();
        inbox.clear();
        reach_leader();
    }

    static constexpr uint64_t ttl = 10 * NS_PER_S;
    static constexpr uint64_t time = 500 * NS_PER_S; /* Cluster time at the opening */
    uint32_t session = 0;
};

/* Does not leave a node for being silent. */
inline void with_patience(core_settings *settings)
{
    settings->silence_min_ns = 100 * NS_PER_S;
    settings->silence_max_ns = 100 * NS_PER_S;
}

#endif
