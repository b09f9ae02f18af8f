/*
 * A node whose log is full, slow, far behind or was cut off: what it does with raft's wishes.
 * The node is a follower; the leader is played with entries made by hand.
 */
#include "worlds/node_world.h"

#include <algorithm>

#include "base/mark.h"
#include "node/replica.h"
#include "protocol/peer_snapshot.h"
#include "raft/raft.h"
#include "store/format.h"
#include "worlds/snapshot_file.h"

using namespace node_test;

namespace {

enum : uint32_t {
    LEADER = 1 /* Its connection, and its id */
};

/* An entry whose body is what `fill` writes. */
struct MadeEntry {
    entry_head head{};
    bytes content;
};

/* Node 2 of three, and node 1 to say things to it. */
class NodeLog : public testing::Test {
protected:
    NodeLog()
    {
        connect();
    }

    void connect()
    {
        world.play_peers(false);
        world.hello(LEADER, world.peer_hello(LEADER));
        world.turn();
    }

    peer_message message_of(peer_kind kind, uint64_t term) const
    {
        peer_message message{};
        message.kind = kind;
        message.from = LEADER;
        message.to = 2;
        message.term = term;
        return message;
    }

    void ask_for_vote(uint64_t term)
    {
        peer_message vote = message_of(PEER_VOTE, term);
        vote.bootstrap = true;
        world.say(LEADER, vote);
    }

    uint64_t term()
    {
        return raft_term(node_raft(world.replica()));
    }

    /* The votes that the leader was given, by term. */
    std::vector<uint64_t> votes_heard()
    {
        std::vector<uint64_t> terms;
        for (const Heard &frame : world.heard[LEADER]) {
            if (frame.kind != FRAME_PEER_VOTE_ANSWER)
                continue;
            peer_message answer{};
            wire wire = frame.reader();
            wire_peer_message(&wire, &answer);
            EXPECT_TRUE(answer.granted);
            terms.push_back(answer.term);
        }
        return terms;
    }

    /*
     * The entry behind the last one, which it replaces in the log if it is not that index's
     * first.
     */
    void make(uint64_t index, uint64_t term, entry_kind kind, const bytes &body)
    {
        log.resize(index - 1);
        MadeEntry &made = log.emplace_back();
        made.head.id = {term, index};
        made.head.kind = kind;
        made.head.cluster = 99;
        made.head.body_bytes = static_cast<uint32_t>(body.size());
        if (index > 1) {
            made.head.previous_term = log[index - 2].head.id.term;
            made.head.previous_sum = log[index - 2].head.sum;
        }
        made.content.resize(ENTRY_HEAD_BYTES);
        made.content.insert(made.content.end(), body.begin(), body.end());
        entry_seal(made.content.data(), &made.head);
    }

    void make_bootstrap(uint32_t work_max = 0)
    {
        bootstrap bootstrap{};
        bootstrap.settings = world.settings().cluster;
        if (work_max > 0)
            bootstrap.settings.work_max = work_max;
        bootstrap.members = {3, {1, 2, 3}};
        bootstrap.token_first = 1;
        bytes body(4096);
        wire wire = wire_writer(body.data(), body.size());
        wire_bootstrap(&wire, &bootstrap);
        body.resize(wire.at);
        make(1, 1, ENTRY_BOOTSTRAP, body);
    }

    /* A batch of keepalives of sessions that nobody knows, `dt_ns` after the one before. */
    void make_batch(uint64_t index, uint64_t term, uint64_t dt_ns, uint32_t keepalives = 0)
    {
        batch_head head{};
        head.dt_ns = dt_ns;
        head.keepalive_count = keepalives;
        bytes body(BATCH_HEAD_BYTES + size_t{keepalives} * KEEPALIVE_BYTES);
        wire wire = wire_writer(body.data(), body.size());
        wire_batch_head(&wire, &head);
        for (keepalive keepalive{1, 0, 0, 0}; keepalive.session <= keepalives;
                keepalive.session++)
            wire_keepalive(&wire, &keepalive);
        EXPECT_FALSE(wire.failed);
        make(index, term, ENTRY_BATCH, body);
    }

