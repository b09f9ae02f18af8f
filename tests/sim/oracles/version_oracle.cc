#include "sim/oracles/version_oracle.h"

#include "base/units.h"
#include "protocol/frame.h"
#include "protocol/peer.h"
#include "protocol/settings.h"
#include "sim/world/world.h"

namespace sim {

namespace {

/* A message may be that old when it is heard: it waits where the network is bad. */
constexpr uint64_t long_ago_ns = 10 * NS_PER_S;

std::string name_of(const Machine &machine)
{
    return "n" + std::to_string(machine.id());
}

/* The version of which the cluster is from this entry on; 0: as before. */
uint16_t version_made(const entry_head &head, const unsigned char *body)
{
    struct wire wire = wire_reader(body, head.body_bytes);
    if (head.kind == ENTRY_SETTINGS) {
        settings_change change{};
        wire_settings_change(&wire, &change);
        return wire.failed ? uint16_t{0} : settings_change_version(&change);
    }
    if (head.kind != ENTRY_BOOTSTRAP)
        return 0;
    struct bootstrap bootstrap {};
    wire_bootstrap(&wire, &bootstrap);
    return wire.failed ? uint16_t{0} : bootstrap.settings.version;
}

} // namespace

void VersionOracle::look(const Machine &machine)
{
    if (machine.up())
        knew_[machine.id()][machine.versions().most] = world_.now();
}

bool VersionOracle::has_known(int id, uint16_t version) const
{
    auto it = knew_.find(id);
    if (it == knew_.end())
        return false;
    for (auto known = it->second.lower_bound(version); known != it->second.end(); ++known) {
        if (world_.now() - known->second < long_ago_ns)
            return true;
    }
    return false;
}

std::optional<std::string> VersionOracle::judge_raise(
        const Machine &from, uint16_t version) const
{
    for (int id = 1; id <= world_.count(); id++) {
        if (!has_known(id, version))
            return name_of(from) + " raises the version, and n" + std::to_string(id) +
                   " does not know it";
    }
    return std::nullopt;
}

std::optional<std::string> VersionOracle::judge(
        const Machine &from, const entry_head &head, const unsigned char *body)
{
    uint16_t made = version_made(head, body);
    uint16_t needed = entry_kind_version(head.kind);
    bool of_all = made <= VERSION_FIRST && needed <= VERSION_FIRST;
    if (of_all || !seen_.emplace(head.id.term, head.id.index).second)
        return std::nullopt;
    if (needed > locks_settings(from.locks())->version)
        return name_of(from) + " makes an entry of a version that the cluster does not use";
    return judge_raise(from, made);
}

std::optional<std::string> VersionOracle::hear(
        const Machine &from, const std::vector<uint8_t> &bytes)
{
    std::vector<unsigned char> room(FRAME_HEAD_BYTES + bytes.size());
    frame_reader reader{};
    frame_reader_init(&reader, room.data(), room.size());
    frame_reader_feed(&reader, bytes.data(), bytes.size());
    frame frame{};
    std::optional<std::string> breach;
    while (from.leads() && frame_reader_next(&reader, &frame)) {
        size_t at = PEER_APPEND_HEAD_BYTES;
        struct entry_head head {};
        while (frame.kind == FRAME_PEER_APPEND && at < frame.body_bytes &&
                entry_decode(frame.body + at, frame.body_bytes - at, &head)) {
            /* Of an earlier term: it may have been made long ago, by another. */
            bool own = head.id.term == raft_term(from.raft());
            if (own && !breach)
                breach = judge(from, head, frame.body + at + ENTRY_HEAD_BYTES);
            at += entry_bytes(&head);
        }
    }
    return breach;
}

} // namespace sim
