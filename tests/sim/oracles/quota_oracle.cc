#include "sim/oracles/quota_oracle.h"

#include <algorithm>
#include <array>

#include "locks/state.h"

namespace sim {

namespace {

constexpr uint64_t look_every = 8; /* Entries: a walk of the state costs time. */

using Counts = std::array<uint32_t, QUOTA_COUNT>;
using Parties = std::map<std::string, Counts>; /* By address or label */

uint32_t blocks_of(uint32_t bytes)
{
    return (bytes + NAME_BLOCK_BYTES - 1) / NAME_BLOCK_BYTES;
}

/* A name is paid for by each hold and wait; an answer is kept for each that must end. */
void add_claim(Counts &counts, const struct lock *lock, uint32_t answers)
{
    counts[QUOTA_HOLDS]++;
    counts[QUOTA_NAME_BLOCKS] += blocks_of(lock->name_bytes);
    counts[QUOTA_ANSWERS] += answers;
}

Counts count_of(const struct session *session)
{
    Counts counts{};
    counts[QUOTA_SESSIONS] = 1;
    counts[QUOTA_NAME_BLOCKS] = blocks_of(session->label_bytes);
    for (const list_node *node = list_first(&session->holds); node;
            node = list_next(&session->holds, node)) {
        const struct hold *hold = LIST_OWNER(node, struct hold, in_session);
        add_claim(counts, hold->lock, hold->count);
    }
    for (const list_node *node = list_first(&session->waits); node;
            node = list_next(&session->waits, node)) {
        add_claim(counts, LIST_OWNER(node, struct wait, in_session)->lock, 1);
        counts[QUOTA_WAITS]++;
    }
    uint32_t answers = 0;
    for (const list_node *node = list_first(&session->answers); node;
            node = list_next(&session->answers, node))
        answers++;
    counts[QUOTA_ANSWERS] += std::max<uint32_t>(answers, ANSWERS_OF_SESSION);
    return counts;
}

void add(Counts &sum, const Counts &more)
{
    for (size_t i = 0; i < sum.size(); i++)
        sum[i] += more[i];
}

std::array<Parties, PARTY_KINDS> count_all(const struct locks *locks)
{
    std::array<Parties, PARTY_KINDS> parties;
    for (uint32_t at = pool_next(&locks->sessions, 0); at != 0;
            at = pool_next(&locks->sessions, at)) {
        const auto *session =
                static_cast<const struct session *>(pool_at(&locks->sessions, at));
        Counts counts = count_of(session);
        std::string address(std::begin(session->address), std::end(session->address));
        if (address.find_first_not_of('\0') != std::string::npos)
            add(parties[PARTY_ADDRESS][address], counts);
        std::array<unsigned char, LABEL_BYTES_MAX> label{};
        namechain_read(&locks->blocks, session->label, session->label_bytes, label.data());
        if (session->label_bytes > 0)
            add(parties[PARTY_LABEL][{label.begin(), label.begin() + session->label_bytes}],
                    counts);
    }
    return parties;
}

/* Rounded up */
uint32_t part_of(uint32_t most, uint32_t percent)
{
    return static_cast<uint32_t>((uint64_t{most} * percent + 99) / 100);
}

/* What no way leads beyond; of answers and names there are exceptions (remembered.h). */
bool has_too_much(const struct locks *locks, int kind, const Counts &counts)
{
    const cluster_settings &settings = locks->settings;
    uint32_t percent =
            kind == PARTY_ADDRESS ? settings.address_percent : settings.label_percent;
    return counts[QUOTA_SESSIONS] > part_of(settings.sessions_max, percent) ||
           counts[QUOTA_HOLDS] > part_of(settings.holds_max, percent) ||
           counts[QUOTA_WAITS] > part_of(settings.waits_max, percent);
}

std::string text_of(const Counts &counts)
{
    std::string text;
    for (uint32_t count : counts)
        text += " " + std::to_string(count);
    return text;
}

} // namespace

std::optional<std::string> wrong_quota(const struct locks *locks)
{
    std::array<Parties, PARTY_KINDS> parties = count_all(locks);
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        const char *whose = kind == PARTY_ADDRESS ? "an address" : "a label";
        const struct pool *pool = &locks->parties[kind].pool;
        for (uint32_t at = pool_next(pool, 0); at != 0; at = pool_next(pool, at)) {
            const auto *party = static_cast<const struct party *>(pool_at(pool, at));
            Counts kept;
            std::copy(std::begin(party->counts), std::end(party->counts), kept.begin());
            auto found = parties.at(static_cast<size_t>(kind))
                                 .extract({party->key, party->key + party->key_bytes});
            Counts has = found.empty() ? Counts{} : found.mapped();
            if (kept != has || found.empty())
                return std::string("the quota counts of ") + whose + " are" +
                       text_of(kept) + ", and it has" + text_of(has);
            if (has_too_much(locks, kind, has))
                return std::string("more than its quota has ") + whose + ":" + text_of(has);
        }
        if (!parties.at(static_cast<size_t>(kind)).empty())
            return std::string("the quota counts of ") + whose + " are missing";
    }
    return std::nullopt;
}

std::optional<std::string> QuotaOracle::look(int node, const struct locks *locks)
{
    uint64_t &seen = looked_at_[node];
    uint64_t index = locks_index(locks);
    if (index >= seen && index < seen + look_every)
        return std::nullopt;
    seen = index;
    return wrong_quota(locks);
}

} // namespace sim
