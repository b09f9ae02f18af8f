#include "sim/lives/crowd.h"

#include <algorithm>

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr size_t sessions_most = 3;
constexpr uint32_t under_way_most = 20;
constexpr uint64_t locks = 4;
constexpr uint64_t tags = 3;

} // namespace

Crowd::Crowd(Life &life, Client &client, const struct prng &dice)
        : life_(life), world_(life.world()), client_(client), dice_(dice),
          room_(CORE_READ_BYTES_MAX)
{
}

uint64_t Crowd::roll(uint64_t n)
{
    return prng_below(&dice_, n);
}

uint64_t Crowd::soon(uint64_t within_ns)
{
    return client_.own_clock() + roll(within_ns);
}

std::string Crowd::some_lock()
{
    return "x" + std::to_string(roll(locks));
}

uint32_t Crowd::some_session()
{
    return sessions_.empty() ? 0 : sessions_[roll(sessions_.size())];
}

core_call Crowd::call(core_call_kind kind, uint32_t session, const std::string &lock)
{
    names_.push_back(lock);
    if (names_.size() > 4)
        names_.pop_front();
    core_call made{};
    made.kind = kind;
    made.session = session;
    made.name = {reinterpret_cast<const unsigned char *>(names_.back().data()),
            static_cast<uint32_t>(names_.back().size())};
    made.limit_ns = soon(3 * NS_PER_S);
    return made;
}

void Crowd::live()
{
    world_.in(1 + roll(400 * NS_PER_MS), [this] {
        if (leaving_)
            return;
        if (!client_.paused())
            act();
        live();
    });
}

void Crowd::act()
{
    switch (roll(12)) {
    case 0:
    case 1:
        open();
        break;
    case 2:
        close();
        break;
    case 3:
        if (uint32_t session = some_session())
            client_.lose_beside(session);
        break;
    case 4:
    case 5:
        let_go();
        break;
    case 6:
    case 7:
        cancel();
        break;
    case 8:
        look();
        break;
    default:
        burst();
    }
}

/* Every second one is closed at once or a moment later, with or without an answer. */
void Crowd::open()
{
    if (sessions_.size() == sessions_most)
        return;
    core_call made = call(CORE_OPEN, 0, "crowd");
    made.ttl_ns = (1 + roll(3)) * NS_PER_S;
    uint32_t session = client_.open_beside(made);
    if (session == 0)
        return;
    sessions_.push_back(session);
    if (roll(2) == 0)
        burst();
    if (roll(2) == 0)
        world_.in(roll(20 * NS_PER_MS), [this, session] { close_session(session); });
}

void Crowd::close_session(uint32_t session)
{
    auto it = std::find(sessions_.begin(), sessions_.end(), session);
    if (client_.paused() || it == sessions_.end())
        return;
    sessions_.erase(it);
    std::erase_if(grants_, [session](const Grant &one) { return one.session == session; });
    client_.ask_beside(call(CORE_CLOSE, session, ""), [](const core_completion &) {});
}

void Crowd::close()
{
    if (uint32_t session = some_session())
        close_session(session);
}

void Crowd::burst()
{
    uint32_t session = some_session();
    for (uint64_t i = 1 + roll(8); session != 0 && i > 0; i--)
        acquire(session);
}

void Crowd::acquire(uint32_t session)
{
    if (under_way_ >= under_way_most)
        return;
    std::string lock = some_lock();
    static const uint64_t waits[] = {
            0, 10 * NS_PER_MS, 200 * NS_PER_MS, 2 * NS_PER_S, WAIT_FOREVER};
    core_call made = call(CORE_ACQUIRE, session, lock);
    made.wait_ns = waits[roll(std::size(waits))];
    made.tag = 1 + roll(tags);
    made.owner = roll(3);
    made.reentrant = made.owner != 0 && roll(2) == 0;
    made.patient = roll(2) == 0;
    under_way_++;
    client_.ask_beside(made, [this, session, lock](const core_completion &done) {
        under_way_--;
        bool ours = std::count(sessions_.begin(), sessions_.end(), session) > 0;
        if (done.status == STATUS_OK && ours)
            grants_.push_back({session, lock, done.token});
    });
}

/* One entry or all of them; and now and then what it does not hold. */
void Crowd::let_go()
{
    if (grants_.empty() || roll(4) == 0) {
        core_call made = call(CORE_RELEASE, some_session(), some_lock());
        made.token = 1 + roll(100);
        client_.ask_beside(made, [](const core_completion &) {});
        return;
    }
    size_t at = roll(grants_.size());
    Grant grant = grants_[at];
    grants_.erase(grants_.begin() + static_cast<ptrdiff_t>(at));
    core_call made = call(CORE_RELEASE, grant.session, grant.lock);
    made.token = grant.token;
    made.all = roll(2) == 0;
    client_.ask_beside(made, [](const core_completion &) {});
}

void Crowd::cancel()
{
    if (uint32_t session = some_session())
        client_.cancel_beside(session, 1 + roll(tags));
}

/* Its answer may come after its limit. */
void Crowd::look()
{
    core_call made = call(roll(2) == 0 ? CORE_QUERY : CORE_LIST, 0, some_lock());
    made.limit = 2;
    made.stale = roll(2) == 0;
    made.room = room_.data();
    made.room_bytes = room_.size();
    client_.ask_beside(made, [](const core_completion &) {});
}

void Crowd::leave()
{
    leaving_ = true;
    while (!sessions_.empty()) {
        size_t before = sessions_.size();
        close_session(sessions_.back());
        if (sessions_.size() == before)
            return; /* Its machine is gone. */
    }
}

} // namespace sim
