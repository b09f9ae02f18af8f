/*
 * A client's core against a cluster that says anything that can be decoded, with the calls of a
 * program that knows no restraint in between: all drawn from bytes, which a fuzzer or a
 * generator of random numbers makes.
 *
 * The cluster says bytes without sense and sealed frames of any body. Above all it answers
 * requests that it heard: twice, with any status, for another session, with another token, as
 * lists or changes, or on a connection that did not carry them. Time passes step by step, or all
 * at once as for a program that was stopped.
 *
 * Whatever the cluster says, the core's state stays sound, no request is completed twice,
 * and nothing is
 * believed for longer than the ttl of its session. In the end, with no node there, whatever has
 * a limit is completed, and closing the sessions completes the rest and leaves nothing.
 */
#ifndef TESTS_WORLDS_HOSTILE_WORLD_H
#define TESTS_WORLDS_HOSTILE_WORLD_H

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "worlds/byte_source.h"
#include "worlds/core_world.h"

class hostile_world : public core_world {
public:
    hostile_world(const uint8_t *data, size_t size)
            : core_world(2, make_small), in(data, size)
    {
        tick();
    }

    void live()
    {
        using deed = void (hostile_world::*)();
        static constexpr deed deeds[] = {&hostile_world::connection, &hostile_world::time,
                &hostile_world::welcome_or_leader, &hostile_world::call,
                &hostile_world::raw, &hostile_world::sealed, &hostile_world::section,
                &hostile_world::honest, &hostile_world::take_back, &hostile_world::sleep,
                &hostile_world::twisted, &hostile_world::twisted, &hostile_world::twisted,
                &hostile_world::burst, &hostile_world::read_answered, &hostile_world::lead};
        for (size_t step = 0; in.has_more() && step < steps_max; step++) {
            (this->*deeds[in.byte() % std::size(deeds)])();
            judge();
        }
        end();
    }

private:
    static constexpr size_t steps_max = 400;
    static constexpr size_t heard_max = 64;

    static void demand(bool holds, const char *what)
    {
        if (holds)
            return;
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }

    static void make_small(core_settings *settings)
    {
        settings->sessions_max = 4;
        settings->requests_max = 24;
        settings->holds_max = 16;
        settings->window = 8;
    }

    /* ---- Time and the connection ---- */

    void connection()
    {
        uint8_t how = in.byte();
        if (connecting && how % 4 == 0)
            connect_fails();
        else if (connecting)
            connect_succeeds();
        else if (connected && how % 4 == 0)
            node_closes();
        else
            full = how % 4 == 1;
    }

    /* To a node that leads, as fast as possible. */
    void lead()
    {
        full = false;
        if (connecting)
            connect_succeeds();
        if (connected)
            say_welcome(static_cast<uint8_t>(node + 1), static_cast<uint8_t>(node + 1), "",
                    in.byte() % 8 == 0 ? 78 : 77);
    }

    void time()
    {
        pass(in.byte() * 40 * NS_PER_MS);
    }

    /* The program does not run meanwhile. */
    void sleep()
    {
        uint64_t ns = in.byte() * 200 * NS_PER_MS;
        now.boot_ns += ns;
        now.raw_ns += ns;
    }

    void welcome_or_leader()
    {
        uint8_t self = in.byte() % 4, leader = in.byte();
        const char *host = leader % 8 < 6 ? "" : "x:1";
        if (!connected)
            return;
        if (leader >= 128)
            push_leader(leader % 4, host);
        else
            say_welcome(std::max<uint8_t>(self, 1), leader % 4, leader % 4 ? host : "");
    }

    /* ---- The program ---- */

    uint32_t any_session()
    {
        return sessions.empty() ? 0 : sessions[in.byte() % sessions.size()];
    }

    const char *any_name()
    {
        static const char *const names[] = {"a", "b", "a/b", "c"};
        return names[in.byte() % std::size(names)];
    }

    void call_one()
    {
        auto kind = static_cast<core_call_kind>(in.byte() % (CORE_LIST + 1));
        core_call made = core_world::call(kind, any_session(), any_name());
        made.wait_ns = in.number() * NS_PER_S;
        made.token = made.owner = in.number();
        made.reentrant = made.all = made.owner % 2 != 0;
        made.patient = made.owner % 4 > 1;
        made.stale = made.owner % 8 > 3;
        made.ttl_ns = (1 + made.owner % 16) * NS_PER_S;
        made.limit_ns = now.boot_ns + in.byte() % 64 * 100 * NS_PER_MS;
        made.tag = 1;
        made.limit = static_cast<uint16_t>(1 + made.owner % 8);
        made.room = room;
        made.room_bytes = sizeof room;
        uint32_t request = 0;
        if (core_submit(core, &made, now, &request) != STATUS_OK)
            return;
        demand(asked.emplace(request, kind == CORE_ACQUIRE).second,
                "a request's handle is its own");
        if (kind == CORE_OPEN) {
            sessions.push_back(core_opened(core));
            ttls[core_opened(core)] = made.ttl_ns;
        }
    }

