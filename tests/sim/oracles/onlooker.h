/*
 * Somebody who only looks: reads, by the protocol and without the library, at every node.
 *
 * The library speaks to a leader once it can serve. Others need not wait for that: any node
 * answers reads, and what it says must be as new as what was committed when it was asked (G8).
 */
#ifndef SIM_ONLOOKER_H
#define SIM_ONLOOKER_H

#include <functional>
#include <map>
#include <string>

#include "sim/world/world.h"

namespace sim {

class Onlooker : public Endpoint {
public:
    static constexpr int number = 901;

    /*
     * What is told of each answer: the index that was read; what was committed when asked.
     */
    using Told = std::function<void(uint64_t read, uint64_t committed)>;

    Onlooker(World &world, std::function<uint64_t()> committed, Told told)
            : world_(world), committed_(std::move(committed)), told_(std::move(told))
    {
    }

    /* Ask every node that can be reached. */
    void look(const std::string &lock);

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    struct Look {
        std::string lock;
        std::vector<uint8_t> heard;
        uint64_t committed = 0;
    };
    void ask(uint64_t link, Look &look);
    void leave(uint64_t link);

    World &world_;
    std::function<uint64_t()> committed_;
    Told told_;
    std::map<uint64_t, Look> looks_; /* By connection */
};

} // namespace sim

#endif
