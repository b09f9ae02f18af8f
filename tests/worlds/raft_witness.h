/*
 * Who sees all nodes at once, and says when they break a promise: Raft's five properties
 * [Raft figure 3.2], and what must be on a disk before a message leaves it. A breach
 * throws, with the last events in its text; RAFT_TRACE=1 prints them as they happen.
 */
#ifndef TESTS_WORLDS_RAFT_WITNESS_H
#define TESTS_WORLDS_RAFT_WITNESS_H

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "raft/raft_state.h"

/* What a directory holds. */
struct sim_disk {
    uint64_t term = 0;
    uint8_t vote = 0;
    std::vector<struct raft_entry> log;

    bool has(struct entry_id id) const
    {
        return id.index <= log.size() && log[id.index - 1].id.term == id.term;
    }
};

class raft_witness {
public:
    void require(bool holds, const std::string &what)
    {
        if (holds)
            return;
        std::string text = what + "\n";
        for (const std::string &line : trace)
            text += line + "\n";
        throw std::runtime_error(text);
    }

    std::vector<struct entry_id> committed; /* By any node, in order */
    std::vector<uint64_t> committed_in;     /* By the leader of which term */
    std::set<uint8_t> wiped;

protected:
    void say(uint8_t id, const std::string &what)
    {
        std::string line =
                std::to_string(now / NS_PER_US) + "us n" + std::to_string(id) + " " + what;
        static const bool aloud = std::getenv("RAFT_TRACE") != nullptr;
        if (aloud)
            std::fprintf(stderr, "%s\n", line.c_str());
        trace.push_back(std::move(line));
        if (trace.size() > 120)
            trace.pop_front();
    }

    /* Log matching: an entry's place tells the whole log before it. [Raft 3.5] */
    void note_entry(const std::vector<struct raft_entry> &log, uint64_t i)
    {
        uint64_t before = i > 0 ? log[i - 1].id.term : 0;
        auto [found, is_new] = befores.insert({{i + 1, log[i].id.term}, before});
        require(found->second == before, "log matching");
    }

    /* What must be on the disk before this is said. [Raft 3.8] */
    void check_promises(
            uint8_t id, const struct sim_disk &disk, const struct peer_message &body)
    {
        bool vote = body.kind == PEER_VOTE && !body.pre;
        bool grant = body.kind == PEER_VOTE_ANSWER && !body.pre && body.granted;
        bool answer = body.kind == PEER_APPEND_ANSWER && body.state == 0;
        if (vote || grant)
            check_vote(id, disk, body.term, vote ? body.from : body.to);
        if (body.kind == PEER_APPEND || answer)
            require(disk.term >= body.term, "a term left before it was durable");
        if (answer && body.accepted && disk.term == body.term)
            require(disk.log.size() >= body.match,
                    "an ack left before its entries were durable");
    }

    /* Election safety [Raft 3.4] and leader completeness [Raft 3.6.3]. */
    void check_leader(uint8_t id, const struct raft *raft)
    {
        auto [found, is_new] = leaders.insert({raft_term(raft), id});
        require(found->second == id, "election safety: two leaders in one term");
        for (uint64_t i = 0; i < committed.size(); i++)
            require(committed_in[i] >= raft_term(raft) ||
                            raft_term_at(raft, i + 1) == committed[i].term,
                    "leader completeness");
    }

    /* State machine safety [Raft 3.6.3], and that committed is durable on most disks. */
    void check_commit(const struct raft *raft, uint64_t before,
            const std::function<bool(struct entry_id)> &on_most_disks)
    {
        for (uint64_t i = before + 1; i <= raft_commit(raft); i++) {
            struct entry_id id = {raft_term_at(raft, i), i};
            if (i <= committed.size()) {
                require(entry_id_equal(committed[i - 1], id), "state machine safety");
                continue;
            }
            require(on_most_disks(id), "committed, not durable on most");
            committed.push_back(id);
            committed_in.push_back(raft_term(raft));
        }
    }

    uint64_t now = NS_PER_S;

private:
    void check_vote(
            uint8_t id, const struct sim_disk &disk, uint64_t term, uint8_t candidate)
    {
        bool durable = disk.term == term && disk.vote == candidate;
        require(durable || disk.term > term, "a vote left before it was durable");
        auto [found, is_new] = votes.insert({{id, term}, candidate});
        require(found->second == candidate || wiped.count(id) > 0, "two votes in one term");
    }

    std::map<std::pair<uint64_t, uint64_t>, uint64_t>
            befores; /* {index, term}: term before */
    std::map<uint64_t, uint8_t> leaders;
    std::map<std::pair<uint8_t, uint64_t>, uint8_t> votes;
    std::deque<std::string> trace;
};

#endif
