#include "sim/sim_client.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/units.h"

namespace sim {

namespace {

struct span span_of(const std::string &text)
{
    return {reinterpret_cast<const unsigned char *>(text.data()),
            static_cast<uint32_t>(text.size())};
}

} // namespace

Client::Client(World &world, int number, std::string name, uint64_t ttl_ns)
        : world_(world), number_(number), name_(std::move(name))
{
    core_settings settings;
    core_settings_default(&settings);
    settings.node_count = static_cast<uint32_t>(world.count());
    for (int id = 1; id <= world.count(); id++) {
        core_node &node = settings.nodes[id - 1];
        node.id = static_cast<uint8_t>(id);
        std::string address = "n" + std::to_string(id);
        std::memcpy(node.address, address.c_str(), address.size() + 1);
    }
    settings.sessions_max = 2;
    settings.requests_max = 16;
    settings.holds_max = 16;
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    (void)core_carve(&arena, &settings);
    memory_bytes_ = arena_used_bytes(&arena) + 4096;
    memory_ = mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(memory_ != MAP_FAILED);
    arena_init(&arena, memory_, memory_bytes_);
    core_ = core_carve(&arena, &settings);
    core_init(core_, &settings, prng_next(&world.random()));
    core_call open{};
    open.kind = CORE_OPEN;
    open.ttl_ns = ttl_ns;
    open.name = span_of(name_);
    open.limit_ns = UINT64_MAX;
    for (unsigned char &byte : open.secret)
        byte = static_cast<unsigned char>(prng_next(&world.random()));
    submit(open, [](const core_completion &) {});
    session_ = core_opened(core_);
}

Client::~Client()
{
    munmap(memory_, memory_bytes_);
}

struct clocks Client::clocks() const
{
    uint64_t own = clock_.at(world_.now());
    return {own, own};
}

void Client::set_rate(int64_t ppm)
{
    clock_.set_rate(world_.now(), ppm);
}

void Client::defer(uint64_t delay_ns, std::function<void()> what)
{
    world_.at(world_.now() + delay_ns, [this, what = std::move(what)] {
        if (paused_)
            while_paused_.push_back(what);
        else
            what();
    });
}

void Client::pause(bool on)
{
    paused_ = on;
    if (on)
        return;
    std::vector<std::function<void()>> missed;
    missed.swap(while_paused_);
    for (auto &what : missed)
        what();
}

uint32_t Client::submit(const core_call &call, Done done)
{
    uint32_t request = 0;
    enum status status = core_submit(core_, &call, clocks(), &request);
    if (status == STATUS_OK) {
        waiting_[request] = std::move(done);
        core_event time{};
        time.kind = CORE_TIME;
        defer(0, [this, time] { step(time); });
        return request;
    }
    core_completion refused{};
    refused.kind = call.kind;
    refused.status = status;
    done(refused);
    return 0;
}

uint32_t Client::acquire(
        const std::string &lock, uint64_t wait_ns, Done done, bool reentrant)
{
    core_call call{};
    call.kind = CORE_ACQUIRE;
    call.session = session_;
    call.name = span_of(lock);
    call.wait_ns = wait_ns;
    call.owner = 7;
    call.reentrant = reentrant;
    uint32_t request = submit(call, std::move(done));
    if (request != 0)
        locks_[request] = lock;
    return request;
}

/* Belief ends here, before anything leaves: "stop before you send". */
uint32_t Client::release(const std::string &lock, Done done)
{
    core_call call{};
    call.kind = CORE_RELEASE;
    call.session = session_;
    call.name = span_of(lock);
    call.token = held_.at(lock).token;
    call.all = true;
    call.limit_ns = UINT64_MAX;
    held_.erase(lock);
    return submit(call, std::move(done));
}

void Client::cancel(uint32_t request)
{
    (void)core_cancel(core_, request, clocks());
    core_event time{};
    time.kind = CORE_TIME;
    defer(0, [this, time] { step(time); });
}

void Client::close()
{
    core_call call{};
    call.kind = CORE_CLOSE;
    call.session = session_;
    call.limit_ns = UINT64_MAX;
    held_.clear();
    submit(call, [](const core_completion &) {});
}

enum belief_state Client::state() const
{
    const struct session_belief *record = core_session_belief(core_, session_);
    return belief_read(record).state;
}

bool Client::believes(const std::string &lock) const
{
    auto it = held_.find(lock);
    if (it == held_.end())
        return false;
    uint32_t count = 0;
    const struct hold_belief *holds = core_hold_beliefs(core_, &count);
    assert(it->second.hold < count);
    if (hold_read(&holds[it->second.hold]) != it->second.token)
        return false;
    struct belief belief = belief_read(core_session_belief(core_, session_));
    return belief_left_ns(&belief, clocks()) > 0;
}

void Client::step(core_event event)
{
    event.now = clocks();
    core_effects effects{};
    core_step(core_, &event, &effects);
    core_check(core_);
    perform(effects);
    collect();
}

void Client::collect()
{
    core_session_event event;
    while (core_next_event(core_, &event)) {
        events.push_back(event);
        if (on_event)
            on_event(event);
    }
    std::vector<std::pair<Done, core_completion>> told;
    core_completion completion;
    while (core_next_completion(core_, &completion)) {
        auto lock = locks_.find(completion.request);
        bool granted = completion.kind == CORE_ACQUIRE && completion.status == STATUS_OK;
        if (lock != locks_.end()) {
            if (granted)
                held_[lock->second] = {completion.token, completion.hold};
            locks_.erase(lock);
        }
        auto done = waiting_.find(completion.request);
        if (done == waiting_.end())
            continue;
        told.push_back({std::move(done->second), completion});
        waiting_.erase(done);
    }
    core_notice notice;
    while (core_next_notice(core_, &notice))
        ;
    for (auto &[done, what] : told)
        done(what);
}

void Client::perform(const core_effects &effects)
{
    if (effects.close) {
        if (link_ != 0)
            world_.network.close(link_, this);
        link_ = 0;
        attempt_++;
        sending_ = false;
    }
    if (effects.connect) {
        uint64_t attempt = ++attempt_;
        int to = std::stoi(effects.node.address + 1);
        defer(world_.options().net_ns, [this, attempt, to] {
            if (attempt != attempt_)
                return;
            link_ = world_.network.open(this, number_, to);
            core_event result{};
            result.kind = link_ != 0 ? CORE_CONNECTED : CORE_CONNECT_FAILED;
            for (unsigned char &byte : result.random)
                byte = static_cast<unsigned char>(prng_next(&world_.random()));
            step(result);
        });
    }
    if (effects.send_bytes > 0 && !sending_ && link_ != 0) {
        sending_ = true;
        uint64_t attempt = attempt_;
        size_t count = effects.send_bytes;
        world_.network.send(
                link_, this, std::vector<uint8_t>(effects.send, effects.send + count));
        defer(1000, [this, attempt, count] {
            if (attempt != attempt_)
                return;
            sending_ = false;
            core_event sent{};
            sent.kind = CORE_SENT;
            sent.count = count;
            step(sent);
        });
    }
    uint64_t own = clocks().boot_ns;
    if (effects.deadline_ns == UINT64_MAX)
        return;
    uint64_t delay = effects.deadline_ns > own ? effects.deadline_ns - own + 1 : 1;
    uint64_t wake = world_.now() + delay;
    if (wake_ > world_.now() && wake_ <= wake)
        return;
    wake_ = wake;
    defer(delay, [this, wake] {
        if (wake_ == wake)
            wake_ = 0;
        core_event time{};
        time.kind = CORE_TIME;
        step(time);
    });
}

void Client::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    uint64_t attempt = attempt_;
    defer(0, [this, link, attempt, bytes] {
        if (attempt != attempt_ || link != link_)
            return;
        core_event event{};
        event.kind = CORE_RECEIVED;
        event.bytes = bytes.data();
        event.count = bytes.size();
        step(event);
    });
}

void Client::closed(uint64_t link, bool)
{
    uint64_t attempt = attempt_;
    defer(0, [this, link, attempt] {
        if (attempt != attempt_ || link != link_)
            return;
        link_ = 0;
        sending_ = false;
        attempt_++;
        core_event event{};
        event.kind = CORE_CLOSED;
        step(event);
    });
}

} // namespace sim
