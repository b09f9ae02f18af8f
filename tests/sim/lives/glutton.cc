#include "sim/lives/glutton.h"

#include <algorithm>

#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/status.h"

namespace sim {

namespace {

constexpr int sessions = 16;
constexpr uint64_t pause_ns = 4 * NS_PER_MS;
constexpr uint64_t stall_ns = 800 * NS_PER_MS; /* Short of what unseats a leader */
constexpr size_t body_most = 16384;

} // namespace

uint64_t Glutton::roll(uint64_t n)
{
    return prng_below(&dice_, n);
}

void Glutton::send(enum frame_kind kind, const Bytes &body)
{
    Bytes frame(FRAME_HEAD_BYTES + body.size());
    std::copy(body.begin(), body.end(), frame.begin() + FRAME_HEAD_BYTES);
    frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
    world_.network.send(link_, this, frame);
}

/* A section with one request. */
Glutton::Bytes Glutton::layout(uint64_t session, struct request request)
{
    struct section section {};
    section.session = session;
    section.secret[0] = 7;
    section.count = 1;
    Bytes body(body_most);
    struct wire wire = wire_writer(body.data(), body.size());
    wire_section(&wire, &section);
    wire_request(&wire, &request);
    body.resize(wire.at);
    return body;
}

/* All of them in one frame. */
void Glutton::ask(const std::vector<Table> &tables, struct request request)
{
    Bytes all;
    for (const Table &table : tables) {
        bool numbered = request.kind != REQUEST_OPEN && request.kind != REQUEST_KEEPALIVE;
        request.number = numbered ? table.next : ++stamp_;
        Bytes one = layout(table.session, request);
        all.insert(all.end(), one.begin(), one.end());
    }
    if (!all.empty())
        send(FRAME_REQUESTS, all);
}

void Glutton::open_sessions()
{
    struct request request {};
    request.kind = REQUEST_OPEN;
    request.wait_ns = NS_PER_S;
    ask(std::vector<Table>(sessions, Table{0, 0}), request);
}

void Glutton::slow_disks()
{
    for (int id = 1; id <= world_.count(); id++)
        world_.machine(id).disk.stalled_until = world_.now() + stall_ns;
}

bool Glutton::feast()
{
    Machine *leader = world_.leader();
    if (!leader || link_ != 0)
        return false;
    link_ = world_.network.open(this, number, leader->id());
    if (link_ == 0)
        return false;
    tables_.clear();
    heard_.clear();
    hoards_ = roll(2) == 0;
    until_ = world_.now() + NS_PER_S + roll(2 * NS_PER_S);
    struct hello hello = hello_of_client(0);
    Bytes body(96);
    struct wire wire = wire_writer(body.data(), body.size());
    wire_hello(&wire, &hello);
    body.resize(wire.at);
    send(FRAME_HELLO, body);
    open_sessions();
    world_.in(300 * NS_PER_MS, [this] { slow_disks(); });
    go_on(link_);
    return true;
}

void Glutton::go_on(uint64_t link)
{
    if (link_ != link)
        return;
    if (world_.now() >= until_) {
        world_.network.close(link, this);
        link_ = 0;
        return;
    }
    struct request request {};
    static const unsigned char name[] = "glut";
    if (hoards_) {
        request.kind = REQUEST_ACQUIRE;
        request.name = {name, sizeof(name) - 1};
    } else {
        request.kind = REQUEST_KEEPALIVE;
    }
    ask(tables_, request);
    for (Table &table : tables_)
        table.next++;
    world_.in(1 + roll(pause_ns), [this, link] { go_on(link); });
}

void Glutton::take(const struct answer_section &section, const struct answer &answer)
{
    if (answer.kind == REQUEST_OPEN && answer.status == STATUS_OK)
        tables_.push_back({section.session, 1});
    if (answer.status == STATUS_LOST)
        std::erase_if(tables_,
                [&](const Table &table) { return table.session == section.session; });
}

void Glutton::received(uint64_t link, const std::vector<uint8_t> &bytes)
{
    if (link != link_)
        return;
    heard_.insert(heard_.end(), bytes.begin(), bytes.end());
    Bytes room(FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, heard_.data(), heard_.size());
    size_t taken = 0;
    frame frame{};
    while (frame_reader_next(&reader, &frame)) {
        taken += FRAME_HEAD_BYTES + frame.body_bytes;
        struct wire wire = wire_reader(frame.body, frame.body_bytes);
        while (frame.kind == FRAME_ANSWERS && !wire.failed && wire_left(&wire) > 0) {
            struct answer_section section {};
            wire_answer_section(&wire, &section);
            for (uint16_t i = 0; i < section.answer_count && !wire.failed; i++) {
                struct answer answer {};
                wire_answer(&wire, &answer);
                take(section, answer);
            }
            for (uint16_t i = 0; i < section.change_count && !wire.failed; i++) {
                struct change change {};
                wire_change(&wire, &change);
            }
        }
    }
    heard_.erase(heard_.begin(), heard_.begin() + static_cast<ptrdiff_t>(taken));
}

void Glutton::closed(uint64_t link, bool)
{
    if (link == link_)
        link_ = 0;
}

} // namespace sim
