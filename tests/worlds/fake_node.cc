#include "worlds/fake_node.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "base/units.h"
#include "io/clock.h"
#include "io/disk_maker.h"
#include "io/disk_snapshot.h"
#include "store/tail.h"

/* ---- What io calls of the node ---- */

extern "C" {

void node_step(
        struct node *node, const struct node_event *event, struct node_effects *effects)
{
    told row{event->kind, event->conn, event->peer, event->by_other, event->id,
            event->count, {}, event->bytes};
    if (event->kind == NODE_RECEIVED || event->kind == NODE_READ)
        row.bytes.assign(static_cast<const char *>(event->bytes), event->count);
    if (event->kind != NODE_TURN_END) {
        node->events.push_back(row);
        return;
    }
    *effects = node->wants;
    effects->sends = node->sends.data();
    effects->send_count = static_cast<uint32_t>(node->sends.size());
    effects->closes = node->closes.data();
    effects->close_count = static_cast<uint32_t>(node->closes.size());
    effects->deadline_ns = event->now_ns + 20 * NS_PER_MS;
}

unsigned char *node_input_space(struct node *node, uint32_t conn, size_t *room)
{
    (void)conn;
    *room = node->input.size();
    return node->input.data();
}

bool node_conn_is_peer(const struct node *node, uint32_t conn)
{
    return node->peers.count(conn) != 0;
}

bool node_conn_is_client(const struct node *node, uint32_t conn)
{
    return node->clients.count(conn) != 0;
}

const unsigned char *node_log_buffer(const struct node *node, uint64_t *bytes)
{
    *bytes = 1 << 20;
    return node->log_buffer();
}

struct recovery *node_recovery(struct node *node)
{
    return reinterpret_cast<struct recovery *>(node);
}

void recovery_begin_segment(struct recovery *recovery, uint64_t number, uint64_t bytes)
{
    (void)bytes;
    reinterpret_cast<struct node *>(recovery)->segments.push_back(number);
}

void recovery_feed(struct recovery *recovery, const void *bytes, size_t count)
{
    reinterpret_cast<struct node *>(recovery)->fed.append(
            static_cast<const char *>(bytes), count);
}

void recovery_call_damaged(struct recovery *recovery)
{
    reinterpret_cast<struct node *>(recovery)->called_damaged = true;
}

void node_recover(struct node *node)
{
    (void)node;
}

/* It has no snapshots, and counts on none. */
void node_begin_log(struct node *node, const struct begin_block *begin)
{
    (void)node;
    (void)begin;
}

void node_offer_snapshot(struct node *node, const struct snapshot_header *header)
{
    (void)node;
    (void)header;
}

const struct snapshot_header *node_next_snapshot(struct node *node)
{
    (void)node;
    return nullptr;
}

bool node_feed_snapshot(struct node *node, const unsigned char *bytes, size_t count)
{
    (void)node;
    (void)bytes;
    (void)count;
    return false;
}

bool node_has_snapshot(const struct node *node, uint64_t index)
{
    (void)node;
    (void)index;
    return false;
}

static const struct node *node_of(const struct tail *tail)
{
    return reinterpret_cast<const struct node *>(tail->recovery);
}

void tail_init(struct tail *tail, const struct recovery *recovery)
{
    *tail = {};
    tail->recovery = recovery;
    tail->place = node_of(tail)->tail;
}

uint64_t tail_left(const struct tail *tail)
{
    return node_of(tail)->tail_end - tail->place.offset;
}

size_t tail_take(struct tail *tail, const void *bytes, size_t count)
{
    (void)bytes;
    if (node_of(tail)->tail_changed)
        return 0;
    tail->place.offset += count;
    return count;
}

bool tail_is_whole(const struct tail *tail)
{
    return tail_left(tail) == 0;
}
}

size_t node::count(node_event_kind kind) const
{
    size_t found = 0;
    for (const told &row : events)
        found += row.kind == kind;
    return found;
}

const told *node::last(node_event_kind kind) const
{
    for (auto at = events.rbegin(); at != events.rend(); ++at) {
        if (at->kind == kind)
            return &*at;
    }
    return nullptr;
}

std::string node::received(uint32_t conn) const
{
    std::string all;
    for (const told &row : events) {
        if (row.kind == NODE_RECEIVED && row.conn == conn)
            all += row.bytes;
    }
    return all;
}

const unsigned char *node::log_buffer() const
{
    auto begin = reinterpret_cast<uintptr_t>(log.data());
    return reinterpret_cast<const unsigned char *>((begin + 4095) / 4096 * 4096);
}

/* ---- The world ---- */

static void write_line(
        void *context, enum tell_level level, const char *event, const char *details)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    auto *lines = static_cast<std::vector<std::string> *>(context);
    lines->push_back(std::string(names[level]) + " " + event + " " + details);
    if (level == TELL_ERROR)
        fprintf(stderr, "%s\n", lines->back().c_str());
}

