/* One raft, fed by hand: for rules that show in a single node's answers. */
#ifndef TESTS_WORLDS_RAFT_ALONE_H
#define TESTS_WORLDS_RAFT_ALONE_H

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/units.h"
#include "raft/raft_check.h"

/* Small on purpose, so that every limit is met within a few steps. */
inline struct raft_settings small_settings(uint8_t self, uint8_t count)
{
    struct raft_settings settings = {};
    settings.self = self;
    settings.members.count = count;
    for (uint8_t i = 0; i < count; i++)
        settings.members.ids[i] = static_cast<uint8_t>(i + 1);
    settings.heartbeat_ns = 50 * NS_PER_MS;
    settings.election_min_ns = 250 * NS_PER_MS;
    settings.election_max_ns = 500 * NS_PER_MS;
    settings.close_delay_ns = 5 * NS_PER_MS;
    settings.window = 3;
    settings.append_bytes_max = 1000;
    settings.recent_max = 16;
    settings.trail_max = 4096;
    settings.reads_max = 8;
    return settings;
}

class raft_alone {
public:
    explicit raft_alone(const struct raft_settings &settings, uint64_t seed = 1)
    {
        struct arena measure;
        arena_init(&measure, nullptr, 0);
        raft_carve(&measure, &settings);
        size_t bytes = (arena_used_bytes(&measure) + 4095) / 4096 * 4096;
        memory.reset(static_cast<unsigned char *>(std::aligned_alloc(4096, bytes)));
        std::memset(memory.get(), 0, bytes);
        struct arena arena;
        arena_init(&arena, memory.get(), bytes);
        raft = raft_carve(&arena, &settings);
        raft_init(raft, &settings, seed);
    }

    raft_alone(uint8_t self, uint8_t count) : raft_alone(small_settings(self, count)) {}

    /* The log as recovery finds it: the term of each entry in turn. */
    raft_alone &log(const std::vector<uint64_t> &terms)
    {
        for (uint64_t i = 0; i < terms.size(); i++) {
            const struct raft_entry entry = {{terms[i], i + 1}, ENTRY_BATCH, 100, {}};
            raft_restore(raft, &entry);
        }
        return *this;
    }

    /* Start, with a vote as recovery found it; all connections stand. */
    raft_alone &boot(uint64_t term, uint8_t vote = 0, bool blank = false)
    {
        raft_restore_vote(raft, term, vote);
        raft_boot(raft, now_ns, blank);
        for (uint8_t i = 0; i < raft->peer_count; i++)
            open(raft->peers[i].id);
        return *this;
    }

    struct raft_effects &step(struct raft_event event)
    {
        event.now_ns = now_ns;
        struct raft before = *raft;
        raft_step(raft, &event, &effects);
        raft_check(raft);
        raft_check_step(&before, raft);
        return effects;
    }

    struct raft_effects &open(uint8_t peer)
    {
        struct raft_event event = {};
        event.kind = RAFT_PEER_OPEN;
        event.peer = peer;
        return step(event);
    }

    struct raft_effects &closed(uint8_t peer, bool by_peer)
    {
        struct raft_event event = {};
        event.kind = RAFT_PEER_CLOSED;
        event.peer = peer;
        event.by_peer = by_peer;
        return step(event);
    }

    struct raft_effects &receive(
            struct peer_message message, const std::vector<struct raft_entry> &entries = {})
    {
        message.to = raft->settings.self;
        struct raft_event event = {};
        event.kind = RAFT_RECEIVE;
        event.message = &message;
        event.entries = entries.data();
        event.entry_count = static_cast<uint32_t>(entries.size());
        return step(event);
    }

    struct raft_effects &event(enum raft_event_kind kind, uint64_t number = 0)
    {
        struct raft_event event = {};
        event.kind = kind;
        event.context = number;
        event.write = number;
        event.peer = static_cast<uint8_t>(kind == RAFT_TRANSFER ? number : 0);
        event.entry.kind = ENTRY_BATCH;
        event.entry.bytes = 100;
        return step(event);
    }

