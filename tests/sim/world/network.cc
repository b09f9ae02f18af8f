#include "sim/world/network.h"

#include <algorithm>

#include "base/units.h"
#include "io/listen.h"
#include "sim/world/world.h"

namespace sim {

namespace {

constexpr uint64_t keepalive_ns = 25 * NS_PER_S;
constexpr uint64_t retransmission_first_ns = 200 * NS_PER_MS;
constexpr uint64_t retransmission_last_ns = LISTEN_USER_TIMEOUT_MS * NS_PER_MS;

template <class Map> auto value_at(const Map &map, int from, int to)
{
    auto it = map.find({from, to});
    return it == map.end() ? typename Map::mapped_type{} : it->second;
}

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
    if (!to.accept(number, from_id)) {
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

/* How much later a piece arrives because it was lost this many times. */
uint64_t Network::retransmission_ns(int from, int to)
{
    uint32_t percent = value_at(lossy_, from, to);
    uint64_t delay = 0;
    uint64_t timeout = retransmission_first_ns;
    while (percent > 0 && delay < retransmission_last_ns && world_.roll(100) < percent) {
        delay += timeout;
        timeout *= 2;
    }
    return delay;
}

void Network::fly(uint64_t number, Link &link, int to, Flying flying)
{
    const Options &options = world_.options();
    int from_id = link.sides[1 - to].id;
    int to_id = link.sides[to].id;
    uint64_t lost_ns = retransmission_ns(from_id, to_id);
    uint64_t when = world_.now() + options.net_ns + world_.roll(options.net_jitter_ns);
    when += value_at(slow_, from_id, to_id) + lost_ns;
    when = std::max(when, link.last[to] + 1);
    if (lost_ns >= retransmission_last_ns)
        world_.at(when, [this, number] { break_under(number, false); });
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
    for (const Tap &tap : taps)
        tap(number, link.sides[1 - to].id, link.sides[to].id, bytes);
    bool reachable = !is_cut(link.sides[1 - to].id, link.sides[to].id);
    if (link.sides[to].closed && is_back(link.sides[to].id) && reachable) {
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
        if (!due || is_stopped(link.sides[1 - to].id, side.id))
            return;
        if (side.closed) {
            bool answers = side.forgot && is_back(side.id) && !link.sides[1 - to].closed;
            side.forgot = false;
            if (answers)
                answer_reset(number, link, to);
            return;
        }
        Flying flying = std::move(waiting.front());
        waiting.erase(waiting.begin());
        Endpoint *endpoint = side.endpoint;
        bool cut_short = is_cut_short(number, to, flying);
        if (flying.end)
            links_.erase(number);
        if (flying.end)
            endpoint->closed(number, true);
        else
            endpoint->received(number, flying.bytes);
        if (cut_short)
            break_under(number, true);
    }
}

/* The connection is to break once so much went that way: what is behind that is lost. */
bool Network::is_cut_short(uint64_t number, int to, Flying &flying)
{
    const Link &link = links_.at(number);
    auto it = cut_short_.find({link.sides[1 - to].id, link.sides[to].id});
    if (it == cut_short_.end() || flying.end)
        return false;
    if (flying.bytes.size() <= it->second) {
        it->second -= flying.bytes.size();
        return false;
    }
    flying.bytes.resize(it->second);
    cut_short_.erase(it);
    return true;
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
    slow_.clear();
    lossy_.clear();
    cut_short_.clear();
    arrive_all(0, 0);
}

void Network::heal_among(const std::set<int> &ends)
{
    auto within = [&ends](const std::pair<int, int> &way) {
        return ends.count(way.first) > 0 && ends.count(way.second) > 0;
    };
    auto way_within = [&within](const auto &entry) {
        return within(entry.first);
    };
    std::erase_if(cuts_, within);
    std::erase_if(slow_, way_within);
    std::erase_if(lossy_, way_within);
    std::erase_if(cut_short_, way_within);
    arrive_all(0, 0); /* What is stopped still stays. */
}

void Network::slow(int from, int to, uint64_t ns)
{
    slow_[{from, to}] = ns;
}

void Network::lose(int from, int to, uint32_t percent)
{
    lossy_[{from, to}] = percent;
}

void Network::reset_after(int from, int to, size_t bytes)
{
    cut_short_[{from, to}] = bytes;
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

/* Both ends hear of it, unless TCP gave up on one that is out of reach. */
void Network::break_under(uint64_t number, bool arrives)
{
    auto it = links_.find(number);
    if (it == links_.end())
        return;
    for (const Side &side : it->second.sides) {
        if (!side.closed)
            world_.in(world_.options().net_ns, [endpoint = side.endpoint, number, arrives] {
                endpoint->closed(number, arrives);
            });
    }
    links_.erase(it);
}

void Network::half_open(int gone, int other)
{
    for (auto &[number, link] : links_) {
        int side = link.sides[0].id == gone ? 0 : 1;
        bool theirs = link.sides[side].id == gone && link.sides[1 - side].id == other;
        if (!theirs || link.sides[0].closed || link.sides[1].closed)
            continue;
        link.sides[side].closed = true;
        link.sides[side].forgot = true;
        world_.in(1, [endpoint = link.sides[side].endpoint, which = number] {
            endpoint->closed(which, false);
        });
        time_out(number, link.sides[1 - side].endpoint);
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