    /* A batch that opens this many sessions of 2 s. */
    void make_opens(uint64_t index, uint64_t term, unsigned count)
    {
        batch_head head{};
        bytes body(4096);
        wire wire = wire_writer(body.data(), body.size());
        wire_batch_head(&wire, &head);
        for (unsigned i = 0; i < count; i++) {
            command command{};
            command.section = section_of(0, 7);
            command.section.count = 1;
            command.request = request_of(REQUEST_OPEN, i + 1);
            command.request.wait_ns = 2 * NS_PER_S;
            wire_section_logged(&wire, &command.section);
            wire_command(&wire, &command);
        }
        EXPECT_FALSE(wire.failed);
        head.command_bytes = static_cast<uint32_t>(wire.at - BATCH_HEAD_BYTES);
        body.resize(wire.at);
        wire = wire_writer(body.data(), body.size());
        wire_batch_head(&wire, &head);
        make(index, term, ENTRY_BATCH, body);
    }

    /* Of a snapshot's file, as the leader sends it. */
    void say_first_piece(const snapshot_header &header, const bytes &file)
    {
        peer_snapshot piece{};
        piece.term = std::max<uint64_t>(term(), 1);
        piece.last = header.last;
        piece.last_sum = header.last_sum;
        piece.file_bytes = file.size();
        piece.count = SNAPSHOT_BLOCK_BYTES;
        world.say(LEADER, make_frame(FRAME_PEER_SNAPSHOT, [&](wire &wire) {
            wire_peer_snapshot(&wire, &piece);
            if (wire_pass(&wire, piece.count))
                std::memcpy(wire_passed(&wire, piece.count), file.data(), piece.count);
        }));
        world.turn();
    }

    refused refused_on_leader()
    {
        refused said{};
        for (const Heard &frame : world.heard[LEADER]) {
            struct wire reader = frame.reader();
            if (frame.kind == FRAME_REFUSED)
                wire_refused(&reader, &said);
        }
        return said;
    }

    /* Of a cluster with a later version, in a file of this layout */
    void expect_refusal_of_snapshot(unsigned char layout)
    {
        uint64_t before = mark_count("entry_of_unknown_version");
        ask_for_vote(1);
        world.turn();
        make_bootstrap();
        append(1, 1, 1);
        world.turn();
        snapshot_header header = snapshot_test::header_of(1, 70);
        header.cluster = 99;
        header.cluster_version = VERSION_MOST + 1;
        bytes file = snapshot_test::make_file(header, 2 * SNAPSHOT_BLOCK_BYTES, bytes(100));
        file[4] = layout;
        snapshot_test::repair_sum(file.data());
        say_first_piece(header, file);
        EXPECT_EQ(mark_count("entry_of_unknown_version"), before + 1);
        EXPECT_TRUE(world.closed[LEADER]);
        EXPECT_EQ(refused_on_leader().why, REFUSED_VERSION);
        EXPECT_TRUE(upgrade_is_too_late(&world.replica()->upgrade));
        world.run_until(world.now_ns + 11 * NS_PER_S);
        EXPECT_FALSE(upgrade_is_too_late(&world.replica()->upgrade))
                << "nobody says so now";
        EXPECT_TRUE(world.snapshots.empty());
    }

    /* Says the log's entries from `begin` on in one append. */
    void append(uint64_t begin, uint64_t term, uint64_t commit)
    {
        peer_message message = message_of(PEER_APPEND, term);
        message.previous = begin > 1 ? log[begin - 2].head.id : entry_id{};
        message.begin = begin;
        message.end = log.size() + 1;
        message.commit = commit;
        bytes frame(FRAME_HEAD_BYTES + PEER_APPEND_HEAD_BYTES);
        wire wire = wire_writer(frame.data() + FRAME_HEAD_BYTES, PEER_APPEND_HEAD_BYTES);
        wire_peer_message(&wire, &message);
        for (uint64_t index = begin; index <= log.size(); index++) {
            const bytes &content = log[index - 1].content;
            frame.insert(frame.end(), content.begin(), content.end());
        }
        frame_seal(frame.data(), FRAME_PEER_APPEND,
                static_cast<uint32_t>(frame.size() - FRAME_HEAD_BYTES));
        world.say(LEADER, frame);
    }

