#include "sim/oracles/onlooker.h"

#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/read.h"
#include "protocol/status.h"
#include "sim/world/framed.h"

namespace sim {

namespace {

constexpr uint64_t patience_ns = 3 * NS_PER_S;

} // namespace

void Onlooker::look(const std::string &lock)
{
    for (int id = 1; id <= world_.count(); id++) {
        uint64_t link = world_.network.open(this, number, id);
        if (link == 0)
            continue;
        looks_[link].lock = lock;
        hello hello = hello_of_client(0);
        world_.network.send(link, this, framed(FRAME_HELLO, wire_hello, hello));
        world_.in(patience_ns, [this, link] { leave(link); });
    }
}

void Onlooker::leave(uint64_t link)
{
    if (looks_.erase(link) > 0)
        world_.network.close(link, this);
}

void Onlooker::ask(uint64_t link, Look &look)
{
    struct read question {};
    question.kind = READ_LOCK;
    question.name = {reinterpret_cast<const unsigned char *>(look.lock.data()),
            static_cast<uint32_t>(look.lock.size())};
    look.committed = committed_();
    world_.network.send(link, this, framed(FRAME_READ, wire_read, question));
}

/* WELCOME and the answer; what else comes is passed over. */
void Onlooker::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    auto it = looks_.find(link);
    if (it == looks_.end())
        return;
    Look &look = it->second;
    std::vector<unsigned char> room(FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    look.heard.insert(look.heard.end(), bytes.begin(), bytes.end());
    frame_reader_feed(&reader, look.heard.data(), look.heard.size());
    size_t taken = 0;
    frame frame{};
    bool done = false;
    while (frame_reader_next(&reader, &frame)) {
        taken += FRAME_HEAD_BYTES + frame.body_bytes;
        if (frame.kind == FRAME_WELCOME)
            ask(link, look);
        if (frame.kind != FRAME_READ_ANSWER)
            continue;
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        read_answer answer{};
        wire_read_answer(&wire, &answer);
        if (answer.status == STATUS_OK)
            told_(answer.index, look.committed);
        done = true;
    }
    look.heard.erase(
            look.heard.begin(), look.heard.begin() + static_cast<ptrdiff_t>(taken));
    if (done)
        leave(link);
}

void Onlooker::closed(uint64_t link, bool)
{
    looks_.erase(link);
}

} // namespace sim
