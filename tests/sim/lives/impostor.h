/*
 * Somebody on the port who says to be a member.
 *
 * A stranger knows all that can be learned without being a member: the cluster's id, the
 * list of members. A cluster that has been bootstrapped must not take it: it lacks the
 * member's incarnation. A thief has heard a member's greeting, incarnation and all. It comes
 * when the member has no connection, or is taken for a second process and refused; and it
 * says what is well-framed and makes no sense, or what the member itself said some time ago.
 * What it says may cost it its connection, and nobody else anything.
 */
#ifndef SIM_IMPOSTOR_H
#define SIM_IMPOSTOR_H

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "protocol/hello.h"
#include "protocol/peer.h"
#include "sim/world/world.h"

namespace sim {

class Impostor : public Endpoint {
public:
    static constexpr int number = 901;

    Impostor(World &world, const struct prng &dice,
            std::function<void(const std::string &)> breach);
    bool pose(); /* At some node; false: nobody is there, or nothing was heard yet. */

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    using Bytes = std::vector<uint8_t>;
    struct Role {
        int self; /* Whom it plays */
        int to;
        bool stranger; /* The node it talks to knows whose directory is whose. */
        Bytes heard{};
        bool answered = false; /* Its hello */
    };
    uint64_t roll(uint64_t n);
    uint64_t number_of_any_size();
    void listen(int from, int to, const Bytes &bytes);
    void say(uint64_t link, const Bytes &what);
    void speak(uint64_t link, int times);
    Bytes noise(enum frame_kind kind);
    Bytes message(const Role &role);
    void fill(const Role &role, struct peer_message &message);
    Bytes echo(const Role &role);

    World &world_;
    struct prng dice_;
    std::function<void(const std::string &)> breach_;
    std::map<int, struct hello> greetings_; /* Of each node, the newest */
    std::map<std::pair<int, int>, std::deque<Bytes>> heard_;
    std::map<uint64_t, Role> roles_; /* By connection */
};

} // namespace sim

#endif
