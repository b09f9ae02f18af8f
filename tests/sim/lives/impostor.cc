#include "sim/lives/impostor.h"

#include <algorithm>

#include "base/units.h"
#include "protocol/frame.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

namespace sim {

namespace {

constexpr size_t heard_most = 8;
constexpr size_t piece_most = 20000;

std::vector<uint8_t> sealed(enum frame_kind kind, const std::vector<uint8_t> &body)
{
    std::vector<uint8_t> frame(FRAME_HEAD_BYTES + body.size());
    std::copy(body.begin(), body.end(), frame.begin() + FRAME_HEAD_BYTES);
    frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
    return frame;
}

} // namespace

Impostor::Impostor(World &world, const struct prng &dice,
        std::function<void(const std::string &)> breach)
        : world_(world), dice_(dice), breach_(std::move(breach))
{
    world_.network.taps.push_back([this](uint64_t, int from, int to, const Bytes &bytes) {
        if (from <= world_.count() && to <= world_.count())
            listen(from, to, bytes);
    });
}

uint64_t Impostor::roll(uint64_t n)
{
    return prng_below(&dice_, n);
}

/* 0 to 63, or a power of two, or one below it. */
uint64_t Impostor::number_of_any_size()
{
    uint64_t kind = roll(3);
    if (kind == 0)
        return roll(64);
    return (UINT64_C(1) << roll(64)) - (kind - 1);
}

/* What begins with a frame that the sender has just sealed. */
void Impostor::listen(int from, int to, const Bytes &bytes)
{
    if (bytes.size() < FRAME_HEAD_BYTES || bytes.size() > piece_most)
        return;
    Bytes room(FRAME_HEAD_BYTES + bytes.size());
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, bytes.data(), bytes.size());
    frame frame{};
    if (!frame_reader_next(&reader, &frame))
        return;
    if (frame.kind == FRAME_HELLO) {
        struct hello hello {};
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        wire_hello(&wire, &hello);
        greetings_[from] = hello;
        return;
    }
    std::deque<Bytes> &heard = heard_[{from, to}];
    heard.push_back(bytes);
    if (heard.size() > heard_most)
        heard.pop_front();
}

void Impostor::say(uint64_t link, const Bytes &what)
{
    if (!what.empty())
        world_.network.send(link, this, what);
}

/*
 * As a stranger it makes up what it cannot know. Members that have not met yet know no
 * incarnations, and believe whoever comes: that is documented, and nothing is said then.
 */
bool Impostor::pose()
{
    if (greetings_.empty() || world_.count() == 1)
        return false;
    auto it = greetings_.begin();
    std::advance(it, static_cast<ptrdiff_t>(roll(greetings_.size())));
    Role role{it->first, 0, roll(2) == 0};
    role.to = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count() - 1)));
    role.to += role.to >= role.self;
    Machine &node = world_.machine(role.to);
    if (!node.up() || wal_cluster(node.node()->wal) == 0)
        return false;
    struct hello hello = it->second;
    hello.to = static_cast<uint8_t>(role.to);
    hello.cluster = wal_cluster(node.node()->wal);
    hello.run = prng_next(&dice_);
    hello.dial = 1;
    if (role.stranger) {
        hello.incarnation = roll(2) * (prng_next(&dice_) | 1);
        hello.to_incarnation = prng_next(&dice_);
    }
    uint64_t link = world_.network.open(this, number, role.to);
    if (link == 0)
        return false;
    roles_[link] = role;
    Bytes body(128);
    struct wire wire = wire_writer(body.data(), body.size());
    wire_hello(&wire, &hello);
    body.resize(wire.at);
    say(link, sealed(FRAME_HELLO, body));
    world_.in(roll(3) * NS_PER_S + 1, [this, link] {
        if (roles_.erase(link) > 0)
            world_.network.close(link, this);
    });
    return true;
}

