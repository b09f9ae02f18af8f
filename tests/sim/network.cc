#include "sim/network.h"

#include <algorithm>

#include "base/units.h"
#include "sim/world.h"

namespace sim {

namespace {

constexpr uint64_t keepalive_ns = 25 * NS_PER_S;

} // namespace

uint64_t Network::open(Endpoint *from, int from_id, int to_node)
{
    Machine &to = world_.machine(to_node);
    if (!to.up() || is_cut(from_id, to_node) || is_cut(to_node, from_id))
        return 0;
    uint64_t number = next_++;
    Link &link = links_[number];
    link.sides[0] = {from, from_id, false};
    link.sides[1] = {&to, to_node, false};
    if (!to.accept(number)) {
        links_.erase(number);
        return 0;
    }
    return number;
}

/* A node that runs again after it lost power. */
bool Network::is_back(int id)
{
    return id <= world_.count() && world_.machine(id).up();
}

/* The kernel at the other end knows no such connection: a reset comes back. */
void Network::answer_reset(uint64_t number, const Link &link, int to)
{
    Endpoint *sender = link.sides[1 - to].endpoint;
    world_.in(2 * world_.options().net_ns, [this, number, sender] {
        if (links_.erase(number) > 0)
            sender->closed(number, true);
    });
}

/* Whatever was sent in one go may arrive in several. */
std::vector<std::vector<uint8_t>> Network::pieces_of(std::vector<uint8_t> bytes)
{
    bool splits = world_.options().splits && bytes.size() > 1 && world_.roll(8) == 0;
    if (!splits)
        return {std::move(bytes)};
    auto middle = bytes.begin() + 1 + static_cast<ptrdiff_t>(world_.roll(bytes.size() - 1));
    return {{bytes.begin(), middle}, {middle, bytes.end()}};
}

void Network::fly(uint64_t number, Link &link, int to, Flying flying)
{
    const Options &options = world_.options();
    uint64_t when = world_.now() + options.net_ns + world_.roll(options.net_jitter_ns);
    when = std::max(when, link.last[to] + 1);
    link.last[to] = when;
    flying.when = when;
    link.waiting[to].push_back(std::move(flying));
    world_.at(when, [this, number, to] { arrive(number, to); });
}

void Network::send(uint64_t number, const Endpoint *from, std::vector<uint8_t> bytes)
{
    auto it = links_.find(number);
    if (it == links_.end())
        return;
    Link &link = it->second;
    int to = link.sides[0].endpoint == from ? 1 : 0;
    if (tap)
        tap(number, link.sides[1 - to].id, bytes);
    if (link.sides[to].closed && is_back(link.sides[to].id)) {
        answer_reset(number, link, to);
        return;
    }
    for (std::vector<uint8_t> &piece : pieces_of(std::move(bytes)))
        fly(number, link, to, {0, std::move(piece), false});
}

/* As TCP's keepalive does when nobody is there. */
void Network::time_out(uint64_t number, Endpoint *endpoint)
{
    world_.in(keepalive_ns, [this, number, endpoint] {
        if (links_.erase(number) > 0)
            endpoint->closed(number, false);
    });
}

void Network::close(uint64_t number, const Endpoint *from, bool silent)
{
    auto it = links_.find(number);
    if (it == links_.end())
        return;
    Link &link = it->second;
    int side = link.sides[0].endpoint == from ? 0 : 1;
    link.sides[side].closed = true;
    if (link.sides[1 - side].closed)
        links_.erase(it);
    else if (silent)
        time_out(number, link.sides[1 - side].endpoint);
    else
        fly(number, link, 1 - side, {0, {}, true});
}

bool Network::is_cut(int from, int to) const
{
    return cuts_.count({from, to}) > 0;
}

bool Network::is_stopped(int from, int to) const
{
    return is_cut(from, to) || holds_.count({from, to}) > 0;
}

/* What is due on one link and not stopped reaches its end. */
void Network::arrive(uint64_t number, int to)
{
    for (;;) {
        auto it = links_.find(number);
        if (it == links_.end())
            return;
        Link &link = it->second;
        Side &side = link.sides[to];
        auto &waiting = link.waiting[to];
        bool due = !waiting.empty() && waiting.front().when <= world_.now();
        if (!due || side.closed || is_stopped(link.sides[1 - to].id, side.id))
            return;
        Flying flying = std::move(waiting.front());
        waiting.erase(waiting.begin());
        Endpoint *endpoint = side.endpoint;
        if (flying.end)
            links_.erase(number);
        if (flying.end)
            endpoint->closed(number, true);
        else
            endpoint->received(number, flying.bytes);
    }
}

/* What was stopped between two ends; 0 stands for any. */
void Network::arrive_all(int from, int to)
{
    for (auto &[number, link] : links_) {
        for (int side = 0; side < 2; side++) {
            bool theirs = link.sides[1 - side].id == from && link.sides[side].id == to;
            if (!theirs && from != 0)
                continue;
            world_.in(world_.options().net_ns,
                    [this, which = number, side] { arrive(which, side); });
        }
    }
}

void Network::cut(int from, int to)
{
    cuts_.insert({from, to});
}

void Network::heal()
{
    cuts_.clear();
    arrive_all(0, 0);
}

void Network::hold(int from, int to)
{
    holds_.insert({from, to});
}

void Network::deliver(int from, int to)
{
    holds_.erase({from, to});
    arrive_all(from, to);
}

size_t Network::drop(int from, int to)
{
    size_t count = 0;
    for (auto &[number, link] : links_) {
        for (int side = 0; side < 2; side++) {
            if (link.sides[1 - side].id != from || link.sides[side].id != to)
                continue;
            count += std::erase_if(
                    link.waiting[side], [](const Flying &flying) { return !flying.end; });
        }
    }
    return count;
}

size_t Network::repeat(int from, int to)
{
    size_t count = 0;
    for (auto &[number, link] : links_) {
        for (int side = 0; side < 2; side++) {
            if (link.sides[1 - side].id != from || link.sides[side].id != to)
                continue;
            std::vector<Flying> twice;
            for (const Flying &flying : link.waiting[side]) {
                twice.push_back(flying);
                if (!flying.end)
                    twice.push_back(flying);
            }
            count += twice.size() - link.waiting[side].size();
            link.waiting[side] = std::move(twice);
        }
    }
    return count;
}

void Network::break_link(uint64_t number, const Link &link)
{
    for (const Side &side : link.sides) {
        if (side.closed)
            continue;
        world_.in(world_.options().net_ns,
                [endpoint = side.endpoint, number] { endpoint->closed(number, true); });
    }
}

void Network::reset(int a, int b)
{
    std::erase_if(links_, [this, a, b](const auto &entry) {
        const Link &link = entry.second;
        std::pair<int, int> ends = std::minmax(link.sides[0].id, link.sides[1].id);
        if (ends != std::pair<int, int>(std::minmax(a, b)))
            return false;
        break_link(entry.first, link);
        return true;
    });
}

} // namespace sim
