/*
 * A whole node that is sent snapshots: well-framed pieces with good sums, of states that make
 * sense or not, in order or not, from a leader or from others, and answers that it never asked
 * for. Between them the log goes on, time passes, its disk fails, and it restarts.
 *
 * Whatever comes, no assertion fails, the node's parts stay sound, and it never goes back
 * behind what it knew to be committed.
 */
#include "locks/snapshot.h"
#include "mirror.h"
#include "node/replica.h"
#include "protocol/peer_snapshot.h"
#include "worlds/byte_source.h"
#include "worlds/locks_world.h"
#include "worlds/node_world.h"
#include "worlds/snapshot_file.h"

namespace {

using node_test::bytes;

constexpr size_t STEPS_MAX = 120;
constexpr uint32_t CHUNK_BYTES = 4 * KIB;
constexpr uint64_t CLUSTER = 77;

bytes take_all(struct locks *locks)
{
    bytes records;
    bytes out(4096);
    locks_snapshot_begin(locks);
    while (!locks_snapshot_done(locks)) {
        size_t count = locks_snapshot_next(locks, out.data(), out.size(), 1000);
        records.insert(
                records.end(), out.begin(), out.begin() + static_cast<ptrdiff_t>(count));
    }
    return records;
}

class hostile_leader {
public:
    hostile_leader(const uint8_t *data, size_t size)
            : in(data, size), world(2, 3, make_small)
    {
        world.play_peers(false);
        greet();
        lead();
        make_file();
    }

    void live()
    {
        using deed = void (hostile_leader::*)();
        static constexpr deed deeds[] = {&hostile_leader::piece, &hostile_leader::piece,
                &hostile_leader::piece, &hostile_leader::rest, &hostile_leader::wrong_piece,
                &hostile_leader::answer, &hostile_leader::lead, &hostile_leader::raw,
                &hostile_leader::make_file, &hostile_leader::time, &hostile_leader::disk,
                &hostile_leader::greet, &hostile_leader::restart};
        for (size_t step = 0; in.has_more() && step < STEPS_MAX; step++) {
            uint64_t commit = raft_commit(node_raft(world.replica()));
            bool kept = true;
            deed next = deeds[in.byte() % std::size(deeds)];
            kept = next != &hostile_leader::restart;
            (this->*next)();
            world.turn();
            node_check(world.replica());
            fuzz::require(!kept || raft_commit(node_raft(world.replica())) >= commit,
                    "what is committed stays");
        }
    }

private:
    static void make_small(node_settings &settings)
    {
        settings.wal.segment_bytes = 256 * KIB;
        settings.wal.buffer_bytes = 160 * KIB;
        settings.wal.entry_body_max = 16 * KIB;
        settings.raft.append_bytes_max = ENTRY_HEAD_BYTES + 16 * KIB;
        settings.raft.append_entries_max = 8;
        settings.raft.window = 2;
        settings.limits.entry_body_max = 16 * KIB;
        settings.limits.keepalives_max = 64;
        settings.limits.peer_frame_bytes = 20 * KIB;
        settings.limits.peer_output_bytes = 64 * KIB;
        settings.snapshot.chunk_bytes = CHUNK_BYTES;
        settings.snapshot.log_bytes = 64 * KIB;
        settings.snapshot.every_ns = NS_PER_S;
        settings.snapshot.keep_bytes = 0;
        settings.cluster = small_settings();
        settings.cluster.min_ttl_ns = NS_PER_S;
        settings.cluster.max_ttl_ns = 60 * NS_PER_S;
    }

    void greet()
    {
        conn = conn == 20 ? 0 : conn + 1;
        if (world.closed.count(conn) != 0 && !world.closed[conn])
            return;
        world.closed[conn] = false;
        struct hello hello = world.peer_hello(3);
        hello.dial = ++dials;
        world.hello(conn, hello);
        world.turn();
    }

    bool is_open()
    {
        if (world.closed[conn])
            greet();
        return !world.closed[conn];
    }

    void say(frame_kind kind, const bytes &body)
    {
        bytes frame(FRAME_HEAD_BYTES);
        frame.insert(frame.end(), body.begin(), body.end());
        frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
        if (is_open())
            world.say(conn, frame);
    }

    uint64_t own_term()
    {
        return raft_term(node_raft(world.replica()));
    }

    /* A heartbeat, mostly of the leader of this term: with a commit that it may not have. */
    void lead()
    {
        peer_message append{};
        append.kind = PEER_APPEND;
        append.from = 3;
        append.to = 2;
        append.term = std::max<uint64_t>(own_term() + (in.byte() % 8 == 0 ? 1 : 0), 1);
        append.previous = raft_last(node_raft(world.replica()));
        append.begin = append.previous.index + 1;
        append.end = append.begin;
        append.commit = append.previous.index + in.byte() % 3;
        append.round = ++round;
        if (is_open())
            world.say(conn, append);
    }