Impostor::Bytes Impostor::noise(enum frame_kind kind)
{
    Bytes bytes(roll(200));
    for (uint8_t &byte : bytes)
        byte = static_cast<uint8_t>(roll(roll(2) == 0 ? 4 : 256));
    return sealed(kind, bytes);
}

/*
 * What no member says. A vote that was not given or an entry that is not durable could not be
 * told from what a member says, and so is left out: who knows the incarnation can lie.
 */
void Impostor::fill(const Role &role, struct peer_message &message)
{
    const struct raft *raft = world_.machine(role.to).raft();
    uint64_t term = raft_term(raft);
    message.from = static_cast<uint8_t>(role.self);
    message.to = static_cast<uint8_t>(role.to);
    message.commit = number_of_any_size();
    message.round = number_of_any_size();
    switch (raft_commit(raft) == 0 ? 0 : roll(4)) {
    case 0: /* A term that no election explains */
        message.kind = roll(2) == 0 ? PEER_VOTE : PEER_APPEND_ANSWER;
        message.term = term + (UINT64_C(1) << (33 + roll(30)));
        message.match = number_of_any_size();
        break;
    case 1: /* A leader that has not what is committed here */
        message.kind = PEER_APPEND;
        message.term = term + 1 + roll(3);
        message.previous = {1 + roll(term), raft_commit(raft)};
        if (message.previous.term == raft_term_at(raft, message.previous.index))
            message.previous.term = message.term + 1;
        message.begin = message.previous.index + 1;
        message.end = message.begin;
        break;
    case 2: /* Entries that do not follow one another */
        message.kind = PEER_APPEND;
        message.term = term;
        message.previous = {number_of_any_size(), number_of_any_size()};
        message.begin = message.previous.index + 2 + roll(9);
        message.end = message.begin + roll(2);
        break;
    default: /* A candidate whose log is of its own term, before it leads */
        message.kind = PEER_VOTE;
        message.term = term + roll(3);
        message.last = {message.term + roll(3), 1 + number_of_any_size() / 2};
        message.transfer = roll(2) == 0;
        break;
    }
}

Impostor::Bytes Impostor::message(const Role &role)
{
    struct peer_message message {};
    fill(role, message);
    Bytes body(256);
    struct wire wire = wire_writer(body.data(), body.size());
    wire_peer_message(&wire, &message);
    body.resize(wire.at);
    return sealed(peer_frame_kind(message.kind), body);
}

Impostor::Bytes Impostor::echo(const Role &role)
{
    const std::deque<Bytes> &heard = heard_[{role.self, role.to}];
    return heard.empty() ? Bytes{} : heard[roll(heard.size())];
}

void Impostor::speak(uint64_t link, int times)
{
    auto it = roles_.find(link);
    if (it == roles_.end() || !world_.machine(it->second.to).up())
        return;
    uint64_t what = roll(4);
    if (what == 0)
        say(link, noise(static_cast<enum frame_kind>(FRAME_PEER_VOTE + roll(10))));
    else if (what == 1)
        say(link, message(it->second));
    else
        say(link, echo(it->second));
    if (times > 1)
        world_.in(
                1 + roll(50 * NS_PER_MS), [this, link, times] { speak(link, times - 1); });
}

/* The first frame is the answer to its hello; it may come in pieces. */
void Impostor::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    auto it = roles_.find(link);
    if (it == roles_.end() || it->second.answered)
        return;
    Role &role = it->second;
    role.heard.insert(role.heard.end(), bytes.begin(), bytes.end());
    if (role.heard.size() > piece_most)
        return;
    Bytes room(piece_most);
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, role.heard.data(), role.heard.size());
    frame frame{};
    if (!frame_reader_next(&reader, &frame))
        return; /* There is more to come. */
    role.answered = true;
    if (frame.kind != FRAME_PEER_WELCOME)
        return;
    if (role.stranger)
        breach_("a stranger is welcomed as n" + std::to_string(role.self));
    speak(link, 1 + static_cast<int>(roll(10)));
}

void Impostor::closed(uint64_t link, bool)
{
    roles_.erase(link);
}

} // namespace sim