    uint64_t applied()
    {
        return locks_index(node_locks(world.replica()));
    }

    NodeWorld world{2, 3};
    std::vector<MadeEntry> log;
};

} // namespace

/*
 * A vote that is not durable is not told; too many of them are lost, never told too soon.
 */
TEST_F(NodeLog, DropsAnswersThatWaitForTheDiskWhenThereAreTooMany)
{
    uint64_t before = mark_count("held_message_dropped");
    world.disk_stalls = true;
    for (uint64_t asked = 1; asked <= 258; asked++)
        ask_for_vote(asked);
    world.turn();
    EXPECT_EQ(mark_count("held_message_dropped"), before + 2);
    EXPECT_TRUE(votes_heard().empty()) << "told before it was durable";
    world.disk_stalls = false;
    world.turn();
    ASSERT_EQ(votes_heard().size(), 256U);
    EXPECT_EQ(votes_heard().back(), 256U);
    ask_for_vote(258);
    world.turn();
    EXPECT_EQ(votes_heard().back(), 258U) << "who asks again is told";
}

/* What the log has no room for does not happen at all, until there is room again. */
TEST_F(NodeLog, RefusesToHearWhatItsLogHasNoRoomFor)
{
    uint64_t before = mark_count("log_has_no_room");
    world.disk_stalls = true;
    uint64_t asked = 0;
    while (mark_count("log_has_no_room") == before && asked < 4000) {
        ask_for_vote(++asked);
        world.turn();
    }
    ASSERT_EQ(mark_count("log_has_no_room"), before + 1);
    EXPECT_GT(asked, 1000U);
    EXPECT_EQ(term(), asked - 1) << "it was heard, and could not be kept";
    world.disk_stalls = false;
    world.turn();
    ask_for_vote(asked);
    world.turn();
    EXPECT_EQ(term(), asked);
    EXPECT_EQ(votes_heard().back(), asked);
}

/*
 * Much that is committed at once is applied over several turns, and none waits for an
 * event.
 */
TEST_F(NodeLog, AppliesALongLogOverSeveralTurns)
{
    ask_for_vote(1);
    world.turn();
    make_bootstrap();
    append(1, 1, 0);
    for (uint64_t index = 2; index <= 6; index++) {
        make_batch(index, 1, 1,
                (uint32_t{ENTRY_BODY_MAX} - BATCH_HEAD_BYTES) / KEEPALIVE_BYTES);
        append(index, 1, 0);
        world.turn();
    }
    ASSERT_EQ(applied(), 0U);
    uint64_t before = mark_count("apply_continues_next_turn");
    append(7, 1, 6);
    for (uint64_t turn = 1; turn <= 5; turn++) {
        world.end_turn();
        EXPECT_EQ(applied(), 1 + turn) << "the first is small, the others a mebibyte each";
        bool more = world.effects.deadline_ns < world.now_ns;
        EXPECT_EQ(more, turn < 5) << "the rest would wait";
    }
    EXPECT_EQ(mark_count("apply_continues_next_turn"), before + 4);
}

/* Entries that were cut off lie on the disk still, and are never applied. */
TEST_F(NodeLog, PassesOverWhatWasCutOff)
{
    ask_for_vote(1);
    world.turn();
    make_bootstrap();
    for (uint64_t index = 2; index <= 5; index++)
        make_batch(index, 1, index <= 3 ? 10 : 1000);
    append(1, 1, 2);
    world.turn();
    make_batch(4, 2, 20);
    make_batch(5, 2, 20);
    append(4, 2, 3);
    world.turn();
    ASSERT_EQ(applied(), 3U);
    world.restart();
    connect();
    ASSERT_EQ(applied(), 0U);
    uint64_t before = mark_count("read_cut_off_entry");
    append(6, 2, 5);
    world.turn();
    EXPECT_EQ(mark_count("read_cut_off_entry"), before + 1);
    EXPECT_EQ(applied(), 5U);
    EXPECT_EQ(locks_time(node_locks(world.replica())), 60U) << "10, 10, 20, 20";
}

