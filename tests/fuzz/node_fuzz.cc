/*
 * A whole node against members that say anything: well-framed messages with good sums and bad
 * content, from the places that members have, and hellos of strangers in between.
 *
 * Whatever the members say, no assertion fails and the node's parts stay sound.
 */
#include "mirror.h"
#include "node/replica.h"
#include "protocol/admin.h"
#include "protocol/entry.h"
#include "worlds/byte_source.h"
#include "worlds/node_world.h"

namespace {

using node_test::bytes;

constexpr size_t STEPS_MAX = 200;

class hostile_members {
public:
    hostile_members(const uint8_t *data, size_t size)
            : in(data, size), world(2, 3, make_small)
    {
        world.play_peers(false);
        greet(1);
        greet(3);
    }

    void live()
    {
        using deed = void (hostile_members::*)();
        static constexpr deed deeds[] = {&hostile_members::vote, &hostile_members::answer,
                &hostile_members::append, &hostile_members::append_of_leader,
                &hostile_members::other, &hostile_members::raw, &hostile_members::time,
                &hostile_members::again, &hostile_members::stranger,
                &hostile_members::client, &hostile_members::admin};
        for (size_t step = 0; in.has_more() && step < STEPS_MAX; step++) {
            (this->*deeds[in.byte() % std::size(deeds)])();
            world.turn();
            node_check(world.replica());
        }
    }

private:
    /* Small limits, so that rings wrap and pools fill soon. */
    static void make_small(node_settings &settings)
    {
        settings.wal.segment_bytes = 256 * KIB;
        settings.wal.buffer_bytes = 160 * KIB;
        settings.wal.entry_body_max = 16 * KIB;
        settings.raft.append_bytes_max = ENTRY_HEAD_BYTES + 16 * KIB;
        settings.raft.append_entries_max = 8;
        settings.raft.window = 2;
        settings.raft.recent_max = 16;
        settings.raft.trail_max = 64;
        settings.limits.connections_max = 56;
        settings.limits.entry_body_max = 16 * KIB;
        settings.limits.keepalives_max = 64;
        settings.limits.peer_frame_bytes = 20 * KIB;
        settings.limits.peer_output_bytes = 64 * KIB;
        settings.snapshot.chunk_bytes = 4 * KIB;
        settings.limits.client_frame_bytes = 4 * KIB;
        settings.limits.client_output_bytes = 40 * KIB;
        settings.cluster.answers_max = 256;
        settings.cluster.changes_max = 64;
        settings.cluster.name_blocks_max = 256;
        settings.cluster.work_max = 4;
        settings.versions = {VERSION_FIRST, VERSION_TRIAL};
        settings.cluster.upgrade_after_ns = NS_PER_S;
    }

    /* A member's connection; its slot is taken again once it is closed. */
    void greet(uint8_t who)
    {
        uint32_t conn = next_conn;
        next_conn = next_conn == 20 ? 0 : next_conn + 1;
        if (world.closed.count(conn) == 0 || world.closed[conn]) {
            world.closed[conn] = false;
            struct hello hello = world.peer_hello(who);
            hello.run = who + (in.byte() % 16 == 0 ? 100 : 0);
            hello.dial = ++dials;
            hello.cluster = cluster();
            hello.versions = {1, static_cast<uint16_t>(in.byte() % 4 == 0 ? 1 : 2)};
            hello.cluster_version = in.byte() % 16 == 0 ? in.byte() % 4 : 0;
            world.hello(conn, hello);
            world.turn();
            conns[who] = conn;
        }
    }

    uint64_t cluster()
    {
        return in.byte() % 16 == 0 ? in.number() : 0;
    }

    uint64_t own_term()
    {
        return raft_term(node_raft(world.replica()));
    }

    /* Near this node's term, or any. */
    uint64_t term()
    {
        uint8_t raw = in.byte();
        if (raw >= 224)
            return in.number();
        return own_term() + raw % 4 - (own_term() > 0 ? 1 : 0);
    }

    uint64_t index()
    {
        uint8_t raw = in.byte();
        uint64_t last = raft_last(node_raft(world.replica())).index;
        return raw >= 224 ? in.number() : last + raw % 6 - std::min<uint64_t>(last, 3);
    }

    peer_message message(peer_kind kind)
    {
        member = in.byte() % 2 ? 1 : 3;
        peer_message made{};
        made.kind = kind;
        made.from = member;
        made.to = 2;
        made.term = term();
        return made;
    }

    bool is_open()
    {
        if (world.closed[conns[member]])
            greet(member);
        return !world.closed[conns[member]];
    }

    void say(const peer_message &said)
    {
        if (is_open())
            world.say(conns[member], said);
    }

    entry_id id(uint64_t at)
    {
        if (at == 0)
            return {};
        uint64_t known = raft_term_at(node_raft(world.replica()), at);
        return {in.byte() % 4 != 0 && known != 0 ? known : std::max<uint64_t>(term(), 1),
                at};
    }

