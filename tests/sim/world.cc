#include "sim/world.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/units.h"

namespace sim {

namespace {

void shrink(node_settings &settings)
{
    settings.wal.segment_bytes = 256 * KIB;
    settings.wal.buffer_bytes = 160 * KIB;
    settings.wal.entry_body_max = 16 * KIB;
    settings.wal.segments_max = 4096;
    settings.raft.append_bytes_max = ENTRY_HEAD_BYTES + 16 * KIB;
    settings.raft.append_entries_max = 8;
    settings.raft.window = 2;
    settings.raft.recent_max = 16;
    settings.raft.trail_max = 1024;
    settings.limits.entry_body_max = 16 * KIB;
    settings.limits.renewals_max = 64;
    settings.limits.connections_max = 32;
    settings.limits.owed_max = 256;
    settings.limits.reads_max = 16;
    settings.limits.peer_frame_bytes = 20 * KIB;
    settings.limits.peer_output_bytes = 64 * KIB;
    settings.limits.client_output_bytes = 160 * KIB;
    settings.cluster.sessions_max = 64;
    settings.cluster.locks_max = 64;
    settings.cluster.holds_max = 64;
    settings.cluster.waits_max = 128;
    settings.cluster.waits_per_lock_max = 32;
    settings.cluster.answers_max = 1024;
    settings.cluster.changes_max = 256;
    settings.cluster.changes_per_session_max = 8;
    settings.cluster.name_blocks_max = 1024;
    settings.cluster.work_max = 4;
}

} // namespace

Machine::Machine(World &world, uint8_t id) : world_(world), id_(id)
{
    node_settings_default(&settings_);
    settings_.self = id;
    settings_.version = "sim";
    settings_.member_count = static_cast<uint8_t>(world.options().nodes);
    for (uint8_t i = 0; i < settings_.member_count; i++) {
        settings_.members[i].id = static_cast<uint8_t>(i + 1);
        std::string address = "n" + std::to_string(i + 1);
        std::memcpy(settings_.members[i].address, address.c_str(), address.size() + 1);
    }
    if (world.options().tiny)
        shrink(settings_);
    if (world.options().tune)
        world.options().tune(settings_);
    disk.segment_bytes = settings_.wal.segment_bytes;
}

Machine::~Machine()
{
    if (memory_)
        munmap(memory_, memory_bytes_);
}

uint64_t Machine::clock() const
{
    return clock_.at(world_.now());
}

void Machine::set_rate(int64_t ppm)
{
    clock_.set_rate(world_.now(), ppm);
}

node_event Machine::event(enum node_event_kind kind) const
{
    node_event event{};
    event.kind = kind;
    event.now_ns = clock();
    return event;
}

/* Something of this life of the node, later; while it is paused it waits. */
void Machine::defer(uint64_t delay_ns, std::function<void()> what)
{
    uint64_t life = life_;
    world_.at(world_.now() + delay_ns, [this, life, what = std::move(what)] {
        if (life != life_ || !node_)
            return;
        if (paused_)
            while_paused_.push_back(what);
        else
            what();
    });
}

enum node_boot Machine::start()
{
    assert(!node_);
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    (void)node_carve(&arena, &settings_);
    size_t bytes = arena_used_bytes(&arena) + 4096;
    if (memory_)
        munmap(memory_, memory_bytes_);
    memory_bytes_ = bytes;
    memory_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(memory_ != MAP_FAILED);
    arena_init(&arena, memory_, bytes);
    node_ = node_carve(&arena, &settings_);
    arena_seal(&arena);
    node_init(node_, &settings_, prng_next(&world_.random()));
    struct recovery *recovery = node_recovery(node_);
    for (const auto &[number, content] : disk.segments) {
        recovery_begin_segment(recovery, number, content.size());
        for (size_t at = 0; at < content.size(); at += 64 * KIB) {
            size_t count = std::min<size_t>(64 * KIB, content.size() - at);
            recovery_feed(recovery, content.data() + at, count);
            node_recover(node_);
        }
    }
    life_++;
    recovery_decision decision{};
    enum node_boot boot = node_boot(node_, clock(), &decision);
    if (boot != NODE_BOOT_OK) {
        node_ = nullptr;
        return boot;
    }
    node_effects_init(node_, &effects_);
    slots_.assign(settings_.limits.connections_max, 0);
    stopped_ = false;
    paused_ = false;
    unsynced_.clear();
    take_turn();
    return boot;
}

void Machine::crash(bool power_cut)
{
    if (!node_)
        return;
    node_ = nullptr;
    life_++;
    while_paused_.clear();
    /* What was not synced may be there or not, sector by sector. */
    for (const Unsynced &write : unsynced_) {
        std::vector<uint8_t> &content = disk.segments[write.segment];
        for (size_t at = 0; at < write.bytes.size(); at += 512) {
            if (power_cut && prng_below(&world_.random(), 2) == 0)
                continue;
            std::memcpy(content.data() + write.offset + at, write.bytes.data() + at, 512);
        }
    }
    unsynced_.clear();
    for (uint64_t link : slots_) {
        if (link != 0)
            world_.close_link(link, this, power_cut);
    }
    slots_.clear();
}

void Machine::pause(bool on)
{
    paused_ = on;
    if (on)
        return;
    std::vector<std::function<void()>> missed;
    missed.swap(while_paused_);
    for (auto &what : missed) {
        if (node_)
            what();
    }
}

void Machine::stop()
{
    node_event stop_event = event(NODE_STOP);
    turn(&stop_event);
}

void Machine::turn(const node_event *what)
{
    node_step(node_, what, &effects_);
    take_turn();
}

void Machine::take_turn()
{
    node_event end = event(NODE_TURN_END);
    end.clocks = {end.now_ns, end.now_ns, end.now_ns, end.now_ns};
    node_step(node_, &end, &effects_);
    world_.turns_++;
    world_.check(*this);
    perform();
    if (world_.after_turn && node_)
        world_.after_turn(*this);
}

void Machine::perform_writes()
{
    for (uint32_t i = 0; i < effects_.write_count; i++) {
        const wal_write &write = effects_.writes[i];
        unsynced_.push_back({write.place.segment, write.place.offset,
                std::vector<uint8_t>(write.bytes, write.bytes + write.count), write.id});
        const Options &options = world_.options();
        uint64_t done =
                world_.now() + options.disk_ns + world_.jitter(options.disk_jitter_ns);
        done = std::max(done, disk.stalled_until);
        uint64_t id = write.id;
        defer(done - world_.now(), [this, id] {
            auto it = std::find_if(unsynced_.begin(), unsynced_.end(),
                    [id](const Unsynced &unsynced) { return unsynced.id == id; });
            assert(it != unsynced_.end());
            std::vector<uint8_t> &content = disk.segments.at(it->segment);
            assert(it->offset + it->bytes.size() <= content.size());
            std::memcpy(content.data() + it->offset, it->bytes.data(), it->bytes.size());
            unsynced_.erase(it);
            node_event written = event(NODE_WRITTEN);
            written.id = id;
            turn(&written);
        });
    }
}

void Machine::perform_read()
{
    if (!effects_.read_wanted)
        return;
    node_read read = effects_.read;
    defer(world_.options().disk_ns, [this, read] {
        std::vector<uint8_t> bytes;
        auto it = disk.segments.find(read.place.segment);
        if (it != disk.segments.end() && read.place.offset < it->second.size()) {
            size_t count =
                    std::min<size_t>(read.count, it->second.size() - read.place.offset);
            auto begin = it->second.begin() + static_cast<ptrdiff_t>(read.place.offset);
            bytes.assign(begin, begin + static_cast<ptrdiff_t>(count));
        }
        node_event done = event(NODE_READ);
        done.id = read.id;
        done.bytes = bytes.data();
        done.count = bytes.size();
        turn(&done);
    });
}

void Machine::perform_sends()
{
    for (uint32_t i = 0; i < effects_.send_count; i++) {
        const node_send &send = effects_.sends[i];
        uint64_t link = slots_.at(send.conn);
        world_.send(link, this, std::vector<uint8_t>(send.bytes, send.bytes + send.count));
        uint32_t conn = send.conn;
        size_t count = send.count;
        defer(1000, [this, conn, count, link] {
            if (slots_.at(conn) != link)
                return;
            node_event sent = event(NODE_SENT);
            sent.conn = conn;
            sent.count = count;
            turn(&sent);
        });
    }
}

void Machine::connect(uint8_t peer)
{
    uint64_t delay = world_.options().net_ns;
    bool reachable = world_.machine(peer).up() && !world_.is_cut(id_, peer) &&
                     !world_.is_cut(peer, id_);
    defer(delay, [this, peer, reachable] {
        auto slot = std::find(slots_.begin(), slots_.end(), 0);
        bool good = reachable && world_.machine(peer).up() && slot != slots_.end();
        node_event result = event(good ? NODE_CONNECTED : NODE_CONNECT_FAILED);
        result.peer = peer;
        if (good) {
            result.conn = static_cast<uint32_t>(slot - slots_.begin());
            uint64_t link = world_.open_link(this, id_, peer);
            if (link == 0)
                result.kind = NODE_CONNECT_FAILED;
            else
                slots_[result.conn] = link;
        }
        turn(&result);
    });
}

/* The effects of the turn. Their arrays are overwritten by the next: all is copied. */
void Machine::perform()
{
    std::vector<uint32_t> closes(effects_.closes, effects_.closes + effects_.close_count);
    perform_sends();
    perform_writes();
    perform_read();
    if (effects_.segment_wanted != 0) {
        uint64_t number = effects_.segment_wanted;
        defer(NS_PER_MS, [this, number] {
            bool fails = disk.fails_segments;
            if (!fails)
                disk.segments[number].assign(disk.segment_bytes, 0);
            node_event done = event(fails ? NODE_SEGMENT_FAILED : NODE_SEGMENT_READY);
            done.id = number;
            turn(&done);
        });
    }
    for (uint32_t i = 0; i < effects_.connect_count; i++)
        connect(effects_.connects[i]);
    for (uint32_t i = 0; i < effects_.notice_count; i++)
        notices.push_back(effects_.notices[i]);
    for (uint32_t conn : closes) {
        uint64_t link = slots_.at(conn);
        defer(2000, [this, conn, link] {
            if (slots_.at(conn) != link)
                return;
            world_.close_link(link, this);
            slots_[conn] = 0;
            node_event gone = event(NODE_CLOSED);
            gone.conn = conn;
            turn(&gone);
        });
    }
    if (effects_.stopped) {
        stopped_ = true;
        crash();
        return;
    }
    wake_at(effects_.deadline_ns);
}

void Machine::wake_at(uint64_t deadline)
{
    if (deadline == UINT64_MAX)
        return;
    uint64_t own = clock();
    uint64_t delay = deadline > own ? deadline - own : 1;
    /* io would burn a core if a node asked for turns in which nothing can happen. */
    hurried_ = delay <= 10000 ? hurried_ + 1 : 0;
    assert(hurried_ < 1000 && "the node spins");
    uint64_t wake = world_.now() + delay;
    if (wake_ > world_.now() && wake_ <= wake)
        return;
    wake_ = wake;
    defer(delay, [this, wake] {
        if (wake_ == wake)
            wake_ = 0;
        take_turn();
    });
}

std::optional<uint32_t> Machine::accept(uint64_t link)
{
    auto slot = std::find(slots_.begin(), slots_.end(), 0);
    if (!node_ || slot == slots_.end())
        return std::nullopt;
    *slot = link;
    uint32_t conn = static_cast<uint32_t>(slot - slots_.begin());
    defer(0, [this, conn, link] {
        if (slots_.at(conn) != link)
            return;
        node_event accepted = event(NODE_ACCEPTED);
        accepted.conn = conn;
        turn(&accepted);
    });
    return conn;
}

void Machine::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    defer(0, [this, link, bytes] {
        auto slot = std::find(slots_.begin(), slots_.end(), link);
        if (slot == slots_.end())
            return;
        node_event got = event(NODE_RECEIVED);
        got.conn = static_cast<uint32_t>(slot - slots_.begin());
        got.bytes = bytes.data();
        got.count = bytes.size();
        turn(&got);
    });
}