/* ---- A log that is applied after a restart ---- */

namespace {

/* Entries of 64 KiB that only the disk has: four reads, and two segments. */
class NodeReplay : public NodeLog {
protected:
    enum : uint32_t {
        ENTRIES = 100,
        KEEPALIVES = 2300
    };

    void SetUp() override
    {
        ask_for_vote(1);
        world.turn();
        make_bootstrap();
        append(1, 1, 0);
        for (uint64_t index = 2; index <= ENTRIES; index++) {
            make_batch(index, 1, 1, KEEPALIVES);
            append(index, 1, 0);
            world.turn();
        }
        world.restart();
        connect();
        whole = world.disk;
    }

    /* The leader's heartbeat, and the turn that it begins. */
    void beat()
    {
        append(ENTRIES + 1, 1, ENTRIES);
        world.end_turn();
    }

    /* One bit of the body of an entry, in whatever segment it lies. */
    void rot(uint64_t index)
    {
        for (auto &[number, content] : world.disk) {
            const bytes &entry = log[index - 1].content;
            auto at =
                    std::search(content.begin(), content.end(), entry.begin(), entry.end());
            if (at != content.end())
                at[ENTRY_HEAD_BYTES + 1000] ^= 1;
        }
    }

    std::map<uint64_t, bytes> whole;
};

} // namespace

/* A turn applies a slice, so the leader is answered in each, and the disk is read meanwhile. */
TEST_F(NodeReplay, AppliesASliceEachTurnAndReadsAhead)
{
    uint64_t ahead = mark_count("log_read_ahead");
    uint32_t idle = 0;
    beat();
    while (applied() < ENTRIES) {
        uint64_t before = applied();
        size_t heard = world.heard[LEADER].size();
        beat();
        EXPECT_GT(world.heard[LEADER].size(), heard) << "the leader waits for an answer";
        EXPECT_LE(applied() - before, 6U) << "a small one, and five begin in 256 KiB";
        EXPECT_TRUE(applied() == ENTRIES || world.effects.deadline_ns < world.now_ns);
        idle += applied() == before ? 1 : 0;
        ASSERT_LT(++world.turns, 1000U);
    }
    EXPECT_EQ(idle, 0U) << "it waited for a read";
    EXPECT_GE(mark_count("log_read_ahead"), ahead + 3);
    EXPECT_LE(world.reads, 5U) << "the log is read once";
}

/* Damage in what is applied: what was read after it is no use, and is read again. */
TEST_F(NodeReplay, ReadsAgainFromWhereTheLogIsDamaged)
{
    uint64_t before = mark_count("read_ahead_in_vain");
    rot(10);
    beat();
    world.run_until(world.now_ns + NS_PER_S);
    EXPECT_EQ(applied(), 9U);
    EXPECT_EQ(mark_count("read_ahead_in_vain"), before + 1);
    world.disk = whole;
    world.run_until(world.now_ns + 31 * NS_PER_S);
    EXPECT_EQ(applied(), ENTRIES);
}

/* Damage in what is read ahead stops nothing before it. */
TEST_F(NodeReplay, AppliesAllBeforeDamageThatItReadAhead)
{
    rot(60);
    beat();
    world.run_until(world.now_ns + NS_PER_S);
    EXPECT_EQ(applied(), 59U);
    world.disk = whole;
    world.run_until(world.now_ns + 31 * NS_PER_S);
    EXPECT_EQ(applied(), ENTRIES);
}

/* ---- A log that cannot be read back ---- */

namespace {

/* Five entries, of which none is in memory; the fifth will be committed. */
class NodeRot : public NodeLog {
protected:
    void SetUp() override
    {
        ask_for_vote(1);
        world.turn();
        make_bootstrap();
        for (uint64_t index = 2; index <= 5; index++)
            make_batch(index, 1, 10);
        append(1, 1, 0);
        world.turn();
        world.restart();
        connect();
        whole = world.disk;
    }