    void vote()
    {
        peer_message made = message(PEER_VOTE);
        made.pre = in.byte() % 2;
        made.transfer = in.byte() % 2;
        made.last = id(index());
        made.bootstrap = made.last.index == 0;
        say(made);
    }

    void answer()
    {
        bool of_vote = in.byte() % 2;
        peer_message made = message(of_vote ? PEER_VOTE_ANSWER : PEER_APPEND_ANSWER);
        made.state = in.byte() % 8 == 0 ? in.byte() % 3 : 0;
        if (of_vote) {
            made.pre = in.byte() % 2;
            made.granted = in.byte() % 4 != 0;
        } else {
            made.accepted = in.byte() % 2;
            made.match = index();
            made.hint = {term(), index()};
            made.round = in.number();
            made.stamp_ns = in.number();
            made.clock_suspect = in.byte() % 2;
        }
        say(made);
    }

    void other()
    {
        static constexpr peer_kind kinds[] = {
                PEER_TIMEOUT_NOW, PEER_READ, PEER_READ_ANSWER};
        peer_message made = message(kinds[in.byte() % 3]);
        if (made.kind != PEER_TIMEOUT_NOW)
            made.context = in.number();
        if (made.kind == PEER_READ_ANSWER) {
            made.granted = in.byte() % 2;
            made.index = index();
        }
        say(made);
    }

    /* The body of an entry that a sound leader might write, or anything. */
    bytes body_of(entry_kind kind)
    {
        if (in.byte() % 16 == 0)
            return in.some(200);
        bytes body(4096);
        wire wire = wire_writer(body.data(), body.size());
        if (kind == ENTRY_BOOTSTRAP) {
            bootstrap bootstrap{};
            bootstrap.settings = world.settings().cluster;
            if (in.byte() % 16 == 0)
                bootstrap.settings.sessions_max = static_cast<uint32_t>(in.number());
            bootstrap.members = {3, {1, 2, 3}};
            bootstrap.token_first = 1;
            wire_bootstrap(&wire, &bootstrap);
        } else if (kind == ENTRY_SETTINGS) {
            settings_change change{in.number(), 1, {}};
            change.values[0].setting = 1 + in.byte() % 3;
            change.values[0].value = in.byte() % 2 ? 2 : in.number();
            wire_settings_change(&wire, &change);
        } else if (kind != ENTRY_TRIAL) {
            fill_batch(wire);
        }
        body.resize(wire.failed ? 0 : wire.at);
        return body;
    }

    void fill_batch(wire &wire)
    {
        batch_head head{};
        head.dt_ns = in.number();
        head.wall_ns = in.number();
        wire_batch_head(&wire, &head);
        size_t begin = wire.at;
        for (unsigned count = in.byte() % 4; count > 0; count--)
            add_command(wire);
        head.command_bytes = static_cast<uint32_t>(wire.at - begin);
        head.keepalive_count = in.byte() % 3;
        for (unsigned i = 0; i < head.keepalive_count; i++) {
            keepalive keepalive{1 + in.number() % 8, in.number(), in.number(),
                    static_cast<uint32_t>(in.number())};
            wire_keepalive(&wire, &keepalive);
        }
        struct wire again = wire_writer(wire.bytes, BATCH_HEAD_BYTES);
        wire_batch_head(&again, &head);
    }

    void add_command(wire &wire)
    {
        command command{};
        request &request = command.request;
        request.kind = static_cast<uint8_t>(REQUEST_OPEN + in.byte() % 6);
        request.number = in.number();
        request.wait_ns = in.byte() % 2 ? 5 * NS_PER_S : in.number();
        request.target = in.number();
        request.owner = in.number();
        request.flags = in.byte() % 2;
        static const unsigned char name[] = "ab";
        request.name = {name, 1U + in.byte() % 2U};
        command.section.count = 1;
        if (request.kind != REQUEST_OPEN) {
            command.section.session = 1 + in.byte() % 4;
            command.section.answered = in.number();
            command.section.confirmed = in.number();
        }
        struct wire kept = wire;
        wire_section_logged(&wire, &command.section);
        wire_command(&wire, &command);
        if (wire.failed)
            wire = kept;
    }

