/*
 * One real node, driven event by event: connections are byte queues, the disk completes when
 * told, and the other members are played by the test.
 */
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/units.h"
#include "locks/locks.h"
#include "node/node.h"
#include "protocol/answer.h"
#include "protocol/batch.h"
#include "protocol/hello.h"
#include "protocol/peer.h"
#include "protocol/read.h"
#include "protocol/request.h"
#include "protocol/status.h"
#include "worlds/carved.h"

namespace node_test {

using bytes = std::vector<unsigned char>;

/* A frame that the node sent. */
struct Heard {
    frame_kind kind;
    bytes body;

    wire reader() const
    {
        return wire_reader(body.data(), body.size());
    }
};

/* A frame made by hand. */
inline bytes make_frame(frame_kind kind, const std::function<void(wire &)> &fill)
{
    bytes made(FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
    wire wire = wire_writer(made.data() + FRAME_HEAD_BYTES, FRAME_CLIENT_BODY_MAX);
    fill(wire);
    EXPECT_FALSE(wire.failed);
    frame_seal(made.data(), kind, static_cast<uint32_t>(wire.at));
    made.resize(FRAME_HEAD_BYTES + wire.at);
    return made;
}

/* An event, a section and a request with all else zero. */
inline node_event event_of(node_event_kind kind, uint32_t conn = 0)
{
    node_event event{};
    event.kind = kind;
    event.conn = conn;
    return event;
}

inline section section_of(uint64_t session, unsigned char secret)
{
    section section{};
    section.session = session;
    std::memset(section.secret, secret, SECRET_BYTES);
    return section;
}

inline request request_of(request_kind kind, uint64_t number)
{
    request request{};
    request.kind = kind;
    request.number = number;
    return request;
}

class NodeWorld {
public:
    enum : uint32_t {
        DIALED = 40 /* Slots of own connections begin here */
    };

    using Tune = std::function<void(node_settings &)>;

    NodeWorld(uint8_t self, uint8_t members, const Tune &tune = {})
    {
        prepare(self, members);
        if (tune)
            tune(settings_);
        boot();
    }

    /* All in memory is gone, and it starts on what is on its disk, perhaps as another program. */
    void restart(const Tune &tune = {})
    {
        if (tune)
            tune(settings_);
        for (auto *kept : {&slow, &closed})
            kept->clear();
        heard.clear();
        due_.clear();
        streams_.clear();
        stalled_.clear();
        replies_.clear();
        stalled_writes_.clear();
        boot();
    }

    /* ---- Turns ---- */

    void step(node_event event)
    {
        event.now_ns = now_ns;
        event.handed_ns = handed_ns;
        if (event.kind == NODE_TURN_END)
            event.clocks = {now_ns, now_ns, now_ns, now_ns};
        node_step(node_, &event, &effects);
    }

    /* Ends the turn and does what the node wants. True: something came of it. */
    bool end_turn()
    {
        step(event_of(NODE_TURN_END));
        perform();
        now_ns += sleep_ns;
        std::vector<node_event> due;
        due.swap(due_);
        for (const node_event &event : due)
            step(event);
        bool again = !due.empty() || !replies_.empty();
        play();
        return again;
    }

    /* Turns, until nothing is left to do. */
    void turn()
    {
        while (end_turn())
            ;
    }

    /* Sleeps as long as the node says, not past `until_ns`. */
    void run_until(uint64_t until_ns)
    {
        while (effects.deadline_ns < until_ns) {
            ASSERT_LT(++turns, 100000U) << "the node spins";
            now_ns = std::max(now_ns, effects.deadline_ns);
            turn();
        }
        now_ns = std::max(now_ns, until_ns);
    }

    /* ---- Connections ---- */

    /* `from`: the last byte of the other end's address; 0: not known */
    void accept(uint32_t conn, unsigned char from = 0)
    {
        node_event event = event_of(NODE_ACCEPTED, conn);
        unsigned char address[CLIENT_ADDRESS_BYTES] = {};
        address[CLIENT_ADDRESS_BYTES - 1] = from;
        event.address = address;
        step(event);
    }

    void say(uint32_t conn, const bytes &what)
    {
        node_event event = event_of(NODE_RECEIVED, conn);
        event.bytes = what.data();
        event.count = what.size();
        step(event);
    }

    void hello(uint32_t conn, struct hello hello, unsigned char from = 0)
    {
        accept(conn, from);
        say(conn, make_frame(FRAME_HELLO, [&](wire &wire) { wire_hello(&wire, &hello); }));
    }

    void client(uint32_t conn, unsigned char from = 0)
    {
        hello(conn, hello_of_client(0), from);
        turn();
        ASSERT_FALSE(heard[conn].empty());
        EXPECT_EQ(heard[conn][0].kind, FRAME_WELCOME);
        heard[conn].clear();
    }

    /* What the node says that it knows. */
    versions versions_of(uint8_t node) const
    {
        auto found = knows.find(node);
        return found == knows.end() ? settings_.versions : found->second;
    }

    static uint64_t incarnation_of(uint8_t node)
    {
        return 1000U + node;
    }

    struct hello peer_hello(uint8_t from) const
    {
        members ids{};
        for (uint8_t i = 0; i < settings_.member_count; i++)
            ids.ids[i] = settings_.members[i].id;
        return {.role = HELLO_PEER,
                .node = from,
                .to = settings_.self,
                .cluster = 0,
                .members = hash_bytes(ids.ids, settings_.member_count, 0),
                .incarnation = incarnation_of(from),
                .run = from,
                .dial = 1,
                .cluster_version = 0,
                .configuration = 0,
                .to_role = 0,
                .to_incarnation = 0,
                .given_up = 0,
                .versions = versions_of(from),
                .features = 0};
    }

    void say(uint32_t conn, peer_message message)
    {
        say(conn, make_frame(peer_frame_kind(message.kind),
                          [&](wire &wire) { wire_peer_message(&wire, &message); }));
    }

    /* A section with one request. */
    void request(uint32_t conn, section section, request request)
    {
        section.count = 1;
        say(conn, make_frame(FRAME_REQUESTS, [&](wire &wire) {
            wire_section(&wire, &section);
            wire_request(&wire, &request);
        }));
    }

    /* The client reads again. */
    void wake(uint32_t conn)
    {
        slow[conn] = false;
        auto found = stalled_.find(conn);
        if (found != stalled_.end()) {
            node_event sent = event_of(NODE_SENT, conn);
            sent.count = found->second.count;
            take(conn, found->second.bytes, found->second.count);
            stalled_.erase(found);
            step(sent);
        }
        turn();
    }

    /* The answers that were heard on the connection. */
    std::vector<std::pair<answer_section, answer>> answers(uint32_t conn)
    {
        std::vector<std::pair<answer_section, answer>> found;
        for (const Heard &frame : heard[conn]) {
            if (frame.kind != FRAME_ANSWERS)
                continue;
            wire wire = frame.reader();
            while (wire_left(&wire) > 0 && !wire.failed) {
                answer_section head{};
                wire_answer_section(&wire, &head);
                for (unsigned i = 0; i < head.answer_count; i++) {
                    answer one{};
                    wire_answer(&wire, &one);
                    found.emplace_back(head, one);
                }
                for (unsigned i = 0; i < head.change_count; i++) {
                    change one{};
                    wire_change(&wire, &one);
                }
            }
            EXPECT_FALSE(wire.failed);
        }
        return found;
    }

    bool noticed(node_notice_kind kind) const
    {
        for (const node_notice &notice : notices) {
            if (notice.kind == kind)
                return true;
        }
        return false;
    }

    /* Whether the other members answer; else they are deaf, and cannot be reached. */
    void play_peers(bool yes)
    {
        peers_play_ = yes;
    }

    struct node *replica()
    {
        return node_;
    }

    const node_settings &settings() const
    {
        return settings_;
    }

    uint64_t now_ns = NS_PER_S;
    uint64_t sleep_ns = 1000; /* From the end of a turn to the start of the next */
    uint64_t handed_ns = 0;   /* When the effects of the turn before were handed on */
    uint64_t turns = 0;
    uint64_t heartbeats = 0;        /* Appends that the node sent */
    std::map<uint64_t, bytes> disk; /* The segments */
    std::map<uint64_t, bytes> snapshots;
    bytes log_begin;
    bool files_fail = false;
    std::vector<node_file> files_asked;
    bool reads_fail = false;
    uint64_t reads = 0;
    bool disk_stalls = false; /* What is written then becomes durable when it is over. */
    std::map<uint32_t, bool> slow; /* Connections that take nothing */
    std::map<uint32_t, bool> deaf; /* Connections on which no member answers */
    bool silent = false;           /* No member answers anything. */
    enum node_boot booted = NODE_BOOT_OK;
    repair_block gave_up{};            /* What the directory says */
    bool repairable = false;           /* It did not boot, and others can heal that. */
    repair_block repair{};             /* ... what is kept then */
    std::map<uint8_t, versions> knows; /* Members that do not know what this node knows */
    std::map<uint32_t, bool> closed;
    std::map<uint32_t, std::vector<Heard>> heard;
    std::vector<node_notice> notices;
    node_effects effects{};

private:
    void boot()
    {
        struct arena measure;
        arena_init(&measure, nullptr, 0);
        (void)node_carve(&measure, &settings_);
        memory_ = std::make_unique<carved>(arena_used_bytes(&measure) + 4096);
        node_ = node_carve(&memory_->arena, &settings_);
        node_init(node_, &settings_, 7);
        offer_files();
        for (const auto &[number, content] : disk) {
            recovery_begin_segment(node_recovery(node_), number, content.size());
            recovery_feed(node_recovery(node_), content.data(), content.size());
            node_recover(node_);
        }
        load_snapshot();
        recovery_decision decision{};
        if (gave_up.given_up != 0)
            node_gave_up(node_, &gave_up);
        booted = node_boot(node_, now_ns, &decision);
        repairable = node_may_repair(node_, booted, &repair);
        if (booted != NODE_BOOT_OK)
            return;
        node_effects_init(node_, &effects);
        turn();
    }

    void offer_files()
    {
        begin_block begin{};
        if (!log_begin.empty()) {
            ASSERT_EQ(log_begin_read(log_begin.data(), &begin), BEGIN_GOOD);
            node_begin_log(node_, &begin);
        }
        for (const auto &[index, content] : snapshots) {
            snapshot_header header;
            if (snapshot_read_header(content.data(), &header) == SNAPSHOT_GOOD)
                node_offer_snapshot(node_, &header);
        }
    }

    void load_snapshot()
    {
        while (const snapshot_header *header = node_next_snapshot(node_)) {
            const bytes &content = snapshots.at(header->last.index);
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

    void prepare(uint8_t self, uint8_t members)
    {
        node_settings_default(&settings_);
        settings_.self = self;
        settings_.version = "test";
        settings_.member_count = members;
        for (uint8_t i = 0; i < members; i++) {
            settings_.members[i].id = static_cast<uint8_t>(i + 1);
            std::memcpy(settings_.members[i].address, "n:1", 4);
        }
        settings_.wal.incarnation = incarnation_of(self);
        settings_.wal.segment_bytes = 4 * MIB;
        settings_.wal.segments_max = 64;
        settings_.limits.connections_max = 64;
        settings_.limits.owed_max = 256;
        settings_.limits.reads_max = 16;
        settings_.limits.client_output_bytes = 64 * KIB;
        settings_.cluster.sessions_max = 64;
        settings_.cluster.locks_max = 64;
        settings_.cluster.holds_max = 64;
        settings_.cluster.waits_max = 128;
        settings_.cluster.waits_per_lock_max = 32;
        settings_.cluster.answers_max = 8192;
        settings_.cluster.changes_max = 256;
        settings_.cluster.changes_per_session_max = 8;
        settings_.cluster.name_blocks_max = 1024;
    }

    void take(uint32_t conn, const unsigned char *sent, size_t count)
    {
        bytes &stream = streams_[conn];
        stream.insert(stream.end(), sent, sent + count);
        frame_reader reader;
        bytes room(2 * MIB);
        frame_reader_init(&reader, room.data(), room.size());
        frame_reader_feed(&reader, stream.data(), stream.size());
        frame frame;
        size_t used = 0;
        while (frame_reader_next(&reader, &frame)) {
            used += FRAME_HEAD_BYTES + frame.body_bytes;
            heard[conn].push_back(
                    {frame.kind, {frame.body, frame.body + frame.body_bytes}});
            if (frame.kind >= FRAME_PEER_VOTE || frame.kind == FRAME_HELLO)
                replies_.emplace_back(conn, heard[conn].back());
        }
        stream.erase(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(used));
    }

    void answer_vote(uint32_t conn, const peer_message &asked)
    {
        peer_message answer{};
        answer.kind = PEER_VOTE_ANSWER;
        answer.from = asked.to;
        answer.to = asked.from;
        answer.term = asked.term;
        answer.pre = asked.pre;
        answer.granted = true;
        say(conn, answer);
    }

    void answer_append(uint32_t conn, const peer_message &asked)
    {
        heartbeats++;
        if (!peers_play_)
            return;
        peer_message answer{};
        answer.kind = PEER_APPEND_ANSWER;
        answer.from = asked.to;
        answer.to = asked.from;
        answer.term = asked.term;
        answer.round = asked.round;
        answer.accepted = true;
        answer.match = asked.begin < asked.end ? asked.end - 1 : asked.previous.index;
        answer.stamp_ns = now_ns;
        say(conn, answer);
    }

    void reply(uint32_t conn, const Heard &what)
    {
        if (what.kind == FRAME_HELLO) {
            wire wire = what.reader();
            struct hello hello {};
            wire_hello(&wire, &hello);
            peer_welcome welcome{};
            welcome.node = hello.to;
            welcome.incarnation = incarnation_of(hello.to);
            welcome.run = hello.to;
            welcome.versions = versions_of(hello.to);
            say(conn, make_frame(FRAME_PEER_WELCOME,
                              [&](struct wire &w) { wire_peer_welcome(&w, &welcome); }));
            return;
        }
        if (what.kind == FRAME_PEER_PROBE) {
            say(conn, make_frame(FRAME_PEER_ALIVE, [](wire &) {}));
            return;
        }
        if (what.kind < FRAME_PEER_VOTE || what.kind > FRAME_PEER_READ_ANSWER)
            return;
        peer_message message{};
        wire wire = what.reader();
        if (what.kind == FRAME_PEER_APPEND)
            wire = wire_reader(what.body.data(), PEER_APPEND_HEAD_BYTES);
        wire_peer_message(&wire, &message);
        EXPECT_FALSE(wire.failed);
        if (message.kind == PEER_APPEND)
            answer_append(conn, message);
        if (message.kind == PEER_VOTE && peers_play_)
            answer_vote(conn, message);
    }

    void perform_disk()
    {
        for (uint32_t i = 0; i < effects.write_count; i++)
            stalled_writes_.push_back(effects.writes[i]);
        while (!disk_stalls && !stalled_writes_.empty()) {
            const wal_write &write = stalled_writes_.front();
            std::memcpy(&disk.at(write.place.segment)[write.place.offset], write.bytes,
                    write.count);
            node_event written = event_of(NODE_WRITTEN);
            written.id = write.id;
            due_.push_back(written);
            stalled_writes_.erase(stalled_writes_.begin());
        }
        if (effects.segment_wanted != 0) {
            disk[effects.segment_wanted].resize(settings_.wal.segment_bytes);
            node_event ready = event_of(NODE_SEGMENT_READY);
            ready.id = effects.segment_wanted;
            due_.push_back(ready);
        }
        if (effects.read_wanted)
            perform_read();
        if (effects.file_wanted)
            perform_file(effects.file);
    }

    /* Files beside the log: at once, or they fail. */
    void perform_file(const node_file &file)
    {
        node_event done = event_of(NODE_FILE_DONE);
        done.id = file.id;
        done.failed = files_fail;
        files_asked.push_back(file);
        bytes &temporary = temporary_[file.name];
        if (files_fail) {
        } else if (file.action == NODE_FILE_CREATE || file.action == NODE_FILE_WRITE) {
            if (file.action == NODE_FILE_CREATE)
                temporary.clear();
            temporary.resize(std::max<size_t>(temporary.size(), file.offset + file.count));
            std::memcpy(&temporary[file.offset], file.bytes, file.count);
        } else if (file.action == NODE_FILE_PUBLISH) {
            (file.name == NODE_FILE_BEGIN ? log_begin : snapshots[file.number]) = temporary;
        } else if (file.action == NODE_FILE_REMOVE) {
            file.name == NODE_FILE_SEGMENT ? disk.erase(file.number)
                                           : snapshots.erase(file.number);
        } else if (file.action == NODE_FILE_READ) {
            const bytes &content = snapshots.at(file.number);
            done.bytes = &content.at(file.offset);
            done.count = file.count;
        }
        due_.push_back(done);
    }

    void perform_read()
    {
        const node_read &wanted = effects.read;
        const bytes &segment = disk.at(wanted.place.segment);
        node_event read = event_of(NODE_READ);
        read.id = wanted.id;
        if (!reads_fail)
            read.count = std::min(wanted.count, segment.size() - wanted.place.offset);
        const auto *begin = segment.data() + wanted.place.offset;
        read_into_.at(wanted.buffer).assign(begin, begin + read.count);
        read.bytes = read_into_.at(wanted.buffer).data();
        reads++;
        due_.push_back(read);
    }

    void perform()
    {
        for (uint32_t i = 0; i < effects.notice_count; i++)
            notices.push_back(effects.notices[i]);
        for (uint32_t i = 0; i < effects.send_count; i++) {
            const node_send &send = effects.sends[i];
            if (slow[send.conn]) {
                stalled_[send.conn] = send;
                continue;
            }
            take(send.conn, send.bytes, send.count);
            node_event sent = event_of(NODE_SENT, send.conn);
            sent.count = send.count;
            due_.push_back(sent);
        }
        for (uint32_t i = 0; i < effects.close_count; i++) {
            closed[effects.closes[i]] = true;
            due_.push_back(event_of(NODE_CLOSED, effects.closes[i]));
        }
        for (uint32_t i = 0; i < effects.connect_count && peers_play_; i++) {
            uint8_t peer = effects.connects[i];
            node_event connected = event_of(NODE_CONNECTED, DIALED + peer);
            connected.peer = peer;
            due_.push_back(connected);
        }
        perform_disk();
    }

    /* The other members say what they have to say. */
    void play()
    {
        std::vector<std::pair<uint32_t, Heard>> replies;
        replies.swap(replies_);
        for (const auto &[conn, what] : replies) {
            if (!closed[conn] && !deaf[conn] && !silent)
                reply(conn, what);
        }
    }

    node_settings settings_{};
    std::unique_ptr<carved> memory_;
    struct node *node_ = nullptr;
    std::vector<node_event> due_;
    std::map<uint32_t, bytes> streams_;
    std::map<uint32_t, node_send> stalled_;
    std::array<bytes, NODE_READ_BUFFERS> read_into_;
    std::vector<wal_write> stalled_writes_;
    std::map<int, bytes> temporary_;
    std::vector<std::pair<uint32_t, Heard>> replies_;
    bool peers_play_ = true;
};

} // namespace node_test