    void call()
    {
        call_one();
        tick();
    }

    /* Many, and no step: the next one may bring anything. */
    void burst()
    {
        for (int i = in.byte() % 8; i > 0; i--)
            call_one();
    }

    void take_back()
    {
        uint8_t how = in.byte();
        uint32_t session = any_session();
        if (how % 8 == 0 && core_has_session(core, session))
            core_lose(core, session, now);
        else if (how % 4 == 1 && core_has_session(core, session))
            core_cancel_tag(core, session, 1, now);
        else if (how % 8 == 3 && !asked.empty())
            core_expire(core, asked.begin()->first, now);
        else if (!asked.empty())
            core_cancel(core, asked.begin()->first, now);
        if (how % 2 == 0)
            tick();
    }

    /* ---- The cluster ---- */

    /* Bytes as they are, in no frame. */
    void raw()
    {
        std::vector<unsigned char> bytes = in.some();
        core_event event = {};
        event.kind = CORE_RECEIVED;
        event.bytes = bytes.data();
        event.count = bytes.size();
        if (connected && !bytes.empty())
            step(event);
    }

    void sealed()
    {
        auto kind = static_cast<frame_kind>(1 + in.byte() % FRAME_ADMIN_ANSWER);
        std::vector<unsigned char> body = in.some();
        if (connected)
            say(kind, body);
    }

    /* Answers and changes of a session, about requests that it may have made. */
    void section()
    {
        uint64_t session = in.byte() % 6;
        uint64_t applied = in.number() * NS_PER_S;
        uint64_t until = applied + in.number() * NS_PER_S;
        uint64_t change = in.number();
        uint8_t flags = in.byte();
        if (session == 0)
            flags &= 0xfc; /* No list of nobody's holds */
        class answers said;
        said.section(session, applied, until, change, flags % 2 != 0);
        if (flags % 4 == 3)
            said.more();
        for (int i = flags / 4 % 4; i > 0; i--)
            add_answer(said, 1 + in.byte() % REQUEST_RELEASE, in.number());
        for (int i = session == 0 ? 0 : flags / 16 % 4; i > 0; i--)
            add_change(said, in.number(), in.number(), flags % 2 != 0);
        if (connected)
            say(said);
    }

    void add_answer(class answers &said, uint8_t kind, uint64_t number)
    {
        static constexpr uint8_t statuses[] = {STATUS_OK, STATUS_OK, STATUS_QUEUED,
                STATUS_TIMEOUT, STATUS_LOST, STATUS_BUSY, STATUS_NOT_LEADER,
                STATUS_CANCELLED, STATUS_DEADLOCK, STATUS_NOT_FOUND, STATUS_OLD,
                STATUS_DENIED, STATUS_LIMIT, STATUS_INVALID, STATUS_WRONG_CLUSTER,
                STATUS_VERSION};
        uint8_t status = statuses[in.byte() % std::size(statuses)];
        uint8_t detail = 0;
        if (status == STATUS_LOST)
            detail = static_cast<uint8_t>(1 + in.byte() % LOST_UNKNOWN);
        if (status == STATUS_LIMIT)
            detail = static_cast<uint8_t>(1 + in.byte() % LIMIT_COUNT);
        if (status == STATUS_QUEUED)
            kind = REQUEST_ACQUIRE;
        bool granted = kind == REQUEST_ACQUIRE && status == STATUS_OK;
        said.answer(kind, number, status, granted ? 1 + in.number() % 64 : 0, detail);
    }

    void add_change(class answers &said, uint64_t change, uint64_t number, bool listed)
    {
        uint8_t kind = listed ? CHANGE_HOLDS + in.byte() % 2 : 1 + in.byte() % CHANGE_ENDED;
        change = listed ? 0 : std::max<uint64_t>(change, 1);
        number = kind == CHANGE_ENDED ? 0 : std::max<uint64_t>(number, 1);
        bool token = kind != CHANGE_FAILED && kind != CHANGE_WAITS;
        said.change(kind, change, number, token ? 1 + in.number() % 64 : 0,
                kind == CHANGE_FAILED ? STATUS_TIMEOUT : STATUS_OK);
    }

