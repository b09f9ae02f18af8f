#include "sim/lives/vandal.h"

#include <algorithm>

#include "base/hash.h"
#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/request.h"
#include "protocol/settings.h"

namespace sim {

namespace {

constexpr int clients_begin = 101;
constexpr size_t heard_max = 20;

std::vector<uint8_t> sealed(enum frame_kind kind, const std::vector<uint8_t> &body)
{
    std::vector<uint8_t> frame(FRAME_HEAD_BYTES + body.size());
    std::copy(body.begin(), body.end(), frame.begin() + FRAME_HEAD_BYTES);
    frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
    return frame;
}

std::vector<uint8_t> joined(std::vector<uint8_t> first, const std::vector<uint8_t> &second)
{
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

} // namespace

Vandal::Vandal(World &world, const struct prng &dice, bool poses)
        : world_(world), dice_(dice), poses_(poses)
{
    world_.network.taps.push_back([this](uint64_t link, int from, int, const Bytes &bytes) {
        if (from < clients_begin || from >= number)
            return;
        Bytes &heard = heard_[link];
        heard.insert(heard.end(), bytes.begin(), bytes.end());
        note(bytes);
        if (heard_.size() > heard_max)
            heard_.erase(heard_.begin());
    });
}

uint64_t Vandal::roll(uint64_t n)
{
    return n == 0 ? 0 : prng_below(&dice_, n);
}

Vandal::Bytes Vandal::noise(size_t most)
{
    Bytes bytes(1 + roll(most));
    for (uint8_t &byte : bytes)
        byte = static_cast<uint8_t>(roll(roll(2) == 0 ? 4 : 256));
    return bytes;
}

Vandal::Bytes Vandal::hello()
{
    struct hello hello = hello_of_client(0);
    Bytes body(96);
    struct wire wire = wire_writer(body.data(), body.size());
    wire_hello(&wire, &hello);
    body.resize(wire.at);
    return sealed(FRAME_HELLO, body);
}

Vandal::Bytes Vandal::frame_of_noise()
{
    static const enum frame_kind kinds[] = {FRAME_HELLO, FRAME_WELCOME, FRAME_REQUESTS,
            FRAME_READ, FRAME_STATUS, FRAME_ANSWERS, FRAME_PEER_VOTE, FRAME_PEER_APPEND};
    return sealed(kinds[roll(std::size(kinds))], noise(200));
}

/* The start of what a client said on one connection, cut anywhere. */
Vandal::Bytes Vandal::echo()
{
    if (heard_.empty())
        return {};
    auto it = heard_.begin();
    std::advance(it, static_cast<ptrdiff_t>(roll(heard_.size())));
    Bytes bytes = it->second;
    if (roll(4) == 0)
        bytes.resize(1 + roll(bytes.size()));
    return bytes;
}

/* The requests of a client, in the name of its session, without knowing its secret. */
Vandal::Bytes Vandal::with_another_secret(const Bytes &heard)
{
    Bytes said = hello();
    Bytes room(heard.size() + FRAME_HEAD_BYTES);
    struct frame_reader reader;
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, heard.data(), heard.size());
    struct frame frame;
    while (frame_reader_next(&reader, &frame)) {
        if (frame.kind != FRAME_REQUESTS)
            continue;
        Bytes body(frame.body, frame.body + frame.body_bytes);
        struct section section {};
        struct wire before = wire_reader(body.data(), body.size());
        wire_section(&before, &section);
        section.secret[roll(SECRET_BYTES)] ^= 1;
        struct wire after = wire_writer(body.data(), body.size());
        wire_section(&after, &section);
        if (!before.failed && section.session != 0)
            said = joined(said, sealed(FRAME_REQUESTS, body));
    }
    return said;
}

/* The newest session that it has heard of; and whether somebody opens one just now. */
void Vandal::note(const Bytes &heard)
{
    Bytes room(heard.size() + FRAME_HEAD_BYTES);
    struct frame_reader reader;
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, heard.data(), heard.size());
    struct frame frame;
    bool opens = false;
    while (frame_reader_next(&reader, &frame)) {
        struct section section {};
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        if (frame.kind != FRAME_REQUESTS)
            continue;
        wire_section(&wire, &section);
        opens = opens || (!wire.failed && section.session == 0);
        last_session_ = std::max(last_session_, wire.failed ? 0 : section.session);
    }
    if (opens && world_.now() < lurks_until_)
        world_.in(0, [this] { meddle(); });
}

