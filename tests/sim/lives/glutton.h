/*
 * A client that takes all it is given: many sessions on one connection, keepalives of each
 * every few milliseconds, requests whose answers it never confirms.
 *
 * It breaks no rule, so its node must serve it, up to the limits, and keep the room that
 * others were promised: for their keepalives, and for the answers to what they give back.
 * Meanwhile the disks are slow, so that much is under way at a time.
 */
#ifndef SIM_GLUTTON_H
#define SIM_GLUTTON_H

#include <cstdint>
#include <vector>

#include "protocol/answer.h"
#include "protocol/request.h"
#include "sim/world/world.h"

namespace sim {

class Glutton : public Endpoint {
public:
    static constexpr int number = 950;

    Glutton(World &world, const struct prng &dice) : world_(world), dice_(dice) {}
    bool feast(); /* At the node that leads; false: none does, or it is at it already. */

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    using Bytes = std::vector<uint8_t>;
    struct Table {
        uint64_t session;
        uint64_t next; /* The number of its next request */
    };
    uint64_t roll(uint64_t n);
    void open_sessions();
    void go_on(uint64_t link);
    void slow_disks();
    void ask(const std::vector<Table> &tables, struct request request);
    void send(enum frame_kind kind, const Bytes &body);
    Bytes layout(uint64_t session, struct request request);
    void take(const struct answer_section &section, const struct answer &answer);

    World &world_;
    struct prng dice_;
    uint64_t link_ = 0; /* 0: it is not at it. */
    uint64_t until_ = 0;
    uint64_t stamp_ = 0;
    bool hoards_ = false; /* Answers; else it sends keepalives. */
    Bytes heard_;
    std::vector<Table> tables_;
};

} // namespace sim

#endif
