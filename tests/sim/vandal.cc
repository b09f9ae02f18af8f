#include "sim/vandal.h"

#include <algorithm>

#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/hello.h"

namespace sim {

namespace {

constexpr int clients_begin = 101;
constexpr size_t heard_max = 20;

std::vector<uint8_t> sealed(enum frame_kind kind, std::vector<uint8_t> body)
{
    std::vector<uint8_t> frame(FRAME_HEAD_BYTES, 0);
    uint32_t count = static_cast<uint32_t>(body.size());
    frame.insert(frame.end(), body.begin(), body.end());
    frame_seal(frame.data(), kind, count);
    return frame;
}

} // namespace

Vandal::Vandal(World &world, const struct prng &dice) : world_(world), dice_(dice)
{
    world_.network.tap = [this](uint64_t link, int from, const Bytes &bytes) {
        if (from < clients_begin || from >= number)
            return;
        Bytes &heard = heard_[link];
        heard.insert(heard.end(), bytes.begin(), bytes.end());
        if (heard_.size() > heard_max)
            heard_.erase(heard_.begin());
    };
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
    struct hello hello {};
    hello.role = HELLO_CLIENT;
    Bytes body(64);
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

/* The begin of what a client said on one connection, cut anywhere. */
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

void Vandal::act()
{
    int node = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count())));
    uint64_t link = world_.network.open(this, number, node);
    if (link == 0)
        return;
    uint64_t deed = roll(4);
    Bytes bytes;
    if (deed == 0)
        bytes = noise(100);
    else if (deed == 1)
        bytes = echo();
    else
        bytes = hello();
    if (deed >= 2) {
        Bytes more = frame_of_noise();
        bytes.insert(bytes.end(), more.begin(), more.end());
    }
    world_.network.send(link, this, bytes);
    world_.in(roll(10) * NS_PER_S, [this, link] { world_.network.close(link, this); });
}

void Vandal::received(uint64_t, const Bytes &) {}

void Vandal::closed(uint64_t, bool) {}

} // namespace sim
