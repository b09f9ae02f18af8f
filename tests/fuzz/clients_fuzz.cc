/*
 * A node that leads, against clients that say anything: requests of several sessions in one
 * frame and on one connection, sessions of others, reads with all their fields, frames that no
 * client sends, connections that take nothing; while its disk stalls, and time passes.
 *
 * Whatever they say, no assertion fails and the node's parts stay sound.
 */
#include "mirror.h"
#include "node/replica.h"
#include "protocol/admin.h"
#include "protocol/backup.h"
#include "protocol/stage.h"
#include "worlds/node_world.h"

namespace {

using node_test::bytes;

constexpr size_t steps_max = 200;
constexpr uint32_t conns = 6;
constexpr uint64_t sessions = 6;

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

    bytes some(size_t most)
    {
        size_t count = std::min({size_t{byte()}, most, static_cast<size_t>(end - at)});
        bytes taken(at, at + count);
        at += count;
        return taken;
    }

private:
    const uint8_t *at;
    const uint8_t *end;
};

class hostile_clients {
public:
    hostile_clients(const uint8_t *data, size_t size)
            : in(data, size), world(1, 1, make_small)
    {
        world.run_until(world.now_ns + 2 * NS_PER_S);
        world.turn();
    }

    void live()
    {
        using deed = void (hostile_clients::*)();
        static constexpr deed deeds[] = {&hostile_clients::requests,
                &hostile_clients::requests, &hostile_clients::requests,
                &hostile_clients::reads, &hostile_clients::admin, &hostile_clients::backup,
                &hostile_clients::small, &hostile_clients::raw, &hostile_clients::time,
                &hostile_clients::close, &hostile_clients::stall,
                &hostile_clients::be_slow};
        for (size_t step = 0; in.has_more() && step < steps_max; step++) {
            (this->*deeds[in.byte() % std::size(deeds)])();
            world.turn();
            node_check(world.replica());
        }
    }

private:
    /* Small limits, so that rings wrap and pools fill soon. */
    static void make_small(node_settings &settings)
    {
        settings.limits.connections_max = 56;
        settings.limits.entry_body_max = 16 * KIB;
        settings.wal.entry_body_max = 16 * KIB;
        settings.limits.keepalives_max = 64;
        settings.limits.owed_max = 32;
        settings.limits.reads_max = 4;
        settings.limits.client_frame_bytes = 4 * KIB;
        settings.limits.client_output_bytes = 40 * KIB;
        settings.cluster.sessions_max = 8;
        settings.cluster.locks_max = 8;
        settings.cluster.holds_max = 8;
        settings.cluster.waits_max = 16;
        settings.cluster.waits_per_lock_max = 8;
        settings.cluster.answers_max = 64;
        settings.cluster.changes_max = 64;
        settings.cluster.name_blocks_max = 64;
        settings.cluster.work_max = 2;
    }

    /* A connection that has said hello. */
    uint32_t some_conn()
    {
        uint32_t conn = in.byte() % conns;
        if (world.closed.count(conn) == 0 || world.closed[conn]) {
            world.closed[conn] = false;
            world.slow[conn] = false;
            world.hello(conn, hello_of_client(0));
            world.turn();
        }
        return conn;
    }

    span some_name()
    {
        static const unsigned char letters[256] = "abcdefgh";
        uint8_t kind = in.byte();
        uint32_t count = kind % 16 == 0 ? kind : 1 + kind % 2;
        return {letters + kind % 3, std::min(count, 253U)};
    }

    /* Mostly of a session that there is, with its secret. */
    section some_section()
    {
        section section = node_test::section_of(in.byte() % sessions, 7);
        if (in.byte() % 16 == 0)
            section.secret[0] ^= 1;
        section.answered = in.byte() % 4 ? 0 : in.number();
        section.confirmed = in.byte() % 4 ? 0 : in.number();
        return section;
    }

    request some_request(bool opens)
    {
        request request{};
        request.kind = static_cast<uint8_t>(
                opens ? REQUEST_OPEN : REQUEST_KEEPALIVE + in.byte() % 5);
        request.number = in.byte() % 8 ? ++number : in.number();
        request.wait_ns = in.byte() % 2 ? 5 * NS_PER_S : in.number();
        request.target = in.byte() % 4 ? in.byte() : in.number();
        request.owner = in.byte() % 4;
        request.flags = in.byte() % 2;
        request.name = some_name();
        return request;
    }

