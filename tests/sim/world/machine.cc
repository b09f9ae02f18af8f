#include "sim/world/machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/hash.h"
#include "base/units.h"
#include "sim/world/world.h"
#include "store/tail.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

namespace sim {

namespace {

constexpr uint64_t late_most_ns = 3 * NS_PER_S; /* A write after its process's end */

/* Small limits, so that rings wrap and pools fill within a hundred steps. */
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
    settings.limits.keepalives_max = 64;
    settings.limits.connections_max = 64;
    settings.limits.owed_max = 256;
    settings.limits.reads_max = 16;
    settings.limits.read_bytes = 32 * KIB;
    settings.limits.apply_bytes = 2 * KIB;
    settings.limits.peer_frame_bytes = 20 * KIB;
    settings.limits.peer_output_bytes = 64 * KIB;
    settings.limits.client_output_bytes = 160 * KIB;
    settings.snapshot.log_bytes = 192 * KIB;
    settings.snapshot.every_ns = 20 * NS_PER_S;
    settings.snapshot.keep_bytes = 64 * KIB;
    settings.snapshot.write_bytes_per_s = MIB;
    settings.snapshot.send_bytes_per_s = 4 * MIB;
    settings.snapshot.send_patience_ns = 3 * NS_PER_S;
    settings.snapshot.items = 8;
    settings.snapshot.chunk_bytes = 4 * KIB;
    settings.scrub_bytes_per_s = 256 * KIB;
    settings.scrub_every_ns = 10 * NS_PER_S;
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

Machine::Machine(World &world, uint8_t id, bool ghost)
        : world_(world), id_(id), ghost_(ghost)
{
    node_settings_default(&settings_);
    settings_.self = id;
    settings_.version = "sim";
    address_ = "n" + std::to_string(id);
    for (int founder = 1; founder <= world.options().nodes; founder++)
        list_member(static_cast<uint8_t>(founder), "n" + std::to_string(founder));
    if (id > world.options().nodes) /* It can be added later. */
        list_member(id, address_);
    if (world.options().tiny)
        shrink(settings_);
    if (world.options().tune)
        world.options().tune(settings_);
    disk.segment_bytes = settings_.wal.segment_bytes;
    segments_of_all_ = settings_.wal.segments_max;
    disk.late_writes = world_.options().late_writes;
    disk.page_cache = world_.options().page_cache;
}

void Machine::list_member(uint8_t id, const std::string &address)
{
    node_member &member = settings_.members[settings_.member_count++];
    member = {};
    member.id = id;
    std::memcpy(member.address, address.c_str(), address.size() + 1);
}

void Machine::list_members(const std::set<int> &ids)
{
    std::set<int> all = ids;
    all.insert(id_);
    settings_.member_count = 0;
    for (int id : all)
        list_member(static_cast<uint8_t>(id),
                id == id_ ? address_ : world_.machine(id).address());
}

/* What it was told of itself at its start changes, too. */
void Machine::move_to(const std::string &address)
{
    address_ = address;
    for (uint8_t i = 0; i < settings_.member_count; i++) {
        node_member &member = settings_.members[i];
        if (member.id == id_)
            std::memcpy(member.address, address.c_str(), address.size() + 1);
    }
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
    return event;
}

/* Something of this life of the node, later; while it is paused it waits. */
template <class What> void Machine::defer(uint64_t delay_ns, What what)
{
    uint64_t life = life_;
    world_.in(delay_ns, [this, life, what = std::move(what)] {
        if (life != life_ || !node_)
            return;
        if (paused_)
            while_paused_.push_back(what);
        else
            what();
    });
}

/* ---- Start and end ---- */

void Machine::carve()
{
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    (void)node_carve(&arena, &settings_);
    if (memory_)
        munmap(memory_, memory_bytes_);
    memory_bytes_ = arena_used_bytes(&arena) + 4096;
    memory_ = mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(memory_ != MAP_FAILED);
    arena_init(&arena, memory_, memory_bytes_);
    node_ = node_carve(&arena, &settings_);
    arena_seal(&arena);
}

/* As io does: no write of an earlier process is under way any more (io/disk_lock.h). */
void Machine::recover()
{
    disk.finish_late();
    struct recovery *recovery = node_recovery(node_);
    repair_block repair{};
    if (!disk.repair.empty() && repair_read(disk.repair.data(), &repair) == REPAIR_GOOD)
        node_gave_up(node_, &repair);
    begin_block begin{};
    if (!disk.log_begin.empty() &&
            log_begin_read(disk.log_begin.data(), &begin) == BEGIN_GOOD)
        node_begin_log(node_, &begin);
    for (const auto &[index, content] : disk.snapshots) {
        snapshot_header header;
        if (snapshot_read_header(content.data(), &header) == SNAPSHOT_GOOD)
            node_offer_snapshot(node_, &header);
    }
    for (const auto &[number, content] : disk.segments) {
        if (number < disk.first_segment())
            continue;
        recovery_begin_segment(recovery, number, content.size());
        for (size_t at = 0; at < content.size(); at += 64 * KIB) {
            size_t count = std::min<size_t>(64 * KIB, content.size() - at);
            recovery_feed(recovery, content.data() + at, count);
            node_recover(node_);
        }
    }
}

void Machine::load_snapshot()
{
    while (const snapshot_header *header = node_next_snapshot(node_)) {
        const std::vector<uint8_t> &content = disk.snapshots.at(header->last.index);
        size_t count = SNAPSHOT_BLOCK_BYTES;
        bool good = true;
        for (size_t at = 0; good && at < content.size(); at += count) {
            if (at > 0)
                count = std::min<size_t>(header->chunk_bytes, content.size() - at);
            good = node_feed_snapshot(node_, content.data() + at, count);
        }
        if (good)
            return;
    }
}

/* How many it may have in the life that begins. */
void Machine::count_segments()
{
    uint32_t there = static_cast<uint32_t>(disk.segments.size());
    if (more_segments_ && segments_max_ == 0)
        segments_max_ = std::max(there + *more_segments_, 1U);
    settings_.wal.segments_max =
            more_segments_ ? std::max(segments_max_, there) : segments_of_all_;
}

/* As io does: what was read is durable from then on. */
void Machine::settle()
{
    struct tail tail;
    tail_init(&tail, node_recovery(node_));
    while (tail_left(&tail) > 0) {
        wal_place place = tail.place;
        std::vector<uint8_t> bytes = disk.read(place, tail_left(&tail));
        size_t taken = tail_take(&tail, bytes.data(), bytes.size());
        assert(taken > 0);
        disk.write_again(place, taken);
    }
    assert(tail_is_whole(&tail));
}

enum node_boot Machine::start()
{
    assert(!node_);
    count_segments();
    /* As io draws one for each start; it takes nothing from the world's dice. */
    uint64_t parts[] = {id_, life_ + ghost_, world_.now()};
    settings_.wal.incarnation = hash_bytes(parts, sizeof parts, 0) | 1;
    carve();
    node_init(node_, &settings_, prng_next(&world_.random()));
    recover();
    load_snapshot();
    life_++;
    recovery_decision decision{};
    enum node_boot boot = node_boot(node_, clock(), &decision);
    repairable_.reset();
    if (boot != NODE_BOOT_OK) {
        repair_block repair{};
        if (node_may_repair(node_, boot, &repair))
            repairable_ = repair;
        node_ = nullptr;
        return boot;
    }
    if (!node_is_repairing(node_))
        disk.repair.clear();
    settle();
    disk.remove_leftovers(node_);
    node_effects_init(node_, &effects_);
    slots_.assign(settings_.limits.connections_max, 0);
    stopped_ = false;
    removed_ = false;
    paused_ = false;
    in_turn_ = false;
    wake_ = 0;
    hurried_ = 0;
    seen_at_ = UINT64_MAX;
    end_turn();
    return boot;
}

void Machine::give_up_log()
{
    assert(!node_ && repairable_);
    repair_block kept = *std::exchange(repairable_, std::nullopt);
    kept.moving = false;
    disk.put_aside(kept);
}

void Machine::crash(End how)
{
    if (!node_) {
        if (how == End::power_cut)
            disk.end(how, world_.random());
        return;
    }
    ending_.reset();
    if (world_.before_end)
        world_.before_end(*this);
    node_ = nullptr;
    life_++;
    while_paused_.clear();
    disk.end(how, world_.random());
    if (disk.has_late())
        world_.in(world_.roll(late_most_ns), [this] { disk.finish_late(); });
    for (uint64_t link : slots_) {
        if (link != 0)
            world_.network.close(link, this, how == End::power_cut);
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
    uint64_t life = life_;
    for (auto &what : missed) {
        if (node_ && life == life_)
            what();
    }
}

void Machine::stop()
{
    defer(0, [this] { step(event(NODE_STOP)); });
}

/* ---- Turns ---- */

void Machine::step(node_event event)
{
    bool begins = !in_turn_;
    if (begins)
        turn_begin_ = clock();
    in_turn_ = true;
    event.now_ns = turn_begin_;
    node_step(node_, &event, &effects_);
    if (!begins)
        return;
    uint64_t length = world_.roll(world_.options().turn_ns);
    if (length == 0)
        end_turn();
    else
        defer(length, [this] { end_turn(); });
}

void Machine::end_turn()
{
    in_turn_ = false;
    node_event end = event(NODE_TURN_END);
    end.now_ns = clock();
    end.clocks = {end.now_ns, end.now_ns, end.now_ns, end.now_ns + wall_};
    node_step(node_, &end, &effects_);
    world_.count_turn();
    for (uint32_t i = 0; i < effects_.notice_count; i++)
        notices.push_back(effects_.notices[i]);
    world_.check(*this);
    if (world_.after_turn)
        world_.after_turn(*this);
    perform();
}

void Machine::end_amid(uint32_t effects, End how, bool disk_first)
{
    ending_ = {effects, how, disk_first};
}

/* Before each effect: is it still to be done? */
bool Machine::may_do()
{
    if (!node_)
        return false;
    if (!ending_ || ending_->effects-- > 0)
        return true;
    crash(ending_->how);
    return false;
}

/* The effects of the turn. Their arrays are overwritten by the next: all is copied. */
void Machine::perform()
{
    if (effects_.failed && node_->leaving.removed_ns != 0) {
        removed_ = true;
        crash();
        return;
    }
    assert(!effects_.failed);
    bool disk_first = ending_ && ending_->disk_first;
    if (disk_first)
        perform_writes();
    perform_closes();
    perform_sends();
    if (!disk_first)
        perform_writes();
    perform_read();
    perform_segment();
    perform_file();
    for (uint32_t i = 0; i < effects_.connect_count && may_do(); i++)
        connect(effects_.connects[i], effects_.connect_to[i]);
    if (!node_)
        return; /* Its disk failed, or it was to end here. */
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
        if (!in_turn_)
            end_turn();
    });
}

/* ---- Disk ---- */

void Machine::finish_write(uint64_t id, uint64_t life)
{
    if (life != life_)
        return;
    if (disk.stuck) {
        world_.in(10 * NS_PER_MS, [this, id, life] { finish_write(id, life); });
        return;
    }
    disk.end_write(id); /* Also while the process is paused. */
    defer(0, [this, id] {
        node_event written = event(NODE_WRITTEN);
        written.id = id;
        step(written);
    });
}

void Machine::perform_writes()
{
    if (node_ && effects_.write_count > 0 && disk.broken) {
        disk.fail_sync(effects_.writes, effects_.write_count, world_.random());
        crash(); /* io: a failed write of the log is fatal. */
        return;
    }
    for (uint32_t i = 0; i < effects_.write_count && may_do(); i++) {
        const Options &options = world_.options();
        uint64_t done =
                world_.now() + options.disk_ns + world_.roll(options.disk_jitter_ns);
        done += disk.write_ns;
        done = std::max(done, disk.stalled_until);
        uint64_t id = effects_.writes[i].id;
        disk.begin_write(effects_.writes[i]);
        world_.at(done, [this, id, life = life_] { finish_write(id, life); });
    }
}

void Machine::perform_read()
{
    if (!effects_.read_wanted || !may_do())
        return;
    node_read read = effects_.read;
    std::vector<uint8_t> &buffer = read_into_.at(read.buffer);
    std::fill(buffer.begin(), buffer.end(), uint8_t{0xa5}); /* From now on it is io's. */
    defer(world_.options().disk_ns + disk.read_ns, [this, read] {
        std::vector<uint8_t> &bytes = read_into_.at(read.buffer);
        disk.will_read(read.place, read.count);
        bytes = disk.read(read.place, read.count);
        node_event done = event(NODE_READ);
        done.id = read.id;
        done.bytes = bytes.data();
        done.count = bytes.size();
        step(done);
    });
}

void Machine::perform_file()
{
    if (!effects_.file_wanted || !may_do())
        return;
    disk.begin_file(effects_.file);
    uint64_t id = effects_.file.id;
    defer(world_.options().disk_ns + disk.read_ns, [this, id] { finish_file(id); });
}

void Machine::finish_file(uint64_t id)
{
    if (disk.stuck) {
        defer(10 * NS_PER_MS, [this, id] { finish_file(id); });
        return;
    }
    std::vector<uint8_t> bytes;
    node_event done = event(NODE_FILE_DONE);
    done.id = id;
    done.failed = !disk.end_file(bytes);
    done.bytes = bytes.data();
    done.count = bytes.size();
    step(done);
}

void Machine::perform_segment()
{
    if (effects_.segment_wanted == 0 || !may_do())
        return;
    uint64_t number = effects_.segment_wanted;
    disk.begin_segment(number);
    defer(NS_PER_MS, [this, number] { finish_segment(number); });
}

void Machine::finish_segment(uint64_t number)
{
    if (disk.stuck) {
        defer(10 * NS_PER_MS, [this, number] { finish_segment(number); });
        return;
    }
    bool full = disk.full;
    if (!full)
        disk.end_segment(number);
    node_event done = event(full ? NODE_SEGMENT_FAILED : NODE_SEGMENT_READY);
    done.id = number;
    step(done);
}

/* ---- Network ---- */

/* The kernel took the first `count` bytes. */
void Machine::send_later(uint32_t conn, uint64_t link, size_t count)
{
    defer(1000, [this, conn, count, link] {
        if (slots_.at(conn) != link)
            return;
        node_event sent = event(NODE_SENT);
        sent.conn = conn;
        sent.count = count;
        step(sent);
    });
}

void Machine::perform_sends()
{
    for (uint32_t i = 0; i < effects_.send_count && may_do(); i++) {
        const node_send &send = effects_.sends[i];
        size_t count = send.count;
        if (world_.options().splits && world_.roll(16) == 0)
            count = 1 + world_.roll(count);
        uint64_t link = slots_.at(send.conn);
        world_.network.send(
                link, this, std::vector<uint8_t>(send.bytes, send.bytes + count));
        send_later(send.conn, link, count);
    }
}

/* Once what is under way has left. */
void Machine::perform_closes()
{
    for (uint32_t i = 0; i < effects_.close_count && may_do(); i++) {
        uint32_t conn = effects_.closes[i];
        uint64_t link = slots_.at(conn);
        defer(2000, [this, conn, link] {
            if (slots_.at(conn) != link)
                return;
            world_.network.close(link, this);
            slots_[conn] = 0;
            node_event gone = event(NODE_CLOSED);
            gone.conn = conn;
            step(gone);
        });
    }
}

void Machine::connected(uint8_t peer, bool there)
{
    auto slot = std::find(slots_.begin(), slots_.end(), 0);
    uint64_t link = 0;
    if (slot != slots_.end() && there)
        link = world_.network.open(this, id_, peer);
    node_event result = event(link != 0 ? NODE_CONNECTED : NODE_CONNECT_FAILED);
    result.peer = peer;
    if (link != 0) {
        result.conn = static_cast<uint32_t>(slot - slots_.begin());
        *slot = link;
    }
    step(result);
}

/* At an address, or where its list says; nobody is there if the peer has moved. */
void Machine::connect(uint8_t peer, const char *address)
{
    bool there = !address || world_.machine(peer).address() == address;
    defer(world_.options().net_ns, [this, peer, there] { connected(peer, there); });
}

std::optional<uint32_t> Machine::accept(uint64_t link, int from)
{
    auto slot = std::find(slots_.begin(), slots_.end(), 0);
    if (!node_ || slot == slots_.end())
        return std::nullopt;
    *slot = link;
    uint32_t conn = static_cast<uint32_t>(slot - slots_.begin());
    defer(0, [this, conn, link, from] {
        if (slots_.at(conn) != link)
            return;
        /* Each endpoint is a machine with an address of its own. */
        unsigned char address[CLIENT_ADDRESS_BYTES] = {0xfd};
        memcpy(address + 8, &from, sizeof(from));
        node_event accepted = event(NODE_ACCEPTED);
        accepted.conn = conn;
        accepted.address = address;
        step(accepted);
    });
    return conn;
}

/*
 * As io does: what a peer says is received straight to where its node wants it. How much
 * was.
 */
size_t Machine::take(uint64_t link, const std::vector<uint8_t> &bytes, size_t begin)
{
    auto slot = std::find(slots_.begin(), slots_.end(), link);
    if (slot == slots_.end())
        return bytes.size() - begin;
    node_event got = event(NODE_RECEIVED);
    got.conn = static_cast<uint32_t>(slot - slots_.begin());
    got.bytes = bytes.data() + begin;
    got.count = bytes.size() - begin;
    if (node_conn_is_peer(node_, got.conn)) {
        size_t room = 0;
        unsigned char *space = node_input_space(node_, got.conn, &room);
        got.count = std::min(got.count, room);
        if (got.count > 0)
            std::memcpy(space, bytes.data() + begin, got.count);
        got.bytes = space;
    }
    step(got);
    return got.count;
}

void Machine::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    defer(0, [this, link, bytes] {
        size_t taken = take(link, bytes, 0);
        while (node_ && taken < bytes.size())
            taken += take(link, bytes, taken);
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
        step(gone);
    });
}

} // namespace sim
