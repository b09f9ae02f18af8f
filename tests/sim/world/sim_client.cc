#include "sim/world/sim_client.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/units.h"

namespace sim {

namespace {

constexpr int all_known = 200; /* Clients from here on know all nodes. */

struct span span_of(const std::string &text)
{
    return {reinterpret_cast<const unsigned char *>(text.data()),
            static_cast<uint32_t>(text.size())};
}

core_settings settings_for(World &world, int number)
{
    int known = number < all_known ? std::min(world.count(), world.options().known_nodes)
                                   : world.count();
    core_settings settings;
    core_settings_default(&settings);
    settings.node_count = static_cast<uint32_t>(known);
    for (int id = 1; id <= known; id++) {
        core_node &node = settings.nodes[id - 1];
        node.id = static_cast<uint8_t>(id);
        std::string address = "n" + std::to_string(id);
        std::memcpy(node.address, address.c_str(), address.size() + 1);
    }
    bool rough = world.options().rough_clients;
    settings.sessions_max = rough ? 6 : 2;
    settings.requests_max = rough ? 48 : 16;
    settings.holds_max = rough ? 48 : 16;
    if (rough)
        settings.window = 10;
    return settings;
}

/* `view` points into `room`. */
Found found_in(const core_completion &done, const unsigned char *room, lock_view &view)
{
    Found found{done.status, done.read.index, 0, "", 0};
    view = {};
    if (done.status != STATUS_OK)
        return found;
    struct wire wire = wire_reader(room, done.read_bytes);
    wire_lock_view(&wire, &view);
    assert(wire_complete(&wire));
    found.token = view.token;
    found.waits = view.waits;
    found.holder.assign(reinterpret_cast<const char *>(view.label.bytes), view.label.count);
    return found;
}

} // namespace

Client::Client(
        World &world, int number, std::string name, uint64_t ttl_ns, ClientHistory *history)
        : world_(world), number_(number), name_(std::move(name))
{
    if (history)
        scribe_.emplace(*history);
    core_settings settings = settings_for(world, number);
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
    open(ttl_ns);
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

template <class What> void Client::defer(uint64_t delay_ns, What what)
{
    world_.in(delay_ns, [this, what = std::move(what)] {
        if (paused_)
            while_paused_.push_back(what);
        else
            what();
    });
}

void Client::pause(bool on)
{
    paused_ = on || dead_;
    if (paused_)
        return;
    std::vector<std::function<void()>> missed;
    missed.swap(while_paused_);
    for (auto &what : missed)
        what();
}

void Client::die()
{
    dead_ = true;
    pause(true);
    if (link_ != 0)
        world_.network.close(link_, this, true);
}

void Client::end()
{
    if (dead_)
        return;
    dead_ = true;
    pause(true);
    if (link_ != 0)
        world_.network.close(link_, this, false);
}

/* ---- What the program asks ---- */

void Client::step_soon()
{
    core_event time{};
    time.kind = CORE_TIME;
    defer(0, [this, time] { step(time); });
}

uint32_t Client::submit(const core_call &call, Done done)
{
    uint32_t request = 0;
    Scribe::Ticket ticket = scribe_ ? scribe_->asked(call, world_.now()) : Scribe::none;
    enum status status = core_submit(core_, &call, clocks(), &request);
    if (status == STATUS_OK) {
        waiting_[request] = {std::move(done), ticket};
        step_soon();
        return request;
    }
    core_completion refused{};
    refused.kind = call.kind;
    refused.status = status;
    if (scribe_)
        scribe_->told(ticket, refused, world_.now());
    done(refused);
    return 0;
}

void Client::open(uint64_t ttl_ns)
{
    core_call call{};
    call.kind = CORE_OPEN;
    call.ttl_ns = ttl_ns;
    call.name = span_of(name_);
    call.limit_ns = UINT64_MAX;
    for (unsigned char &byte : call.secret)
        byte = static_cast<unsigned char>(prng_next(&world_.random()));
    submit(call, [](const core_completion &) {});
    session_ = core_opened(core_);
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
    call.tag = 1;
    call.reentrant = reentrant;
    call.patient = patient_;
    uint32_t request = submit(call, std::move(done));
    if (request != 0)
        locks_[request] = lock;
    return request;
}

/* With the last entry belief ends here, before anything leaves: "stop before you send". */
uint32_t Client::release(const std::string &lock, Done done, bool all)
{
    auto it = held_.find(lock);
    core_call call{};
    call.kind = CORE_RELEASE;
    call.session = session_;
    call.name = span_of(lock);
    call.token = it->second.token;
    call.all = all;
    call.limit_ns = UINT64_MAX;
    it->second.count--;
    if (all || it->second.count == 0) {
        given_up_[lock] = it->second;
        held_.erase(it);
    }
    return submit(call, std::move(done));
}

void Client::release_again(const std::string &lock, Done done)
{
    auto it = given_up_.find(lock);
    if (it == given_up_.end())
        return;
    core_call call{};
    call.kind = CORE_RELEASE;
    call.session = session_;
    call.name = span_of(lock);
    call.token = it->second.token;
    call.limit_ns = UINT64_MAX;
    submit(call, std::move(done));
}

void Client::query(const std::string &lock, std::function<void(const Found &)> done)
{
    rooms_.emplace_back(CORE_READ_BYTES_MAX);
    unsigned char *room = rooms_.back().data();
    core_call call{};
    call.kind = CORE_QUERY;
    call.name = span_of(lock);
    call.room = room;
    call.room_bytes = CORE_READ_BYTES_MAX;
    call.limit_ns = clocks().boot_ns + 5 * NS_PER_S;
    uint64_t called = world_.now();
    submit(call, [this, room, lock, called, done](const core_completion &completion) {
        lock_view view;
        Found found = found_in(completion, room, view);
        if (scribe_ && found.status == STATUS_OK)
            scribe_->found(lock, called, world_.now(), view);
        std::erase_if(rooms_, [room](const auto &one) { return one.data() == room; });
        done(found);
    });
}

void Client::cancel(uint32_t request)
{
    (void)core_cancel(core_, request, clocks());
    step_soon();
}

void Client::cancel_all()
{
    (void)core_cancel_tag(core_, session_, 1, clocks());
    step_soon();
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

/* ---- ... and what others in it ask ---- */

void Client::ask_beside(const core_call &call, Done done)
{
    uint32_t request = 0;
    enum status status = core_submit(core_, &call, clocks(), &request);
    if (status == STATUS_OK) {
        waiting_[request] = {std::move(done), Scribe::none};
        step_soon();
        return;
    }
    core_completion refused{};
    refused.kind = call.kind;
    refused.status = status;
    done(refused);
}

uint32_t Client::open_beside(const core_call &call)
{
    core_call made = call;
    for (unsigned char &byte : made.secret)
        byte = static_cast<unsigned char>(prng_next(&world_.random()));
    uint32_t request = 0;
    if (core_submit(core_, &made, clocks(), &request) != STATUS_OK)
        return 0;
    waiting_[request] = {[](const core_completion &) {}, Scribe::none};
    step_soon();
    return core_opened(core_);
}

void Client::cancel_beside(uint32_t session, uint64_t tag)
{
    (void)core_cancel_tag(core_, session, tag, clocks());
    step_soon();
}

void Client::lose_beside(uint32_t session)
{
    if (core_has_session(core_, session))
        core_lose(core_, session, clocks());
    step_soon();
}

/* ---- What it believes ---- */

struct belief Client::belief() const
{
    if (!core_has_session(core_, session_))
        return {BELIEF_LOST, {0, 0}};
    return belief_read(core_session_belief(core_, session_));
}

enum belief_state Client::state() const
{
    return belief().state;
}

bool Client::believes(const std::string &lock) const
{
    auto it = held_.find(lock);
    return it != held_.end() && believes_in(it->second);
}

bool Client::believes_given_up() const
{
    return std::any_of(given_up_.begin(), given_up_.end(),
            [this](const auto &entry) { return believes_in(entry.second); });
}

bool Client::believes_in(const Held &held) const
{
    uint32_t count = 0;
    const struct hold_belief *holds = core_hold_beliefs(core_, &count);
    assert(held.hold < count);
    if (hold_read(&holds[held.hold]) != held.token)
        return false;
    struct belief now = belief();
    return belief_left_ns(&now, clocks()) > 0;
}

/* ---- Steps ---- */

void Client::collect_events(bool believed)
{
    core_session_event event;
    while (core_next_event(core_, &event)) {
        if (event.session != session_)
            continue; /* Nobody judges the others. */
        bool over = event.token == 0 && event.state == BELIEF_LOST;
        bool told =
                event.reason == CORE_REASON_EXPIRED || event.reason == CORE_REASON_UNKNOWN;
        early_losses_ += believed && over && told;
        if (scribe_ && over)
            scribe_->over(told, world_.now());
        if (scribe_ && event.token != 0)
            scribe_->hold_ended(event.token);
        if (event.token != 0)
            std::erase_if(held_, [&event](const auto &entry) {
                return entry.second.token == event.token;
            });
        if (on_event)
            on_event(event);
    }
}

/* The program learns of a grant, with everything that the core believes of it by now. */
void Client::settle(const core_completion &completion)
{
    auto lock = locks_.find(completion.request);
    if (lock == locks_.end())
        return;
    if (completion.status == STATUS_OK) {
        Held &held = held_[lock->second];
        uint32_t count = held.token == completion.token ? held.count : 0;
        held = {completion.token, completion.hold, count + 1};
        /* Entered again while the release was on its way: the hold lives on. */
        auto given_up = given_up_.find(lock->second);
        if (given_up != given_up_.end() && given_up->second.token == held.token)
            given_up_.erase(given_up);
    }
    locks_.erase(lock);
}

void Client::collect_completions()
{
    std::vector<std::pair<Done, core_completion>> told;
    core_completion completion;
    while (core_next_completion(core_, &completion)) {
        settle(completion);
        auto done = waiting_.find(completion.request);
        if (done == waiting_.end())
            continue;
        if (scribe_)
            scribe_->told(done->second.ticket, completion, world_.now());
        told.push_back({std::move(done->second.done), completion});
        waiting_.erase(done);
    }
    for (auto &[done, what] : told)
        done(what);
}

/* What it learned of its session: the id, and a longer lease. */
void Client::tell_scribe()
{
    scribe_->session_is(session_id());
    struct belief now = belief();
    if (now.state != BELIEF_HELD || now.until.boot_ns <= told_until_)
        return;
    told_until_ = now.until.boot_ns;
    uint64_t own = clocks().boot_ns;
    uint64_t left = told_until_ > own ? told_until_ - own : 0;
    scribe_->believes_until(world_.now() + clock_.true_ns(left), world_.now());
}

void Client::step(core_event event)
{
    event.now = clocks();
    struct belief before = belief();
    bool believed = belief_left_ns(&before, event.now) > 0;
    core_effects effects{};
    core_step(core_, &event, &effects);
    core_check(core_);
    perform(effects);
    if (scribe_)
        tell_scribe();
    collect_events(believed);
    core_notice notice;
    while (core_next_notice(core_, &notice))
        ;
    collect_completions();
    if (after_step)
        after_step();
}

void Client::disconnect()
{
    if (link_ != 0)
        world_.network.close(link_, this);
    link_ = 0;
    attempt_++;
    sending_ = false;
}

void Client::connect(int to)
{
    uint64_t attempt = ++attempt_;
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

/* The kernel takes all of it, or a part. */
void Client::send(const core_effects &effects)
{
    sending_ = true;
    uint64_t attempt = attempt_;
    size_t count = effects.send_bytes;
    if (world_.options().splits && world_.roll(16) == 0)
        count = 1 + world_.roll(count);
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

void Client::wake_at(uint64_t deadline)
{
    if (deadline == UINT64_MAX)
        return;
    uint64_t own = clocks().boot_ns;
    uint64_t delay = deadline > own ? deadline - own + 1 : 1;
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

void Client::perform(const core_effects &effects)
{
    if (effects.close)
        disconnect();
    if (effects.connect)
        connect(std::stoi(effects.node->address + 1));
    if (effects.send_bytes > 0 && !sending_ && link_ != 0)
        send(effects);
    wake_at(effects.deadline_ns);
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