    void commit_all()
    {
        append(6, 1, 5);
        world.turn();
    }

    void run_for(uint64_t ns)
    {
        world.run_until(world.now_ns + ns);
    }

    /* The place of the record of an entry in segment 1. */
    uint64_t offset_of(uint64_t index) const
    {
        for (uint64_t at = 0; at < whole.at(1).size(); at += WAL_BLOCK_BYTES) {
            format_block block;
            format_read(&whole.at(1)[at], &block);
            if (block.finding == FORMAT_RECORD && block.record.kind == RECORD_ENTRY &&
                    block.record.value == log[index - 1].head.sum)
                return at;
        }
        return 0;
    }

    uint64_t notices_of(node_notice_kind kind, uint64_t offset) const
    {
        return static_cast<uint64_t>(std::count_if(
                world.notices.begin(), world.notices.end(), [&](const node_notice &notice) {
                    return notice.kind == kind && notice.number == 1 &&
                           notice.offset == offset;
                }));
    }

    /*
     * The fault is told once, and for long only a few reads are made. When the disk is
     * whole again, all is applied, and that is told, too.
     */
    void expect_fault_and_cure(uint64_t offset, uint64_t applied_before)
    {
        commit_all();
        EXPECT_EQ(applied(), applied_before);
        EXPECT_EQ(notices_of(NOTICE_LOG_UNREADABLE, offset), 1U);
        uint64_t reads = world.reads;
        run_for(100 * NS_PER_S);
        EXPECT_GT(world.reads, reads + 8);
        EXPECT_LT(world.reads, reads + 30);
        EXPECT_EQ(applied(), applied_before);
        EXPECT_EQ(notices_of(NOTICE_LOG_UNREADABLE, offset), 1U);
        EXPECT_EQ(notices_of(NOTICE_LOG_READABLE, offset), 0U);
        world.disk = whole;
        world.reads_fail = false;
        run_for(31 * NS_PER_S);
        EXPECT_EQ(applied(), 5U);
        EXPECT_EQ(notices_of(NOTICE_LOG_READABLE, offset), 1U);
        reads = world.reads;
        run_for(40 * NS_PER_S);
        EXPECT_EQ(world.reads, reads);
        EXPECT_GT(mark_count("log_unreadable"), 0U);
        EXPECT_GT(mark_count("log_readable_again"), 0U);
    }

    std::map<uint64_t, bytes> whole;
};

} // namespace

TEST_F(NodeRot, AFlippedBitStopsNothingElse)
{
    uint64_t at = offset_of(3);
    world.disk.at(1)[at + WAL_RECORD_HEAD_BYTES + 60] ^= 1;
    expect_fault_and_cure(at, 2);
}

TEST_F(NodeRot, ABadHeadIsAFault)
{
    uint64_t at = offset_of(4);
    world.disk.at(1)[at + 20] ^= 1;
    expect_fault_and_cure(at, 3);
}

TEST_F(NodeRot, ZerosAreAFault)
{
    uint64_t at = offset_of(2);
    memset(&world.disk.at(1)[at], 0, WAL_BLOCK_BYTES);
    expect_fault_and_cure(at, 1);
}

/* An intact record that belongs elsewhere is none of this place. */
TEST_F(NodeRot, AMisdirectedBlockIsAFault)
{
    uint64_t at = offset_of(3);
    memcpy(&world.disk.at(1)[at], &whole.at(1)[offset_of(5)], WAL_BLOCK_BYTES);
    expect_fault_and_cure(at, 2);
}

TEST_F(NodeRot, AReadErrorIsAFault)
{
    world.reads_fail = true;
    expect_fault_and_cure(offset_of(1), 0);
}

TEST_F(NodeRot, AFaultThatEndsSoonIsOverSoon)
{
    uint64_t at = offset_of(3);
    world.disk.at(1)[at + 20] ^= 1;
    commit_all();
    world.disk = whole;
    run_for(200 * NS_PER_MS);
    ASSERT_EQ(applied(), 5U);
    EXPECT_EQ(notices_of(NOTICE_LOG_READABLE, at), 1U);
}

