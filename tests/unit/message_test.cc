/*
 * Every layout of the protocol, by the same rules: what is written is read back, has the
 * measured size, and nothing shorter, longer or damaged is taken for something else.
 */
#include "worlds/messages.h"

namespace {

using namespace messages;

template <class message_case> class Message : public ::testing::Test {
};
TYPED_TEST_SUITE(Message, every_message);

TYPED_TEST(Message, ComesBackAsItWas)
{
    class dice dice(1);
    for (int i = 0; i < 500; i++) {
        auto sent = TypeParam::make(dice);
        bytes wire = encode(TypeParam::walk, sent);
        ASSERT_FALSE(wire.empty());
        typename TypeParam::message heard;
        ASSERT_TRUE(decode(TypeParam::walk, wire, heard));
        ASSERT_EQ(TypeParam::fields(heard), TypeParam::fields(sent));
        ASSERT_EQ(encode(TypeParam::walk, heard), wire);
    }
}

TYPED_TEST(Message, IsNotWrittenPastTheEnd)
{
    class dice dice(2);
    for (int i = 0; i < 20; i++) {
        auto sent = TypeParam::make(dice);
        size_t size = encode(TypeParam::walk, sent).size();
        for (size_t room = 0; room < size; room++) {
            bytes out(room);
            struct wire wire = wire_writer(out.data(), out.size());
            TypeParam::walk(&wire, &sent);
            ASSERT_FALSE(wire_complete(&wire));
            ASSERT_LE(wire.at, room);
        }
    }
}

TYPED_TEST(Message, CutShortIsRefused)
{
    class dice dice(3);
    for (int i = 0; i < 20; i++) {
        auto sent = TypeParam::make(dice);
        bytes wire = encode(TypeParam::walk, sent);
        for (size_t size = 0; size < wire.size(); size++) {
            if constexpr (requires { TypeParam::is_whole_without(sent, size); }) {
                if (TypeParam::is_whole_without(sent, wire.size() - size))
                    continue;
            }
            typename TypeParam::message heard;
            ASSERT_FALSE(decode(
                    TypeParam::walk, bytes(wire.begin(), wire.begin() + size), heard));
        }
    }
}

TYPED_TEST(Message, WithMoreBehindIsRefused)
{
    class dice dice(4);
    bytes wire = encode(TypeParam::walk, TypeParam::make(dice));
    wire.push_back(0);
    typename TypeParam::message heard;
    EXPECT_FALSE(decode(TypeParam::walk, wire, heard));
}

/*
 * There is one encoding of each message: what is accepted is what it would have been sent
 * as, but for what stands where a later version has more fields.
 */
TYPED_TEST(Message, DamagedIsRefusedOrAnotherMessage)
{
    class dice dice(5);
    for (int i = 0; i < 20; i++) {
        bytes wire = encode(TypeParam::walk, TypeParam::make(dice));
        for (size_t bit = 0; bit < wire.size() * 8; bit++) {
            bytes damaged = wire;
            damaged[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
            typename TypeParam::message heard;
            if (!decode(TypeParam::walk, damaged, heard))
                continue;
            bytes again = encode(TypeParam::walk, heard);
            if constexpr (requires { TypeParam::has_room_for_more; }) {
                ASSERT_LE(again.size(), damaged.size());
                typename TypeParam::message same;
                ASSERT_TRUE(decode(TypeParam::walk, again, same));
                ASSERT_EQ(TypeParam::fields(same), TypeParam::fields(heard));
            } else {
                ASSERT_EQ(again, damaged);
            }
        }
    }
}

TEST(Wire, ReadsZeroAfterAFailure)
{
    const unsigned char bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct wire wire = wire_reader(bytes, sizeof(bytes));
    wire_require(&wire, false);
    uint8_t a = 1;
    uint16_t b = 1;
    uint32_t c = 1;
    uint64_t d = 1;
    bool e = true;
    unsigned char f[2] = {1, 1};
    span g{bytes, 1};
    wire_u8(&wire, &a);
    wire_u16(&wire, &b);
    wire_u32(&wire, &c);
    wire_u64(&wire, &d);
    wire_bool(&wire, &e);
    wire_fixed(&wire, f, sizeof(f));
    wire_span(&wire, &g, 100);
    EXPECT_EQ(a + b + c + d + e + f[0] + f[1] + g.count, 0U);
    EXPECT_EQ(g.bytes, nullptr);
    EXPECT_EQ(wire.at, 0U);
    EXPECT_FALSE(wire_complete(&wire));
}

TEST(Wire, IsLittleEndianAndUnaligned)
{
    const unsigned char bytes[] = {0xff, 1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8};
    struct wire wire = wire_reader(bytes, sizeof(bytes));
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;
    wire_u8(&wire, &a);
    wire_u16(&wire, &b);
    wire_u32(&wire, &c);
    EXPECT_EQ(wire_left(&wire), 8U);
    wire_u64(&wire, &d);
    EXPECT_TRUE(wire_complete(&wire));
    EXPECT_EQ(a, 0xff);
    EXPECT_EQ(b, 0x0201);
    EXPECT_EQ(c, 0x04030201U);
    EXPECT_EQ(d, UINT64_C(0x0807060504030201));
}

TEST(Wire, SpanIsBoundedBothWays)
{
    const unsigned char bytes[] = {3, 0, 'a', 'b', 'c'};
    struct wire reader = wire_reader(bytes, sizeof(bytes));
    span text;
    wire_span(&reader, &text, 2);
    EXPECT_FALSE(wire_complete(&reader));
    EXPECT_EQ(text.count, 0U);

    reader = wire_reader(bytes, sizeof(bytes));
    wire_span(&reader, &text, 3);
    EXPECT_TRUE(wire_complete(&reader));
    EXPECT_EQ(text.bytes, bytes + 2);
    EXPECT_EQ(text.count, 3U);

    unsigned char out[8];
    struct wire writer = wire_writer(out, sizeof(out));
    wire_span(&writer, &text, 2);
    EXPECT_FALSE(wire_complete(&writer));
    /* A count whose low 16 bits would be in range. */
    text.count = 0x10001;
    writer = wire_writer(out, sizeof(out));
    wire_span(&writer, &text, 100);
    EXPECT_FALSE(wire_complete(&writer));
}

/*
 * Ranges, in both directions: written they are refused, and read when a byte is put there.
 */
template <class of> struct range {
    const char *what;
    void (*spoil)(of &);
    size_t at; /* The byte that says so on the wire */
    uint8_t value;
};

template <class of>
void expect_ranges(void (*walk)(struct wire *, of *), const of &good,
        const std::vector<range<of>> &ranges)
{
    bytes wire = encode(walk, good);
    ASSERT_FALSE(wire.empty());
    for (const range<of> &range : ranges) {
        of bad = good;
        range.spoil(bad);
        EXPECT_TRUE(encode(walk, bad).empty()) << range.what;
        bytes spoiled = wire;
        ASSERT_NE(spoiled.at(range.at), range.value) << range.what;
        spoiled[range.at] = range.value;
        EXPECT_FALSE(decode(walk, spoiled, bad)) << range.what;
    }
}

const unsigned char NAME[] = "jobs/nightly";
const span name{NAME, sizeof(NAME) - 1};

TEST(Range, Hello)
{
    hello client{HELLO_CLIENT, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, {2, 3}, 0};
    expect_ranges<hello>(wire_hello, client,
            {{"role", [](hello &m) { m.role = 3; }, 0, 3},
                    {"no version", [](hello &m) { m.versions.least = 0; }, 1, 0},
                    {"no range", [](hello &m) { m.versions.most = 1; }, 3, 1},
                    {"node of a client", [](hello &m) { m.node = 1; }, 13, 1},
                    {"to of a client", [](hello &m) { m.to = 1; }, 14, 1},
                    {"members of a client", [](hello &m) { m.members = 1; }, 23, 1}});
    expect_ranges<hello>(wire_hello,
            {HELLO_PEER, 1, 2, 7, 9, 3, 4, 5, 1, 6, 1, 8, 0, {1, 1}, 0},
            {{"no node", [](hello &m) { m.node = 0; }, 13, 0},
                    {"node 64", [](hello &m) { m.node = 64; }, 13, 64},
                    {"to nobody", [](hello &m) { m.to = 0; }, 14, 0}});
    expect_ranges<welcome>(wire_welcome, {1, 2, 7, 9, name, 5, 6, {1, 1}, 0},
            {{"no node", [](welcome &m) { m.node = 0; }, 0, 0},
                    {"leader 64", [](welcome &m) { m.leader = 64; }, 1, 64},
                    {"address of nobody", [](welcome &m) { m.leader = 0; }, 1, 0}});
    expect_ranges<leader>(wire_leader, {2, 9, name},
            {{"leader 64", [](leader &m) { m.leader = 64; }, 0, 64},
                    {"address of nobody", [](leader &m) { m.leader = 0; }, 0, 0}});
    expect_ranges<refused>(wire_refused, {REFUSED_FULL, 7, 1, {1, 1}, 0},
            {{"no reason", [](refused &m) { m.why = 0; }, 0, 0}});
    expect_ranges<peer_welcome>(wire_peer_welcome,
            {1, 7, 3, 4, 5, 1, 6, 1, 8, {1, 1}, 0, 0},
            {{"no node", [](peer_welcome &m) { m.node = 0; }, 0, 0},
                    {"node 64", [](peer_welcome &m) { m.node = 64; }, 0, 64}});
}

TEST(Range, Section)
{
    section good{};
    good.session = 1;
    good.count = 1;
    expect_ranges<section>(wire_section, good,
            {{"without a request", [](section &m) { m.count = 0; }, 40, 0}});
    expect_ranges<section>(wire_section_logged, good,
            {{"without a request", [](section &m) { m.count = 0; }, 25, 0}});
    good.session = 0;
    expect_ranges<section>(wire_section_logged, good,
            {{"unproved nobody", [](section &m) { m.unproved = true; }, 8, 1}});
    expect_ranges<section>(wire_section, good,
            {{"two without a session", [](section &m) { m.count = 2; }, 40, 2},
                    {"answered nobody", [](section &m) { m.answered = 1; }, 24, 1},
                    {"confirmed nobody", [](section &m) { m.confirmed = 1; }, 32, 1}});
}

TEST(Range, Request)
{
    request acquire{REQUEST_ACQUIRE, ACQUIRE_REENTRANT, 5, 0, 6, 7, name};
    expect_ranges<request>(wire_request, acquire,
            {{"kind 0", [](request &m) { m.kind = 0; }, 0, 0},
                    {"kind 7", [](request &m) { m.kind = 7; }, 0, 7},
                    {"flag 2", [](request &m) { m.flags = 2; }, 1, 2},
                    {"number 0", [](request &m) { m.number = 0; }, 2, 0},
                    {"no name", [](request &m) { m.name.count = 0; }, 26, 0}});
    expect_ranges<request>(wire_request, {REQUEST_RELEASE, RELEASE_ALL, 5, 9, 0, 0, name},
            {{"flag 2", [](request &m) { m.flags = 2; }, 1, 2},
                    {"number 0", [](request &m) { m.number = 0; }, 2, 0},
                    {"no name", [](request &m) { m.name.count = 0; }, 18, 0}});
    expect_ranges<request>(wire_request, {REQUEST_CANCEL, 0, 5, 9, 0, 0, {}},
            {{"number 0", [](request &m) { m.number = 0; }, 1, 0},
                    {"target 0", [](request &m) { m.target = 0; }, 9, 0}});
    expect_ranges<request>(wire_request, {REQUEST_CLOSE, 0, 5, 0, 0, 0, {}},
            {{"number 0", [](request &m) { m.number = 0; }, 1, 0}});
}

TEST(Range, NamesAndLabels)
{
    bytes long_name(NAME_BYTES_MAX + 1, 'n');
    request acquire{REQUEST_ACQUIRE, 0, 5, 0, 6, 7, {long_name.data(), NAME_BYTES_MAX}};
    EXPECT_FALSE(encode(wire_request, acquire).empty());
    acquire.name.count++;
    EXPECT_TRUE(encode(wire_request, acquire).empty());
    request open{REQUEST_OPEN, 0, 5, 0, 0, 7, {long_name.data(), LABEL_BYTES_MAX}};
    EXPECT_FALSE(encode(wire_request, open).empty());
    open.name.count++;
    EXPECT_TRUE(encode(wire_request, open).empty());
}

TEST(Range, Answer)
{
    expect_ranges<answer>(wire_answer, {REQUEST_ACQUIRE, STATUS_OK, 0, 5, 9, 1},
            {{"kind 0", [](answer &m) { m.kind = 0; }, 0, 0},
                    {"grant of a release", [](answer &m) { m.kind = REQUEST_RELEASE; }, 0,
                            6},
                    {"detail of nothing", [](answer &m) { m.detail = 1; }, 2, 1},
                    {"token 0", [](answer &m) { m.token = 0; }, 11, 0}});
    expect_ranges<answer>(wire_answer, {REQUEST_ACQUIRE, STATUS_QUEUED, 0, 5, 0, 1},
            {{"STATUS_UNKNOWN", [](answer &m) { m.status = STATUS_UNKNOWN; }, 1, 2},
                    {"status 14", [](answer &m) { m.status = 14; }, 1, 14},
                    {"status 34", [](answer &m) { m.status = 34; }, 1, 34},
                    {"queued release", [](answer &m) { m.kind = REQUEST_RELEASE; }, 0, 6},
                    {"token of a wait", [](answer &m) { m.token = 1; }, 11, 1}});
    expect_ranges<answer>(wire_answer, {REQUEST_ACQUIRE, STATUS_LOST, LOST_CLOSED, 5, 0, 0},
            {{"no reason", [](answer &m) { m.detail = 0; }, 2, 0},
                    {"reason 4", [](answer &m) { m.detail = 4; }, 2, 4}});
    expect_ranges<answer>(wire_answer,
            {REQUEST_ACQUIRE, STATUS_LIMIT, LIMIT_WAITS, 5, 0, 0},
            {{"no limit", [](answer &m) { m.detail = 0; }, 2, 0},
                    {"limit 22", [](answer &m) { m.detail = 22; }, 2, 22}});
}

TEST(Range, Changes)
{
    expect_ranges<answer_section>(wire_answer_section, {0, 1, 0, 0, 1, 0, false, false},
            {{"changes of nobody", [](answer_section &m) { m.change_count = 1; }, 34, 1},
                    {"list of nobody", [](answer_section &m) { m.listed = true; }, 36, 1},
                    {"more of no list", [](answer_section &m) { m.more = true; }, 37, 1}});
    expect_ranges<change>(wire_change, {CHANGE_GRANTED, 0, 3, 5, 9},
            {{"kind 0", [](change &m) { m.kind = 0; }, 0, 0},
                    {"kind 6", [](change &m) { m.kind = 6; }, 0, 6},
                    {"status of a grant", [](change &m) { m.status = 1; }, 1, 1},
                    {"change 0", [](change &m) { m.change = 0; }, 2, 0},
                    {"number 0", [](change &m) { m.number = 0; }, 10, 0},
                    {"token 0", [](change &m) { m.token = 0; }, 18, 0}});
    expect_ranges<change>(wire_change, {CHANGE_FAILED, STATUS_TIMEOUT, 3, 5, 0},
            {{"failed with OK", [](change &m) { m.status = STATUS_OK; }, 1, 0},
                    {"failed with QUEUED", [](change &m) { m.status = STATUS_QUEUED; }, 1,
                            32},
                    {"token of a failure", [](change &m) { m.token = 1; }, 18, 1}});
    expect_ranges<change>(wire_change, {CHANGE_WAITS, 0, 0, 5, 0},
            {{"change in a list", [](change &m) { m.change = 1; }, 2, 1},
                    {"token of a wait", [](change &m) { m.token = 1; }, 18, 1}});
}

TEST(Range, Read)
{
    expect_ranges<read_request>(wire_read,
            {READ_LIST, false, 1, LIST_LOCKS_MAX, 0, {}, 0, name},
            {{"kind 0", [](read_request &m) { m.kind = 0; }, 0, 0},
                    {"limit 65", [](read_request &m) { m.limit = 65; }, 10, 65},
                    {"limit 0", [](read_request &m) { m.limit = 0; }, 10, 0}});
    expect_ranges<read_request>(wire_read, {READ_LOCK, false, 1, 0, 0, name, 9, {}},
            {{"no name", [](read_request &m) { m.name.count = 0; }, 10, 0}});
    expect_ranges<read_answer>(wire_read_answer, {1, STATUS_OK, 2, 3, 4, 5},
            {{"status LOST", [](read_answer &m) { m.status = STATUS_LOST; }, 8, 3},
                    {"busy with locks", [](read_answer &m) { m.status = STATUS_BUSY; }, 8,
                            4},
                    {"65 locks", [](read_answer &m) { m.count = 65; }, 33, 65}});
    lock_view held{name, 1, 2, 3, 4, 5, 4, 6, 7, name};
    size_t session = 2 + name.count;
    expect_ranges<lock_view>(wire_lock_view, held,
            {{"held by nobody", [](lock_view &m) { m.session = 0; }, session, 0},
                    {"held without token", [](lock_view &m) { m.token = 0; }, session + 16,
                            0},
                    {"held 0 times", [](lock_view &m) { m.count = 0; }, session + 24, 0},
                    {"more ahead than wait", [](lock_view &m) { m.ahead = 6; },
                            session + 32, 6}});
    lock_view free{name, 0, 0, 0, 0, 5, 5, 0, 0, {}};
    size_t label = session + 24 + 12 + 16;
    ASSERT_EQ(encode(wire_lock_view, free).size(), label + 2);
    free.label = name;
    EXPECT_TRUE(encode(wire_lock_view, free).empty()) << "label of nobody";
}

TEST(Range, NodeStatus)
{
    node_status good{};
    good.node = 1;
    good.versions = {1, 2};
    good.peer_count = 1;
    good.peers[0].node = 2;
    /*
     * The peers' count stands behind 4 bytes, 17 numbers, 3 versions, 7 counts, 6 numbers,
     * 9 counts, and 3 shares of 11 bytes.
     */
    expect_ranges<node_status>(wire_node_status, good,
            {{"node 0", [](node_status &m) { m.node = 0; }, 0, 0},
                    {"role 3", [](node_status &m) { m.role = 3; }, 1, 3},
                    {"leader 64", [](node_status &m) { m.leader = 64; }, 2, 64},
                    {"share of nobody", [](node_status &m) { m.address_share.of = 1; }, 258,
                            1},
                    {"version 0", [](node_status &m) { m.versions.least = 0; }, 22, 0},
                    {"9 peers", [](node_status &m) { m.peer_count = 9; }, 291, 9},
                    {"peer 0", [](node_status &m) { m.peers[0].node = 0; }, 292, 0}});
    expect_ranges<node_status_bucket>(wire_bucket, {3, 1},
            {{"empty bucket", [](node_status_bucket &m) { m.count = 0; }, 2, 0}});
}

TEST(Range, Peer)
{
    peer_message append{};
    append.kind = PEER_APPEND;
    append.from = 1;
    append.to = 2;
    append.term = 3;
    append.previous = {2, 5};
    append.begin = 6;
    append.end = 8;
    EXPECT_EQ(encode(wire_peer_message, append).size(), size_t{PEER_APPEND_HEAD_BYTES});
    expect_ranges<peer_message>(wire_peer_message, append,
            {{"kind 0", [](peer_message &m) { m.kind = static_cast<peer_kind>(0); }, 0, 0},
                    {"kind 8", [](peer_message &m) { m.kind = static_cast<peer_kind>(8); },
                            0, 8},
                    {"from 0", [](peer_message &m) { m.from = 0; }, 1, 0},
                    {"to itself", [](peer_message &m) { m.to = 1; }, 2, 1},
                    {"term without index", [](peer_message &m) { m.previous.index = 0; },
                            19, 0},
                    {"gap", [](peer_message &m) { m.begin = 7; }, 59, 7},
                    {"end before begin", [](peer_message &m) { m.end = 5; }, 67, 5}});
    bytes wire = encode(wire_peer_message, append);
    wire.back() = 1;
    EXPECT_TRUE(decode(wire_peer_message, wire, append))
            << "what a later version says there";
    peer_message answer{};
    answer.kind = PEER_VOTE_ANSWER;
    answer.from = 1;
    answer.to = 2;
    expect_ranges<peer_message>(wire_peer_message, answer,
            {{"state 3", [](peer_message &m) { m.state = 3; }, 13, 3}});
}

TEST(Peer, KindsHaveFramesOfTheirOwn)
{
    EXPECT_EQ(peer_frame_kind(PEER_VOTE), FRAME_PEER_VOTE);
    EXPECT_EQ(peer_frame_kind(PEER_VOTE_ANSWER), FRAME_PEER_VOTE_ANSWER);
    EXPECT_EQ(peer_frame_kind(PEER_APPEND), FRAME_PEER_APPEND);
    EXPECT_EQ(peer_frame_kind(PEER_APPEND_ANSWER), FRAME_PEER_APPEND_ANSWER);
    EXPECT_EQ(peer_frame_kind(PEER_TIMEOUT_NOW), FRAME_PEER_TIMEOUT_NOW);
    EXPECT_EQ(peer_frame_kind(PEER_READ), FRAME_PEER_READ);
    EXPECT_EQ(peer_frame_kind(PEER_READ_ANSWER), FRAME_PEER_READ_ANSWER);
}

} // namespace
