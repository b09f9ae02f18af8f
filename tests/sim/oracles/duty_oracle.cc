#include "sim/oracles/duty_oracle.h"

#include "protocol/entry.h"
#include "protocol/frame.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/replica.h"
#pragma GCC diagnostic pop

namespace sim {

namespace {

constexpr uint64_t applied_near = 256; /* RAFT_APPLIED_NEAR, which raft keeps to itself */

std::string name_of(const Machine &machine)
{
    return "n" + std::to_string(machine.id());
}

bool is_rotten(const frame &frame)
{
    size_t at = PEER_APPEND_HEAD_BYTES;
    struct entry_head head {};
    while (frame.kind == FRAME_PEER_APPEND && at < frame.body_bytes) {
        if (!entry_decode(frame.body + at, frame.body_bytes - at, &head))
            return true;
        at += entry_bytes(&head);
    }
    return false;
}

bool tells_to_take_over(const frame &frame)
{
    return frame.kind == FRAME_PEER_TIMEOUT_NOW;
}

/* Of a piece that does not begin with a frame there is none. */
bool any_frame(const std::vector<uint8_t> &bytes, bool (*is)(const frame &))
{
    std::vector<unsigned char> room(FRAME_HEAD_BYTES + bytes.size());
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, bytes.data(), bytes.size());
    frame frame{};
    while (frame_reader_next(&reader, &frame)) {
        if (is(frame))
            return true;
    }
    return false;
}

} // namespace

bool DutyOracle::is_unfit(const Machine &machine)
{
    const struct node *node = machine.node();
    uint64_t stall_ns = RAFT_STALL_ELECTIONS * node->settings.raft.election_max_ns;
    return node->health.fitness != PEER_FIT ||
           raft_write_age_ns(machine.raft()) >= stall_ns;
}

/* Where the entries of the leader's own term begin. */
uint64_t DutyOracle::first_of_term(const Machine &machine)
{
    const struct raft *raft = machine.raft();
    uint64_t index = raft_last(raft).index;
    if (raft_last(raft).term != raft_term(raft))
        return 0;
    while (index > 1 && raft_term_at(raft, index - 1) == raft_term(raft))
        index--;
    return index;
}

std::optional<std::string> DutyOracle::look_at_serving(const Machine &machine, Seen &seen)
{
    const struct raft *raft = machine.raft();
    if (seen.term != raft_term(raft))
        seen.first = 0;
    if (!machine.leads())
        return std::nullopt;
    if (seen.first == 0)
        seen.first = first_of_term(machine);
    if (seen.first == 0 || locks_index(machine.locks()) >= seen.first ||
            raft_last(raft).index == seen.first)
        return std::nullopt;
    return name_of(machine) + " serves before it has applied where its term begins";
}

std::optional<std::string> DutyOracle::look(const Machine &machine)
{
    if (!machine.up())
        return std::nullopt;
    std::optional<std::string> breach;
    Seen &seen = seen_[machine.id()];
    breach = look_at_serving(machine, seen);
    bool unfit = is_unfit(machine);
    enum raft_role role = raft_role(machine.raft());
    if (unfit && seen.unfit && role != RAFT_FOLLOWER && seen.role == RAFT_FOLLOWER)
        breach = name_of(machine) + " stands while its log cannot do a leader's work";
    const struct ring &keepalives = machine.node()->ledger.keepalive_ring;
    if (keepalives.end - keepalives.begin > keepalives.capacity)
        breach = name_of(machine) + " has no room for the keepalives that it took";
    locks_counts counts = locks_tally(machine.locks());
    uint64_t answers = uint64_t{counts.answers} + counts.answers_promised;
    if (answers > locks_settings(machine.locks())->answers_max)
        breach = name_of(machine) + " has no room for the answers that it promised";
    seen.unfit = unfit;
    seen.role = role;
    seen.term = raft_term(machine.raft());
    return breach;
}

std::optional<std::string> DutyOracle::hear(
        const Machine &from, const Machine &to, const std::vector<uint8_t> &bytes) const
{
    if (!from.up())
        return std::nullopt;
    if (from.disk.is_damaged() && any_frame(bytes, is_rotten))
        return name_of(from) + " sends a rotten entry";
    bool hands_over = from.leads() && !raft_takes_proposals(from.raft());
    if (!hands_over || !to.up() || !any_frame(bytes, tells_to_take_over))
        return std::nullopt;
    if (locks_index(to.locks()) + applied_near >= raft_commit(from.raft()))
        return std::nullopt;
    return name_of(from) + " hands over to " + name_of(to) + ", which has to apply its log";
}

void DutyOracle::forget(int id)
{
    seen_.erase(id);
}

} // namespace sim
