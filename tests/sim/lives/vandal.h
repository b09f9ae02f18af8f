/*
 * A client from nowhere that knows no manners: bytes without sense, frames whose sums are
 * right and whose contents are not, and what others said, said again.
 *
 * It has heard what honest clients sent, secrets included, so what it repeats counts as
 * theirs: numbers must make it harmless (G6). It holds nothing, so whatever it does no lock
 * may end up with it, and nobody else may come to harm.
 */
#ifndef SIM_VANDAL_H
#define SIM_VANDAL_H

#include <map>

#include "sim/world/world.h"

namespace sim {

class Vandal : public Endpoint {
public:
    static constexpr int number = 900;

    /* `poses`: as a client with another secret, also before its session is, and as a node. */
    Vandal(World &world, const struct prng &dice, bool poses);
    void act(); /* One deed, at a node that is up */

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    using Bytes = std::vector<uint8_t>;
    Bytes noise(size_t most);
    Bytes hello();
    Bytes frame_of_noise();
    Bytes echo();
    Bytes with_another_secret(const Bytes &heard);
    Bytes for_sessions_to_come();
    void note(const Bytes &heard);
    void meddle();
    Bytes pose_as_node(int node);
    Bytes speech(uint64_t deed, int node);
    void say(uint64_t link, const Bytes &what);

    uint64_t roll(uint64_t n);

    World &world_;
    struct prng dice_;
    bool poses_;
    uint64_t last_session_ = 0;
    uint64_t lurks_until_ = 0; /* Till then it meddles with sessions that are opened. */
    uint64_t posing_ = 0; /* The connection on which it waits to be welcomed as a node */
    std::map<uint64_t, Bytes> heard_; /* By connection: all that its client sent */
};

} // namespace sim

#endif