    bytes configuration()
    {
        bootstrap bootstrap{};
        bootstrap.settings = world.settings().cluster;
        if (in.byte() % 8 == 0)
            bootstrap.settings.sessions_max = static_cast<uint32_t>(1 + in.byte());
        bootstrap.members = {3, {1, 2, 3}};
        bootstrap.token_first = 1;
        bytes body(1024);
        wire wire = wire_writer(body.data(), body.size());
        wire_bootstrap(&wire, &bootstrap);
        body.resize(wire.failed ? 0 : wire.at);
        return body;
    }

    /* The records of a state after some entries, now and then with a few other bytes. */
    bytes records(uint64_t &index)
    {
        locks_world state(world.settings().cluster);
        state.checked = false;
        locks_client one(state, 10 * NS_PER_S, "one"), other(state, 10 * NS_PER_S);
        for (uint64_t i = in.byte(); i > 0; i--)
            state.pass(1);
        one.acquire("a lock");
        other.acquire("a lock", 100);
        index = locks_index(state.locks);
        bytes taken = take_all(state.locks);
        for (unsigned i = in.byte() % 8 < 6 ? 0 : in.byte() % 4; i > 0; i--)
            taken[(in.byte() | size_t{in.byte()} << 8) % taken.size()] = in.byte();
        return taken;
    }

    void make_file()
    {
        uint64_t index = 0;
        bytes state = records(index);
        header = snapshot_test::header_of(std::max<uint64_t>(own_term(), 1), index);
        header.last.index += in.byte() % 16 == 0 ? 1 : 0;
        header.cluster = in.byte() % 16 == 0 ? CLUSTER + 1 : CLUSTER;
        bytes body = configuration();
        header.configuration_bytes = static_cast<uint32_t>(body.size());
        std::copy(body.begin(), body.end(), header.configuration);
        file = snapshot_test::make_file(header, CHUNK_BYTES, state);
        at = 0;
    }

    void send(size_t offset, size_t count)
    {
        peer_snapshot piece{};
        piece.term = std::max<uint64_t>(own_term(), header.last.term);
        piece.last = header.last;
        piece.last_sum = header.last_sum;
        piece.file_bytes = file.size();
        piece.offset = offset;
        piece.count = static_cast<uint32_t>(count);
        bytes body(PEER_SNAPSHOT_HEAD_BYTES);
        wire wire = wire_writer(body.data(), body.size());
        wire_peer_snapshot(&wire, &piece);
        if (wire.failed)
            return;
        body.insert(body.end(), file.begin() + static_cast<ptrdiff_t>(offset),
                file.begin() + static_cast<ptrdiff_t>(offset + count));
        say(FRAME_PEER_SNAPSHOT, body);
    }

    void piece()
    {
        if (at >= file.size())
            at = 0;
        size_t count = at == 0 ? size_t{SNAPSHOT_BLOCK_BYTES} : size_t{CHUNK_BYTES};
        count = std::min(count, file.size() - at);
        send(at, count);
        at += count;
    }

    void rest()
    {
        do {
            piece();
            world.turn();
        } while (at < file.size());
    }

    void wrong_piece()
    {
        size_t offset = (in.byte() | size_t{in.byte()} << 8) % file.size();
        send(offset, 1 + in.byte() % (file.size() - offset));
    }

    void answer()
    {
        const struct snapshots &kept = world.replica()->upkeep.snapshots;
        peer_snapshot_answer said{};
        said.term = own_term();
        said.last = kept.count > 0 && in.byte() % 4 != 0 ? kept.kept[0].last : header.last;
        said.offset = in.byte() % 2 ? in.number() : at;
        said.wish = in.byte() % 3;
        bytes body(64);
        wire wire = wire_writer(body.data(), body.size());
        wire_peer_snapshot_answer(&wire, &said);
        body.resize(wire.at);
        say(FRAME_PEER_SNAPSHOT_ANSWER, body);
    }

    void raw()
    {
        say(in.byte() % 2 ? FRAME_PEER_SNAPSHOT : FRAME_PEER_SNAPSHOT_ANSWER, in.some(200));
    }

    void time()
    {
        world.run_until(world.now_ns + in.byte() * 20 * NS_PER_MS);
    }

    void disk()
    {
        world.files_fail = !world.files_fail;
    }

    void restart()
    {
        world.files_fail = false;
        if (world.replica()->applier.failed)
            return; /* It would not start, or not on this: that is for other tests. */
        world.restart();
        conn = 0;
        greet();
    }

    byte_source in;
    node_test::NodeWorld world;
    snapshot_header header{};
    bytes file;
    size_t at = 0;
    uint32_t conn = 0;
    uint64_t dials = 0;
    uint64_t round = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostile_leader leader(data, size);
    leader.live();
    return 0;
}