    /* Entries that chain to what this node has, as far as the test knows it. */
    bytes entries(peer_message &append)
    {
        static constexpr entry_kind kinds[] = {ENTRY_BOOTSTRAP, ENTRY_TERM_START,
                ENTRY_BATCH, ENTRY_SETTINGS, ENTRY_TRIAL};
        bytes all;
        uint64_t count = append.previous.index < UINT64_MAX / 2 ? in.byte() % 4 : 0;
        append.begin = append.previous.index + 1;
        append.end = append.begin + count;
        uint64_t sum = 0;
        (void)wal_sum_at(world.replica()->wal, append.previous.index, &sum);
        entry_id before = append.previous;
        for (uint64_t i = append.begin; i < append.end; i++) {
            entry_head head{};
            head.kind = i == 1          ? ENTRY_BOOTSTRAP
                        : in.byte() % 2 ? ENTRY_BATCH
                                        : ENTRY_TERM_START;
            if (in.byte() % 32 == 0)
                head.kind = kinds[in.byte() % std::size(kinds)];
            bytes body = body_of(head.kind);
            head.body_bytes = static_cast<uint32_t>(body.size());
            head.id = {std::max<uint64_t>(before.term, in.byte() % 4 ? append.term : 1), i};
            head.id.term = std::max<uint64_t>(head.id.term, 1);
            head.previous_term = before.term;
            head.previous_sum = sum;
            head.cluster = 77;
            size_t at = all.size();
            all.resize(at + ENTRY_HEAD_BYTES);
            all.insert(all.end(), body.begin(), body.end());
            entry_seal(&all[at], &head);
            sum = head.sum;
            before = head.id;
        }
        return all;
    }

    void send_append(peer_message append)
    {
        bytes all = entries(append);
        bytes body(PEER_APPEND_HEAD_BYTES);
        wire wire = wire_writer(body.data(), body.size());
        wire_peer_message(&wire, &append);
        if (wire.failed || !is_open())
            return;
        body.insert(body.end(), all.begin(), all.end());
        bytes frame(FRAME_HEAD_BYTES);
        frame.insert(frame.end(), body.begin(), body.end());
        frame_seal(frame.data(), FRAME_PEER_APPEND, static_cast<uint32_t>(body.size()));
        world.say(conns[member], frame);
    }

    void append()
    {
        peer_message made = message(PEER_APPEND);
        made.previous = id(index());
        made.commit = index();
        made.round = in.number();
        made.served_ns = in.number();
        made.echo_ns = in.number();
        send_append(made);
    }

    /* As a sound leader would go on, so that there is a log to contradict. */
    void append_of_leader()
    {
        peer_message made = message(PEER_APPEND);
        made.term = std::max<uint64_t>(own_term(), 1);
        made.previous = raft_last(node_raft(world.replica()));
        made.commit = made.previous.index + in.byte() % 4;
        send_append(made);
    }

    void raw()
    {
        member = in.byte() % 2 ? 1 : 3;
        bytes body = in.some(250);
        auto kind = static_cast<frame_kind>(FRAME_PEER_VOTE + in.byte() % 12);
        bytes frame(FRAME_HEAD_BYTES);
        frame.insert(frame.end(), body.begin(), body.end());
        frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
        if (is_open())
            world.say(conns[member], frame);
    }

    void time()
    {
        world.run_until(world.now_ns + in.byte() * 10 * NS_PER_MS);
    }

    /* A member connects beside the connection that it has. */
    void again()
    {
        greet(in.byte() % 2 ? 1 : 3);
    }

    void stranger()
    {
        uint32_t conn = 21;
        if (world.closed.count(conn) != 0 && !world.closed[conn])
            return;
        world.closed[conn] = false;
        struct hello hello = world.peer_hello(1 + in.byte() % 4);
        hello.to = in.byte() % 4;
        hello.cluster = in.number();
        hello.incarnation = in.number();
        hello.members += in.byte() % 2;
        if (hello.to == 0)
            hello.to = 2;
        world.hello(conn, hello);
    }

    void client()
    {
        uint32_t conn = 22;
        if (world.closed.count(conn) == 0 || world.closed[conn]) {
            world.closed[conn] = false;
            world.hello(conn, hello_of_client(0));
        }
        section section = node_test::section_of(in.byte() % 3, 7);
        request request = node_test::request_of(
                static_cast<request_kind>(REQUEST_OPEN + in.byte() % 3), 1 + in.number());
        request.wait_ns = 5 * NS_PER_S;
        if ((section.session == 0) == (request.kind == REQUEST_OPEN))
            world.request(conn, section, request);
    }

    /* What an operator asks, also of a node that does not lead. */
    void admin()
    {
        uint32_t conn = 23;
        if (world.closed.count(conn) == 0 || world.closed[conn]) {
            world.closed[conn] = false;
            world.hello(conn, hello_of_client(0));
        }
        admin_request request{};
        request.kind = in.byte() % 5;
        request.number = in.number();
        world.say(conn, node_test::make_frame(FRAME_ADMIN, [&](struct wire &wire) {
            wire_admin_request(&wire, &request);
        }));
    }

    byte_source in;
    node_test::NodeWorld world;
    std::map<uint8_t, uint32_t> conns;
    uint32_t next_conn = 0;
    uint64_t dials = 0;
    uint8_t member = 1;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostile_members members(data, size);
    members.live();
    return 0;
}