void Machine::closed(uint64_t link, bool by_other)
{
    defer(0, [this, link, by_other] {
        auto slot = std::find(slots_.begin(), slots_.end(), link);
        if (slot == slots_.end())
            return;
        *slot = 0;
        node_event gone = event(NODE_CLOSED);
        gone.conn = static_cast<uint32_t>(slot - slots_.begin());
        gone.by_other = by_other;
        turn(&gone);
    });
}

World::World(const Options &options) : options_(options)
{
    prng_init(&random_, options.seed);
    for (int id = 1; id <= options.nodes; id++)
        machines_.push_back(std::make_unique<Machine>(*this, static_cast<uint8_t>(id)));
}

World::~World() = default;

uint64_t World::jitter(uint64_t most)
{
    return most == 0 ? 0 : prng_below(&random_, most);
}

void World::at(uint64_t when_ns, std::function<void()> what)
{
    events_.push({when_ns, sequence_++, std::move(what)});
}

bool World::step()
{
    if (events_.empty())
        return false;
    Timed next = events_.top();
    events_.pop();
    now_ = std::max(now_, next.when);
    next.what();
    return true;
}

void World::run_for(uint64_t ns)
{
    uint64_t end = now_ + ns;
    while (!events_.empty() && events_.top().when <= end)
        step();
    now_ = end;
}