/*
 * Sessions are numbered, so anybody can name the next ones. It ends them, in the hope that
 * this arrives before the OPEN is applied.
 */
Vandal::Bytes Vandal::for_sessions_to_come()
{
    Bytes said = hello();
    uint64_t count = 1 + roll(4);
    for (uint64_t session = last_session_ + 1; session <= last_session_ + count;
            session++) {
        struct section section {};
        section.session = session;
        section.count = 1;
        section.answered = roll(2) == 0 ? 0 : 500;
        struct request request {};
        request.kind = roll(2) == 0 ? REQUEST_KEEPALIVE : REQUEST_CLOSE;
        request.number = 501;
        Bytes body(128);
        struct wire wire = wire_writer(body.data(), body.size());
        wire_section(&wire, &section);
        wire_request(&wire, &request);
        body.resize(wire.at);
        said = joined(said, sealed(FRAME_REQUESTS, body));
    }
    return said;
}

/* At all nodes, as one of them may lead */
void Vandal::meddle()
{
    for (int node = 1; node <= world_.count(); node++) {
        uint64_t link = world_.network.open(this, number, node);
        if (link != 0)
            say(link, for_sessions_to_come());
    }
}

/*
 * A node of other members, of another cluster, or without a directory of its own. While the
 * cluster is bootstrapped it may be welcomed. (Who knows more than that is in impostor.h.)
 */
Vandal::Bytes Vandal::pose_as_node(int node)
{
    uint8_t ids[MEMBERS_MAX];
    size_t count = static_cast<size_t>(world_.count());
    for (size_t i = 0; i < count; i++)
        ids[i] = static_cast<uint8_t>(i + 1);
    struct hello hello {};
    hello.role = HELLO_PEER;
    hello.node = static_cast<uint8_t>(1 + roll(static_cast<uint64_t>(node)));
    hello.to = static_cast<uint8_t>(node);
    hello.members = hash_bytes(ids, count, 0) + (roll(3) == 0);
    hello.cluster = roll(2) * prng_next(&dice_);
    hello.versions = {1, static_cast<uint16_t>(1 + hello.cluster % 2)};
    hello.cluster_version = static_cast<uint16_t>(hello.cluster % 3);
    Bytes body(96);
    struct wire wire = wire_writer(body.data(), body.size());
    wire_hello(&wire, &hello);
    body.resize(wire.at);
    return sealed(FRAME_HELLO, body);
}

Vandal::Bytes Vandal::speech(uint64_t deed, int node)
{
    if (deed == 0)
        return noise(100);
    if (deed == 1)
        return echo();
    if (deed < 4)
        return joined(hello(), frame_of_noise());
    if (deed < 6)
        return with_another_secret(echo());
    return deed < 8 ? pose_as_node(node) : for_sessions_to_come();
}

void Vandal::say(uint64_t link, const Bytes &what)
{
    world_.network.send(link, this, what);
    world_.in(roll(10) * NS_PER_S, [this, link] { world_.network.close(link, this); });
}

void Vandal::act()
{
    int node = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count())));
    uint64_t link = world_.network.open(this, number, node);
    if (link == 0)
        return;
    uint64_t deed = roll(poses_ ? 10 : 4);
    if (deed >= 8)
        lurks_until_ = world_.now() + 10 * NS_PER_S;
    Bytes what = speech(deed, node);
    say(link, what);
    if (deed < 6 || deed >= 8)
        return;
    /* That threw out the node whose name it takes, and itself: soon the place is free. */
    world_.in(roll(50) * NS_PER_MS, [this, node, what] {
        uint64_t next = world_.network.open(this, number, node);
        posing_ = next;
        if (next != 0)
            say(next, what);
    });
}

/*
 * Welcomed as a node. It says less than a vote: a whole one in a false name nobody could
 * tell.
 */
void Vandal::received(uint64_t link, const Bytes &)
{
    if (link != posing_)
        return;
    posing_ = 0;
    world_.network.send(link, this, sealed(FRAME_PEER_VOTE, noise(3)));
}

void Vandal::closed(uint64_t, bool) {}

} // namespace sim
