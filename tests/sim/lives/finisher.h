/*
 * An operator who wants an upgrade to be finished: asks one node, and believes the answer.
 */
#ifndef SIM_FINISHER_H
#define SIM_FINISHER_H

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/world/world.h"

namespace sim {

class Finisher : public Endpoint {
public:
    enum {
        number = 960 /* Of its end of a connection */
    };

    Finisher(World &world, std::function<void(const std::string &)> breach)
            : world_(world), breach_(std::move(breach))
    {
    }
    /* False: nobody is there. */
    bool ask(int node);
    /* The version that it was told the cluster uses: no less from then on. */
    uint16_t told() const
    {
        return told_;
    }

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    World &world_;
    std::function<void(const std::string &)> breach_;
    std::map<uint64_t, std::vector<uint8_t>> heard_; /* By connection */
    uint16_t told_ = 0;
};

} // namespace sim

#endif
