/*
 * The client's core against a server that says anything: bytes, sealed frames of any body,
 * and sections that name its own sessions and requests, with the user's calls in between.
 *
 * Whatever is said, the core's state stays sound, no request is completed twice, and nothing
 * is believed for longer than the time to live that its session was opened with.
 */
#include <map>
#include <set>

#include "mirror.h"
#include "worlds/core_world.h"

namespace {

constexpr size_t STEPS_MAX = 400;

/* Numbers of all magnitudes, from few bytes of input. */
class source {
public:
    source(const uint8_t *data, size_t size) : at(data), end(data + size) {}

    bool has_more() const
    {
        return at < end;
    }

    uint8_t byte()
    {
        return at < end ? *at++ : 0;
    }

    /* 0 to 63, or a power of two, or one below it. */
    uint64_t number()
    {
        uint8_t raw = byte();
        if (raw < 128)
            return raw % 64;
        uint64_t power = uint64_t{1} << (raw % 64);
        return raw < 192 ? power : power - 1;
    }

    std::vector<unsigned char> some()
    {
        size_t wanted = byte();
        size_t count = std::min(wanted, static_cast<size_t>(end - at));
        std::vector<unsigned char> bytes(at, at + count);
        at += count;
        return bytes;
    }

private:
    const uint8_t *at;
    const uint8_t *end;
};

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
                &hostile_world::honest, &hostile_world::take_back};
        for (size_t step = 0; in.has_more() && step < STEPS_MAX; step++) {
            (this->*deeds[in.byte() % std::size(deeds)])();
            judge();
        }
    }

private:
    static void make_small(core_settings *settings)
    {
        settings->sessions_max = 4;
        settings->requests_max = 24;
        settings->holds_max = 16;
    }

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

    void time()
    {
        pass(in.byte() * 40 * NS_PER_MS);
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

    uint32_t any_session()
    {
        return sessions.empty() ? 0 : sessions[in.byte() % sessions.size()];
    }

    const char *any_name()
    {
        static const char *const names[] = {"a", "b", "a/b", "c"};
        return names[in.byte() % std::size(names)];
    }

    void call()
    {
        static unsigned char room[CORE_READ_BYTES_MAX];
        auto kind = static_cast<core_call_kind>(in.byte() % (CORE_LIST + 1));
        core_call made = core_world::call(kind, any_session(), any_name());
        made.wait_ns = in.number() * NS_PER_S;
        made.token = made.owner = in.number();
        made.reentrant = made.all = made.owner % 2 != 0;
        made.ttl_ns = (1 + made.owner % 16) * NS_PER_S;
        made.tag = 1;
        made.limit = static_cast<uint16_t>(1 + made.owner % 8);
        made.room = room;
        made.room_bytes = sizeof room;
        uint32_t request = 0;
        if (core_submit(core, &made, now, &request) == STATUS_OK) {
            fuzz::require(asked.insert(request).second, "a request's handle is its own");
            if (kind == CORE_OPEN) {
                sessions.push_back(core_opened(core));
                ttls[core_opened(core)] = made.ttl_ns;
            }
        }
        tick();
    }

    void take_back()
    {
        uint8_t how = in.byte();
        uint32_t session = any_session();
        if (how % 4 == 0 && core_has_session(core, session))
            core_lose(core, session, now);
        else if (how % 4 == 1 && core_has_session(core, session))
            core_cancel_tag(core, session, 1, now);
        else if (!asked.empty())
            core_cancel(core, *asked.begin(), now);
        tick();
    }

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
        auto kind = static_cast<frame_kind>(1 + in.byte() % FRAME_STAGES_ANSWER);
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
            add_answer(said);
        for (int i = session == 0 ? 0 : flags / 16 % 4; i > 0; i--)
            add_change(said, flags % 2 != 0);
        if (connected)
            say(said);
    }

    void add_answer(class answers &said)
    {
        static constexpr uint8_t statuses[] = {STATUS_OK, STATUS_QUEUED, STATUS_TIMEOUT,
                STATUS_LOST, STATUS_BUSY, STATUS_NOT_LEADER, STATUS_CANCELLED,
                STATUS_NOT_FOUND, STATUS_OLD, STATUS_DENIED, STATUS_LIMIT, STATUS_INVALID};
        uint8_t kind = 1 + in.byte() % REQUEST_RELEASE;
        uint64_t number = in.number();
        uint8_t status = statuses[in.byte() % std::size(statuses)];
        uint8_t detail = 0;
        if (status == STATUS_LOST)
            detail = LOST_EXPIRED;
        if (status == STATUS_LIMIT)
            detail = LIMIT_SESSIONS;
        if (status == STATUS_QUEUED)
            kind = REQUEST_ACQUIRE;
        bool granted = kind == REQUEST_ACQUIRE && status == STATUS_OK;
        said.answer(kind, number, status, granted ? 1 + in.number() % 64 : 0, detail);
    }

    void add_change(class answers &said, bool listed)
    {
        uint8_t kind = listed ? CHANGE_HOLDS + in.byte() % 2 : 1 + in.byte() % CHANGE_ENDED;
        uint64_t change = listed ? 0 : std::max<uint64_t>(in.number(), 1);
        uint64_t number = kind == CHANGE_ENDED ? 0 : std::max<uint64_t>(in.number(), 1);
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
        uint64_t id = oldest.session != 0 ? oldest.session : ++ids;
        uint64_t time = now.boot_ns / 2;
        class answers said;
        said.section(id, time, time + NS_PER_S, oldest.confirmed);
        said.answer(oldest.request.kind, oldest.request.number, STATUS_OK,
                oldest.request.kind == REQUEST_ACQUIRE ? ++tokens : 0);
        if (connected && oldest.connection == connections)
            say(said);
    }

    void judge()
    {
        for (const core_completion &done : completions)
            fuzz::require(asked.erase(done.request) == 1, "completed once");
        completions.clear();
        events.clear();
        notices.clear();
        readings.clear();
        if (inbox.size() > 64)
            inbox.clear();
        for (auto [session, ttl] : ttls) {
            if (core_has_session(core, session))
                fuzz::require(left(session) <= ttl, "believed for one ttl at most");
        }
    }

    source in;
    std::vector<uint32_t> sessions;
    std::map<uint32_t, uint64_t> ttls;
    std::set<uint32_t> asked;
    uint64_t ids = 0;
    uint64_t tokens = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    testing::GTEST_FLAG(throw_on_failure) = true; /* What the world expects is demanded. */
    hostile_world world(data, size);
    world.live();
    return 0;
}