static void carve(struct arena *arena, io_world *world, uint32_t connections)
{
    trace_carve(&world->turn.trace, arena);
    uring_carve(&world->uring, arena);
    net_carve(&world->net, arena, connections);
    disk_carve(&world->disk, arena, 64);
    world->names = static_cast<struct names *>(
            arena_take(arena, "names", 1, sizeof(struct names), alignof(struct names)));
}

io_world::io_world(uint32_t connections)
        : tell{&lines, write_line, nullptr, nullptr, nullptr, nullptr, nullptr}
{
    char reason[URING_REASON_BYTES] = "";
    if (!uring_open(&uring, 4 * connections, reason))
        throw std::runtime_error(reason);
    arena_init(&arena, nullptr, 0);
    carve(&arena, this, connections);
    bytes_ = arena_used_bytes(&arena);
    memory_ = mmap(
            nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    arena_init(&arena, memory_, bytes_);
    carve(&arena, this, connections);
    node.log.resize((1 << 20) + 4096);
    turn.node = &node;
    disk.tell = &tell;
}

io_world::~io_world()
{
    uring_close(&uring);
    if (has_disk_)
        disk_close(&disk);
    munmap(memory_, bytes_);
}

void io_world::begin_net(const node_settings &settings, int listener)
{
    net.uring = &uring;
    net.turn = &turn;
    net.tell = &tell;
    net.listener = listener;
    turn.now_ns = clock_now();
    char reason[URING_REASON_BYTES] = "";
    EXPECT_TRUE(uring_provide(&uring, reason)) << reason;
    struct net_settings wanted {};
    wanted.congestion = "auto";
    wanted.node = &settings;
    net_init(&net, &wanted);
    has_net_ = true;
}

void io_world::read_names()
{
    struct io_uring_sqe *sqe = uring_next(&uring);
    io_uring_prep_read(sqe, names->wake, &names_woken, sizeof names_woken, 0);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_NAMES, 0));
}

void io_world::begin_names()
{
    names = new struct names; /* Its thread outlives the world. */
    ASSERT_TRUE(names_open(names, 2));
    net.names = names;
    read_names();
}

bool io_world::open_disk(const std::string &path, uint64_t segment_bytes, bool sync_after,
        std::string *reason)
{
    char text[DISK_REASON_BYTES] = "";
    static std::set<std::string> kept; /* The disk keeps the pointer to its path. */
    struct disk_settings settings {};
    settings.path = kept.insert(path).first->c_str();
    settings.segment_bytes = segment_bytes;
    settings.segments_max = 64;
    settings.sync_after = sync_after;
    has_disk_ = disk_open(&disk, &settings, text);
    if (reason)
        *reason = text;
    if (!has_disk_)
        return false;
    disk.uring = &uring;
    disk.turn = &turn;
    return true;
}

void io_world::dispatch(const uring_done &done)
{
    switch (uring_tag_op(done.tag)) {
    case OP_IGNORED:
    case OP_SIGNAL:
        break;
    case OP_ACCEPT:
        net_accepted(&net, &done);
        break;
    case OP_RECEIVE:
        net_received(&net, &done);
        break;
    case OP_SEND:
        net_sent(&net, &done);
        break;
    case OP_CONNECT:
        net_connected(&net, &done);
        break;
    case OP_LOG_WRITE:
        disk_written(&disk, &done);
        break;
    case OP_LOG_SYNC:
        disk_synced(&disk, &done);
        break;
    case OP_LOG_READ:
        disk_read(&disk, &done);
        break;
    case OP_MAKE_SEGMENT:
        maker_done(&disk, &done);
        break;
    case OP_FILE:
        snapshot_op_done(&disk, &done);
        break;
    case OP_NAMES:
        net_resolved(&net);
        read_names();
        break;
    case OP_HTTP_ACCEPT:
    case OP_HTTP:
        FAIL() << "there is no HTTP here";
        break;
    }
}

void io_world::run_turn()
{
    uring_done done[64];
    turn.now_ns = clock_now();
    unsigned taken = uring_take(&uring, done, 64);
    for (unsigned i = 0; i < taken; i++)
        dispatch(done[i]);
    if (has_net_)
        net_time(&net);
    if (has_disk_)
        disk_time(&disk);
    node_event end{};
    end.kind = NODE_TURN_END;
    end.now_ns = turn.now_ns;
    turn_step(&turn, end);
    node.wants = {};
    if (has_net_)
        net_perform(&net, &turn.effects);
    node.sends.clear();
    node.closes.clear();
    if (has_disk_)
        disk_perform(&disk, &turn.effects);
    EXPECT_EQ(uring_wait(&uring, 5 * NS_PER_MS), 0);
}

bool io_world::run_until(const std::function<bool()> &done)
{
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < end)
        run_turn();
    return done();
}

scratch::scratch()
{
    const char *base = std::getenv("LOCKD_TEST_DIR");
    path = std::string(base ? base : "/var/tmp") + "/lockd-io-XXXXXX";
    if (!mkdtemp(path.data()))
        throw std::runtime_error("no directory for tests: " + path);
}

scratch::~scratch()
{
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}