    /* Up to eight sections, of one session or of several. */
    void requests()
    {
        uint32_t conn = some_conn();
        bytes body(3 * KIB);
        wire wire = wire_writer(body.data(), body.size());
        for (unsigned left = 1 + in.byte() % 8; left > 0; left--) {
            section section = some_section();
            bool opens = section.session == 0;
            section.count = static_cast<uint16_t>(opens ? 1 : 1 + in.byte() % 4);
            struct wire kept = wire;
            wire_section(&wire, &section);
            for (uint16_t i = 0; i < section.count; i++) {
                request request = some_request(opens);
                wire_request(&wire, &request);
            }
            if (wire.failed)
                wire = kept;
        }
        body.resize(wire.at);
        send(conn, FRAME_REQUESTS, body);
    }

    void reads()
    {
        uint32_t conn = some_conn();
        struct read read {};
        read.kind = in.byte() % 2 ? READ_LOCK : READ_LIST;
        read.stale = in.byte() % 2;
        read.stamp = in.number();
        read.limit = static_cast<uint16_t>(in.number());
        read.cursor = in.byte() % 2 ? 0 : in.number();
        read.asker = in.byte() % 2 ? in.byte() % sessions : in.number();
        read.name = some_name();
        read.prefix = in.byte() % 2 ? span{} : some_name();
        bytes body(KIB);
        wire wire = wire_writer(body.data(), body.size());
        wire_read(&wire, &read);
        body.resize(wire.failed ? 0 : wire.at);
        send(conn, FRAME_READ, body);
    }

    /* What an operator asks; the text is of no use to any kind yet. */
    void admin()
    {
        uint32_t conn = some_conn();
        admin_request request{};
        request.kind = in.byte() % 2 ? in.byte() % 5 : in.byte();
        request.node = in.byte() % 8;
        request.flags = static_cast<uint32_t>(in.number());
        request.number = in.byte() % 2 ? in.number() : in.byte() * NS_PER_S;
        request.text = some_name();
        bytes body(KIB);
        wire wire = wire_writer(body.data(), body.size());
        wire_admin_request(&wire, &request);
        body.resize(wire.failed ? 0 : wire.at);
        send(conn, FRAME_ADMIN, body);
    }

    /* A new one, or a piece of one that there is, or of one that there is not. */
    void backup()
    {
        uint32_t conn = some_conn();
        backup_request request{};
        request.index = in.byte() % 3 == 0 ? 0 : in.byte() % 16;
        request.offset = in.byte() % 8 ? in.byte() % 8 * uint64_t{4096} : in.number();
        bytes body(64);
        wire wire = wire_writer(body.data(), body.size());
        wire_backup_request(&wire, &request);
        body.resize(wire.at);
        send(conn, FRAME_BACKUP, body);
    }

    /* What needs no body. */
    void small()
    {
        static constexpr frame_kind kinds[] = {FRAME_STATUS, FRAME_STAGES, FRAME_HELLO,
                FRAME_WELCOME, FRAME_LEADER, FRAME_ANSWERS};
        send(some_conn(), kinds[in.byte() % std::size(kinds)], {});
    }

    void raw()
    {
        uint32_t conn = some_conn();
        unsigned of_clients = FRAME_ADMIN_ANSWER;
        unsigned of_peers = 1 + FRAME_PEER_SNAPSHOT_ANSWER - FRAME_PEER_VOTE;
        unsigned which = in.byte() % (of_clients + of_peers);
        unsigned kind =
                which < of_clients ? 1 + which : FRAME_PEER_VOTE + which - of_clients;
        send(conn, static_cast<frame_kind>(kind), in.some(250));
    }

    void send(uint32_t conn, frame_kind kind, const bytes &body)
    {
        if (world.closed[conn])
            return;
        bytes frame(FRAME_HEAD_BYTES);
        frame.insert(frame.end(), body.begin(), body.end());
        frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
        if (in.byte() % 16 == 0)
            frame.resize(1 + frame.size() / 2); /* The rest never comes, or is another's. */
        world.say(conn, frame);
    }

    void time()
    {
        world.run_until(world.now_ns + in.byte() * 10 * NS_PER_MS);
    }

    void close()
    {
        uint32_t conn = in.byte() % conns;
        if (world.closed.count(conn) == 0 || world.closed[conn])
            return;
        world.wake(conn);
        if (world.closed[conn])
            return;
        world.closed[conn] = true;
        node_event gone = node_test::event_of(NODE_CLOSED, conn);
        gone.by_other = true;
        world.step(gone);
    }

    void stall()
    {
        world.disk_stalls = !world.disk_stalls;
    }

    void be_slow()
    {
        uint32_t conn = some_conn();
        if (world.closed[conn])
            return;
        if (world.slow[conn])
            world.wake(conn);
        else
            world.slow[conn] = true;
    }

    source in;
    node_test::NodeWorld world;
    uint64_t number = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hostile_clients clients(data, size);
    clients.live();
    return 0;
}