/* The leader was upgraded, and the cluster with it, while this node was not looking. */
TEST_F(NodeLog, EntriesOfALaterVersionAreRefusedWithTheReason)
{
    uint64_t before = mark_count("entry_of_unknown_version");
    make_bootstrap();
    bytes body(64);
    settings_change change{0, 1, {{SETTING_VERSION, VERSION_MOST + 1}}};
    wire wire = wire_writer(body.data(), body.size());
    wire_settings_change(&wire, &change);
    body.resize(wire.at);
    make(2, 1, ENTRY_SETTINGS, body);
    append(1, 1, 2);
    world.turn();
    EXPECT_EQ(mark_count("entry_of_unknown_version"), before + 1);
    EXPECT_TRUE(world.closed[LEADER]);
    EXPECT_TRUE(world.noticed(NOTICE_REFUSED_PEER));
    EXPECT_TRUE(upgrade_is_too_late(&world.replica()->upgrade));
    refused said = refused_on_leader();
    EXPECT_EQ(said.why, REFUSED_VERSION);
    EXPECT_EQ(said.versions.most, VERSION_MOST);
}

/* The same of a state that comes as a snapshot: the first piece says it. */
TEST_F(NodeLog, ASnapshotOfALaterVersionIsRefusedWithTheReason)
{
    expect_refusal_of_snapshot(SNAPSHOT_VERSION);
}

/* Also if its file has another layout. */
TEST_F(NodeLog, ASnapshotFileOfALaterVersionIsRefusedWithTheReason)
{
    expect_refusal_of_snapshot(SNAPSHOT_VERSION + 1);
}

/* Sessions end one by one, and settings change meanwhile. */
TEST_F(NodeLog, AnEntryOfSettingsDoesDueWorkThatIsLeft)
{
    ask_for_vote(1);
    world.turn();
    make_bootstrap(1);
    make_opens(2, 1, 4);
    make_batch(3, 1, 600 * NS_PER_S);
    bytes body(64);
    settings_change change{0, 1, {{SETTING_UPGRADE_AFTER, 7}}};
    wire wire = wire_writer(body.data(), body.size());
    wire_settings_change(&wire, &change);
    body.resize(wire.at);
    make(4, 1, ENTRY_SETTINGS, body);
    append(1, 1, 3);
    world.turn();
    ASSERT_EQ(applied(), 3U);
    const struct locks *locks = node_locks(world.replica());
    EXPECT_TRUE(locks_has_work(locks));
    uint32_t sessions = locks_tally(locks).sessions;
    append(1, 1, 4);
    world.turn();
    ASSERT_EQ(applied(), 4U);
    EXPECT_EQ(locks_settings(locks)->upgrade_after_ns, 7U);
    EXPECT_LT(locks_tally(locks).sessions, sessions);
}

/* A broken leader may send it: it does nothing, and ends no node. */
TEST_F(NodeLog, AKindOfTheNextVersionDoesNothingBeforeTheClusterUsesIt)
{
    world.restart([](node_settings &settings) {
        settings.versions = {VERSION_FIRST, VERSION_TRIAL};
    });
    connect();
    ask_for_vote(1);
    world.turn();
    make_bootstrap();
    make(2, 1, ENTRY_TRIAL, {});
    append(1, 1, 2);
    world.turn();
    EXPECT_EQ(applied(), 2U);
    EXPECT_EQ(locks_settings(node_locks(world.replica()))->version, VERSION_FIRST);
}

/* A kind that only a later version has, though the cluster was not upgraded: nonsense. */
TEST_F(NodeLog, AKindOfALaterVersionIsNotTaken)
{
    make_bootstrap();
    make(2, 1, ENTRY_TRIAL, {});
    append(1, 1, 2);
    world.turn();
    EXPECT_TRUE(world.closed[LEADER]);
    EXPECT_EQ(applied(), 0U);
}