bool World::run_until(const std::function<bool()> &done, uint64_t most_ns)
{
    uint64_t end = now_ + most_ns;
    while (!done()) {
        if (events_.empty() || events_.top().when > end)
            return false;
        step();
    }
    return true;
}

Machine *World::leader()
{
    Machine *best = nullptr;
    for (auto &machine : machines_) {
        bool leads = machine->leads() && !machine->paused();
        if (!leads || !raft_leads_committed(machine->raft()))
            continue;
        if (!best || raft_term(machine->raft()) > raft_term(best->raft()))
            best = machine.get();
    }
    return best;
}

uint64_t World::open_link(Endpoint *from, int from_id, int to_node)
{
    Machine &to = machine(to_node);
    if (!to.up() || is_cut(from_id, to_node) || is_cut(to_node, from_id))
        return 0;
    uint64_t number = next_link_++;
    Link &link = links_[number];
    link.sides[0] = {from, from_id, false};
    link.sides[1] = {&to, to_node, false};
    if (!to.accept(number)) {
        links_.erase(number);
        return 0;
    }
    return number;
}

/* Bytes of one direction keep their order. */
uint64_t World::arrival(Link &link, int to)
{
    uint64_t when = now_ + options_.net_ns + jitter(options_.net_jitter_ns);
    when = std::max(when, link.last[to] + 1);
    link.last[to] = when;
    return when;
}

