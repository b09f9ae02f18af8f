/*
 * The other threads of a person's program, in lives whose clients live roughly.
 *
 * They share the core of the person's client, and know no restraint: several sessions, opened
 * with limits that pass before the answer comes, and closed while they are being opened; many
 * requests at once, more than their window of numbers holds, cancelled while their answers are
 * on the way; releases of what is not held; sessions lost on purpose. What they hold is not
 * judged, beyond what the oracle judges of every
 * session. What they do to the core is: it must not break, and at the end nothing may be left.
 */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H

#include <deque>
#include <string>
#include <vector>

#include "sim/world/sim_client.h"

namespace sim {

class Life;

class Crowd {
public:
    Crowd(Life &life, Client &client, const struct prng &dice);
    Crowd(const Crowd &) = delete;
    Crowd &operator=(const Crowd &) = delete;

    void live();             /* The next thing, some time later; until leave() */
    void leave(bool healed); /* Close what is open; healed: it must have been of use. */

private:
    struct Grant {
        uint32_t session;
        std::string lock;
        uint64_t token;
    };

    uint64_t roll(uint64_t n);
    uint64_t soon(uint64_t within_ns); /* A limit, on the client's clock */
    std::string some_lock();
    uint32_t some_session();
    core_call call(core_call_kind kind, uint32_t session, const std::string &lock);
    void act();
    void open();
    void close();
    void close_session(uint32_t session);
    void must_answer(uint32_t session);
    void burst();
    void acquire(uint32_t session);
    void let_go();
    void cancel();
    void look();

    Life &life_;
    World &world_;
    Client &client_;
    struct prng dice_;
    bool leaving_ = false;
    uint32_t under_way_ = 0;
    std::vector<uint32_t> sessions_;
    std::vector<Grant> grants_;
    std::deque<std::string> names_; /* Of calls; the core copies them. */
    std::vector<unsigned char> room_;
};

} // namespace sim

#endif