    /* The oldest request is answered as a sound node would. */
    void honest()
    {
        if (inbox.empty())
            return;
        heard oldest = inbox.front();
        inbox.pop_front();
        remember(oldest);
        uint64_t id = oldest.session != 0 ? oldest.session : ++ids;
        class answers said;
        said.section(id, clock(), clock() + NS_PER_S, oldest.confirmed);
        said.answer(oldest.request.kind, oldest.request.number, STATUS_OK,
                oldest.request.kind == REQUEST_ACQUIRE ? ++tokens : 0);
        if (connected && oldest.connection == connections)
            say(said);
    }

    /* Some requests that were heard at any time are answered in one frame, in any way. */
    void twisted()
    {
        class answers said;
        bool any = false;
        for (int i = 1 + in.byte() % 4; i > 0; i--) {
            const heard *request = any_heard();
            if (request == nullptr)
                break;
            any = true;
            twist(said, *request, in.byte());
        }
        if (connected && any)
            say(said);
    }

    const heard *any_heard()
    {
        size_t count = inbox.size() + past.size();
        if (count == 0)
            return nullptr;
        size_t at = in.byte() % count;
        return at < inbox.size() ? &inbox[at] : &past[at - inbox.size()];
    }

    void twist(class answers &said, const heard &request, uint8_t how)
    {
        uint64_t session = request.session;
        if (session == 0)
            session = how % 8 == 7 ? in.byte() % 4 : ++ids;
        else if (how % 8 == 7)
            session = 1 + in.byte() % (ids + 1);
        bool listed = session != 0 && how % 16 == 8;
        uint64_t change = how % 2 ? request.confirmed : request.confirmed + in.byte() % 3;
        uint64_t applied = how % 4 == 3 ? 0 : clock();
        said.section(session, applied, clock() + in.byte() % 16 * NS_PER_S, change, listed);
        for (int i = how / 16 % 3; i >= 0; i--)
            add_answer(said, request.request.kind, request.request.number);
        for (int i = session == 0 ? 0 : how / 64; i > 0; i--)
            add_change(said, request.confirmed + in.byte() % 3, request.request.number,
                    listed);
    }

    void read_answered()
    {
        if (readings.empty())
            return;
        static constexpr uint8_t statuses[] = {
                STATUS_OK, STATUS_BUSY, STATUS_NOT_LEADER, STATUS_INVALID};
        read_answer answer = {};
        answer.stamp = readings[in.byte() % readings.size()].read.stamp;
        answer.status = statuses[in.byte() % std::size(statuses)];
        if (connected)
            say(FRAME_READ_ANSWER, lay_out(wire_read_answer, &answer));
    }

    uint64_t clock() const
    {
        return now.boot_ns / 2;
    }

    void remember(const heard &request)
    {
        past.push_back(request);
        if (past.size() > heard_max)
            past.pop_front();
    }

    /* ---- What must hold ---- */

    void judge()
    {
        for (const core_completion &done : completions)
            demand(asked.erase(done.request) == 1, "completed once");
        completions.clear();
        events.clear();
        notices.clear();
        while (readings.size() > heard_max)
            readings.pop_front();
        while (inbox.size() > heard_max) {
            remember(inbox.front());
            inbox.pop_front();
        }
        for (auto [session, ttl] : ttls) {
            if (core_has_session(core, session))
                demand(left(session) <= ttl, "believed for one ttl at most");
        }
    }

    void pass_alone(uint64_t ns)
    {
        for (uint64_t until = now.boot_ns + ns; now.boot_ns < until;) {
            if (connecting)
                connect_fails();
            pass(250 * NS_PER_MS);
            judge();
        }
    }

    void end()
    {
        full = false;
        if (connected)
            node_closes();
        pass_alone(10 * NS_PER_S);
        for (auto [request, acquire] : asked)
            demand(acquire, "what has a limit is completed");
        for (uint32_t session : sessions) {
            core_call close = core_world::call(CORE_CLOSE, session);
            uint32_t request = 0;
            if (core_submit(core, &close, now, &request) == STATUS_OK)
                asked.emplace(request, false);
        }
        pass_alone(200 * NS_PER_S);
        demand(asked.empty(), "a closed session completes its requests");
        demand(core_session_count(core) == 0, "nothing is left");
    }

    byte_source in;
    std::vector<uint32_t> sessions;
    std::map<uint32_t, uint64_t> ttls;
    std::map<uint32_t, bool> asked; /* True: an acquire, which may have no limit */
    std::deque<heard> past;
    uint64_t ids = 0;
    uint64_t tokens = 0;
    unsigned char room[CORE_READ_BYTES_MAX];
};

#endif