/* A node that runs again after it lost power. */
bool World::is_back(int id)
{
    return id <= count() && machine(id).up();
}

void World::send(uint64_t number, const Endpoint *from, std::vector<uint8_t> bytes)
{
    auto it = links_.find(number);
    if (it == links_.end())
        return;
    Link &link = it->second;
    int to = link.sides[0].endpoint == from ? 1 : 0;
    if (link.sides[to].closed && is_back(link.sides[to].id)) {
        /* Its kernel knows no such connection: a reset comes back. */
        Endpoint *sender = link.sides[1 - to].endpoint;
        at(now_ + 2 * options_.net_ns, [this, number, sender] {
            if (links_.erase(number) > 0)
                sender->closed(number, true);
        });
        return;
    }
    link.waiting[to].push_back({to, arrival(link, to), std::move(bytes), false});
    at(link.last[to], [this, number, to] { deliver(number, to); });
}

void World::close_link(uint64_t number, const Endpoint *from, bool silent)
{
    auto it = links_.find(number);
    if (it == links_.end())
        return;
    Link &link = it->second;
    int side = link.sides[0].endpoint == from ? 0 : 1;
    link.sides[side].closed = true;
    int to = 1 - side;
    if (silent)
        return; /* The other side hears nothing: its machine has lost power. */
    link.waiting[to].push_back({to, arrival(link, to), {}, true});
    at(link.last[to], [this, number, to] { deliver(number, to); });
}

void World::deliver(uint64_t number, int to)
{
    auto it = links_.find(number);
    if (it == links_.end())
        return;
    Link &link = it->second;
    Side &side = link.sides[to];
    if (is_cut(link.sides[1 - to].id, side.id))
        return; /* heal() delivers what waits. */
    std::vector<Flying> due;
    auto &waiting = link.waiting[to];
    while (!waiting.empty() && waiting.front().when <= now_) {
        due.push_back(std::move(waiting.front()));
        waiting.erase(waiting.begin());
    }
    for (Flying &flying : due) {
        if (side.closed)
            return;
        if (!flying.end) {
            side.endpoint->received(number, flying.bytes);
            continue;
        }
        side.closed = true;
        side.endpoint->closed(number, true);
        links_.erase(number);
        return;
    }
}

void World::cut(int from, int to)
{
    cuts_.insert({from, to});
}

void World::heal()
{
    cuts_.clear();
    for (auto &[number, link] : links_) {
        uint64_t which = number;
        for (int to = 0; to < 2; to++)
            at(now_ + options_.net_ns, [this, which, to] { deliver(which, to); });
    }
}

void World::check(Machine &machine)
{
    node_check(machine.node());
    uint64_t index = locks_index(machine.locks());
    uint64_t digest = locks_digest(machine.locks());
    auto [it, fresh] = digests_.emplace(index, digest);
    if (index != 0 && !fresh)
        assert(it->second == digest && "replicas differ at the same index");
}

} // namespace sim
