/*
 * What the clients of a life asked for and were told, as a history that lockcheck judges
 * (lockd/doc/history.md), in true simulated time. The judgement is made at the end of the life.
 *
 * An operation is called when the program calls the core, and returns when the core tells it
 * what became of it. Who died or waits at the end was told nothing: its operations are unknown.
 * How the rest is mapped, and what the format cannot say:
 *
 *   entries     A hold that its owner entered again keeps its token (`idempotent`), so each
 *               entry is a grant; of the releases the last is recorded. Whether it is the last
 *               is unknown while another entry is under way, or one was asked for in vain
 *               without an answer: such a release is `info`, the hold may have ended by it.
 *   tries       `held` only as long as the core cannot have given up by itself: else it is an
 *               acquire that timed out, which claims less.
 *   LOST        `expired` if the cluster said so. If the core gave the session up by itself,
 *               what was under way is unknown, and it closes the session (`info`).
 *   a close     that was answered so late that the core only assumes it is `info`.
 *   holds that ended by themselves   An unknown release of theirs, called with the grant.
 *   queries     Only those that were answered, by whom a client of this history is named. A
 *               session that is over gives up what it held in steps: that it still holds
 *               something then is left out.
 *   keepalives    Of all that a session had one is recorded, the last: called a lease before its
 *               client believed to have it until. A session dies once, so no other counts.
 *
 * Partial releases, and queries that came to nothing, bind nobody and are left out. Where
 * clocks run beyond rho no lease is promised: leases of no length may end at any time.
 */
#ifndef SIM_CLIENT_HISTORY_H
#define SIM_CLIENT_HISTORY_H

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/core.h"
#include "lockcheck/judge/judge.h"

namespace sim {

/* Of all clients of one life. */
class ClientHistory {
public:
    ClientHistory();

    /* A client comes: its number here. */
    uint64_t join();
    void session_is(uint64_t client, uint64_t session);
    size_t add(const linear::Operation &op);
    linear::Operation &at(size_t number)
    {
        return history_.operations[number];
    }
    int32_t lock(const std::string &name);

    /*
     * Sessions end by so many at a time that what they held is free much later: a try that
     * meets such a hold claims nothing.
     */
    void let_ends_be_slow()
    {
        ends_are_slow_ = true;
    }
    bool ends_are_slow() const
    {
        return ends_are_slow_;
    }

    /* With the ids that sessions turned out to have. `leases`: clocks kept within rho. */
    linear::History whole(bool leases) const;

private:
    std::map<uint64_t, int64_t> ends() const;

    linear::History history_; /* Sessions are named by their clients' numbers. */
    bool ends_are_slow_ = false;
    std::map<std::string, int32_t> locks_;
    std::vector<uint64_t> sessions_; /* By client; 0: it never heard of one. */
};

/* Breaches in words, each followed by lines of the smallest history that shows it. */
std::vector<std::string> breaches_of(const linear::History &history);

/* What one client says to its history. */
class Scribe {
public:
    using Ticket = size_t;
    static constexpr Ticket none = SIZE_MAX;

    explicit Scribe(ClientHistory &history) : history_(history), client_(history.join()) {}

    /* Queries are told of when they are answered, by found(). */
    Ticket asked(const core_call &call, uint64_t now);
    void told(Ticket ticket, const core_completion &done, uint64_t now);
    void found(const std::string &lock, uint64_t called, uint64_t now,
            const struct lock_view &view);

    void session_is(uint64_t id);
    void believes_until(uint64_t until, uint64_t now); /* In true time */
    void over(bool by_cluster, uint64_t now);
    void hold_ended(uint64_t token);

private:
    struct Asked {
        bool reentrant = false;
        bool is_try = false;
        bool doubtful = false; /* A release: was it the last? */
    };
    struct Lock {
        uint32_t entering = 0; /* Entries under way, or without an answer forever */
        std::vector<Ticket> releases;
    };
    linear::Operation operation(linear::Kind kind, uint64_t now) const;
    Ticket asked_acquire(const core_call &call, uint64_t now);
    Ticket asked_release(const core_call &call, uint64_t now);
    linear::Result result_of(const linear::Operation &op, const Asked &asked,
            const core_completion &done, uint64_t now) const;
    linear::Result acquire_result(
            const Asked &asked, enum status status, uint64_t ns) const;
    void leave(Ticket ticket, const Asked &asked, const core_completion &done);
    Ticket asked_part(uint64_t token);
    bool is_partly_released(uint64_t token) const;

    ClientHistory &history_;
    uint64_t client_;
    uint64_t ttl_ = 0;
    bool expired_ = false; /* So the cluster said. */
    std::map<Ticket, Asked> asked_;
    std::map<int32_t, Lock> locks_;
    std::map<uint64_t, uint32_t> entries_; /* By token: how often it is entered */
    /*
     * Releases of one entry of several, which no history has: while one has no answer, the
     * last release may be done and the hold live on. Their tickets count down from `none`.
     */
    std::map<Ticket, uint64_t> parts_; /* The token of each */
    size_t part_count_ = 0;
    std::map<uint64_t, Ticket> grants_; /* By token */
    std::optional<Ticket> keepalive_;
};

} // namespace sim

#endif