    /* Everything written so far is durable. */
    struct raft_effects &written()
    {
        return event(RAFT_WRITTEN, raft->write_last);
    }

    struct raft_effects &wait(uint64_t ns)
    {
        now_ns += ns;
        return event(RAFT_TIME);
    }

    struct raft_effects &propose()
    {
        return event(RAFT_PROPOSE);
    }

    /* An append of `leader` behind `previous`, with entries of these terms. */
    struct raft_effects &append(uint8_t leader, uint64_t term, struct entry_id previous,
            const std::vector<uint64_t> &terms, uint64_t commit = 0)
    {
        struct peer_message message = {};
        message.kind = PEER_APPEND;
        message.from = leader;
        message.term = term;
        message.previous = previous;
        message.commit = commit;
        message.begin = previous.index + 1;
        message.end = message.begin + terms.size();
        std::vector<struct raft_entry> entries;
        for (uint64_t entry_term : terms)
            entries.push_back(
                    {{entry_term, message.begin + entries.size()}, ENTRY_BATCH, 100, {}});
        return receive(message, entries);
    }

    struct raft_effects &ask_vote(uint8_t candidate, uint64_t term, struct entry_id last,
            bool pre = false, bool transfer = false)
    {
        struct peer_message message = {};
        message.kind = PEER_VOTE;
        message.from = candidate;
        message.term = term;
        message.last = last;
        message.pre = pre;
        message.transfer = transfer;
        message.bootstrap = last.index == 0;
        return receive(message);
    }

    struct raft_effects &answer_vote(uint8_t voter, uint64_t term, bool granted, bool pre)
    {
        struct peer_message message = {};
        message.kind = PEER_VOTE_ANSWER;
        message.from = voter;
        message.term = term;
        message.granted = granted;
        message.pre = pre;
        return receive(message);
    }

    struct raft_effects &accept(uint8_t follower, uint64_t match, uint64_t round = 0)
    {
        struct peer_message message = {};
        message.kind = PEER_APPEND_ANSWER;
        message.from = follower;
        message.term = raft->term;
        message.accepted = true;
        message.match = match;
        message.round = round;
        return receive(message);
    }

    struct raft_effects &refuse(uint8_t follower, struct entry_id hint)
    {
        struct peer_message message = {};
        message.kind = PEER_APPEND_ANSWER;
        message.from = follower;
        message.term = raft->term;
        message.hint = hint;
        return receive(message);
    }

    /* Stand, and win with the votes of all. The term's first entry is not proposed yet. */
    raft_alone &lead()
    {
        event(RAFT_CAMPAIGN);
        for (uint8_t i = 0; i < raft->peer_count && raft->role == RAFT_PRECANDIDATE; i++)
            answer_vote(raft->peers[i].id, raft->term + 1, true, true);
        written();
        for (uint8_t i = 0; i < raft->peer_count && raft->role == RAFT_CANDIDATE; i++)
            answer_vote(raft->peers[i].id, raft->term, true, false);
        return *this;
    }

    /* The messages of that kind in the last step, to `peer` or to anybody. */
    std::vector<struct raft_message> sent(enum peer_kind kind, uint8_t peer = 0) const
    {
        std::vector<struct raft_message> found;
        for (uint32_t i = 0; i < effects.message_count; i++) {
            const struct raft_message &message = effects.messages[i];
            if (message.body.kind == kind && (peer == 0 || message.body.to == peer))
                found.push_back(message);
        }
        return found;
    }

    struct raft_message only(enum peer_kind kind, uint8_t peer = 0) const
    {
        std::vector<struct raft_message> found = sent(kind, peer);
        return found.size() == 1 ? found[0] : raft_message{};
    }

    struct raft *raft = nullptr;
    struct raft_effects effects = {};
    uint64_t now_ns = NS_PER_S;

private:
    struct release {
        void operator()(unsigned char *bytes) const
        {
            std::free(bytes);
        }
    };
    std::unique_ptr<unsigned char, release> memory;
};

#endif
