#include "sim/lives/operator.h"

#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "sim/world/framed.h"

namespace sim {

namespace {

constexpr uint64_t answer_ns = NS_PER_S; /* After that it asks another node. */
constexpr uint64_t pause_ns = 100 * NS_PER_MS;

} // namespace

int Operator::anybody()
{
    return 1 + static_cast<int>(prng_below(&dice_, static_cast<uint64_t>(world_.count())));
}

void Operator::ask(const struct admin_request &request, const std::string &text,
        uint64_t patience_ns, Told told)
{
    auto errand = std::make_shared<Errand>();
    *errand = {request, text, world_.now() + patience_ns, std::move(told), "", {}};
    go(errand, anybody());
}

void Operator::give_up()
{
    round_++;
    for (const auto &[link, errand] : links_)
        world_.network.close(link, this);
    links_.clear();
}

void Operator::go_later(const Pointer &errand, int node, uint64_t delay_ns)
{
    world_.in(delay_ns, [this, errand, node, round = round_] {
        if (round == round_)
            go(errand, node);
    });
}

/* Every connection is for one question. */
void Operator::go(const Pointer &errand, int node)
{
    if (world_.now() >= errand->until) {
        errand->told(false, errand->sentence);
        return;
    }
    uint64_t link = world_.network.open(this, number, node);
    if (link == 0) {
        go_later(errand, anybody(), pause_ns);
        return;
    }
    links_[link] = {errand, node};
    errand->heard.clear();
    world_.network.send(link, this, framed(FRAME_HELLO, wire_hello, hello_of_client(0)));
    world_.in(answer_ns, [this, link] {
        if (links_.count(link) == 0)
            return;
        world_.network.close(link, this);
        closed(link, false);
    });
}

void Operator::say(uint64_t link, const Errand &errand)
{
    struct admin_request request = errand.request;
    request.text = {reinterpret_cast<const unsigned char *>(errand.text.data()),
            static_cast<uint32_t>(errand.text.size())};
    world_.network.send(link, this, framed(FRAME_ADMIN, wire_admin_request, request));
}

void Operator::take(const Pointer &errand, const struct admin_answer &answer, int node)
{
    errand->sentence.assign(
            reinterpret_cast<const char *>(answer.sentence.bytes), answer.sentence.count);
    switch (static_cast<enum admin_result>(answer.result)) {
    case ADMIN_DONE:
        errand->told(true, errand->sentence);
        break;
    case ADMIN_NEVER:
        errand->told(false, errand->sentence);
        break;
    case ADMIN_NOT_LEADER:
        go_later(errand, answer.leader != 0 ? answer.leader : anybody(), pause_ns);
        break;
    case ADMIN_NOT_NOW:
    case ADMIN_UNDER_WAY:
        go_later(errand, node, pause_ns);
        break;
    }
}

void Operator::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    auto it = links_.find(link);
    if (it == links_.end())
        return;
    auto [errand, node] = it->second;
    errand->heard.insert(errand->heard.end(), bytes.begin(), bytes.end());
    std::vector<unsigned char> room(FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, errand->heard.data(), errand->heard.size());
    size_t taken = 0;
    frame frame{};
    while (frame_reader_next(&reader, &frame)) {
        taken += FRAME_HEAD_BYTES + frame.body_bytes;
        if (frame.kind == FRAME_WELCOME)
            say(link, *errand);
        if (frame.kind != FRAME_ADMIN_ANSWER)
            continue;
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        admin_answer answer{};
        wire_admin_answer(&wire, &answer);
        links_.erase(link);
        world_.network.close(link, this);
        take(errand, answer, node);
        return;
    }
    errand->heard.erase(
            errand->heard.begin(), errand->heard.begin() + static_cast<ptrdiff_t>(taken));
}

/* By a node that ended, or that has no room: another may answer. */
void Operator::closed(uint64_t link, bool)
{
    auto it = links_.find(link);
    if (it == links_.end())
        return;
    Pointer errand = it->second.first;
    links_.erase(it);
    go_later(errand, anybody(), pause_ns);
}

} // namespace sim
