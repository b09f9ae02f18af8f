#include "sim/lives/finisher.h"

#include <algorithm>

#include "base/units.h"
#include "protocol/admin.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "sim/world/framed.h"

namespace sim {

namespace {

constexpr uint64_t patience_ns = 5 * NS_PER_S;
constexpr size_t answer_most = 20000;

} // namespace

bool Finisher::ask(int node)
{
    uint64_t link = world_.network.open(this, number, node);
    if (link == 0)
        return false;
    heard_[link];
    admin_request request{};
    request.kind = ADMIN_UPGRADE_FINISH;
    world_.network.send(link, this, framed(FRAME_HELLO, wire_hello, hello_of_client(0)));
    world_.network.send(link, this, framed(FRAME_ADMIN, wire_admin_request, request));
    world_.in(patience_ns, [this, link] {
        if (heard_.erase(link) > 0)
            world_.network.close(link, this);
    });
    return true;
}

void Finisher::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    auto it = heard_.find(link);
    if (it == heard_.end())
        return;
    it->second.insert(it->second.end(), bytes.begin(), bytes.end());
    std::vector<unsigned char> room(answer_most + it->second.size());
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, it->second.data(), it->second.size());
    frame frame{};
    while (frame_reader_next(&reader, &frame)) {
        if (frame.kind != FRAME_ADMIN_ANSWER)
            continue;
        admin_answer answer{};
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        wire_admin_answer(&wire, &answer);
        if (wire.failed)
            breach_("an operator's answer is nonsense");
        else if (answer.result == ADMIN_DONE)
            told_ = std::max(told_, answer.version);
    }
}

void Finisher::closed(uint64_t link, bool)
{
    heard_.erase(link);
}

} // namespace sim
