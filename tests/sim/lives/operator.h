/*
 * Somebody who changes the members of a cluster, as lockctl does: asks any node, continues with
 * the one that leads, and asks again until what was asked for is so, or until patience ends.
 * Several errands may be under way at a time.
 */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "protocol/admin.h"
#include "sim/world/world.h"

namespace sim {

class Operator : public Endpoint {
public:
    static constexpr int number = 902;

    /* `done`: it is so. False: it never can be, or patience ended; `sentence` says why. */
    using Told = std::function<void(bool done, const std::string &sentence)>;

    Operator(World &world, const struct prng &dice) : world_(world), dice_(dice) {}
    void ask(const struct admin_request &request, const std::string &text,
            uint64_t patience_ns, Told told);
    void give_up(); /* All that is under way: nobody is told. */

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    struct Errand {
        struct admin_request request;
        std::string text;
        uint64_t until;
        Told told;
        std::string sentence; /* As the last answer had it */
        std::vector<uint8_t> heard;
    };
    using Pointer = std::shared_ptr<Errand>;
    int anybody();
    void go(const Pointer &errand, int node);
    void go_later(const Pointer &errand, int node, uint64_t delay_ns);
    void say(uint64_t link, const Errand &errand);
    void take(const Pointer &errand, const struct admin_answer &answer, int node);

    World &world_;
    struct prng dice_;
    uint64_t round_ = 0;                                /* Counts give_up() */
    std::map<uint64_t, std::pair<Pointer, int>> links_; /* With the node */
};

} // namespace sim

#endif
