/*
 * When a session can have ended, from all its operations on all locks. Only sessions
 * connect the locks of a history: everything else is checked lock by lock.
 *
 * A session ends once. Everything accepted for it took effect before. So each of its leases
 * (from open and keepalive, and where commands renew from everything that was accepted: from
 * the call, for the session's ttl) had to run out first, or the session was closed. That
 * gives `earliest`. It was over when a process
 * was told so, or before: `latest`.
 */
#ifndef LINEAR_SESSIONS_H
#define LINEAR_SESSIONS_H

#include <unordered_map>

#include "lockcheck/history/history.h"

namespace linear {

struct Session {
    Maybe<int64_t> ttl;
    int64_t opened = never;       /* The first open was called, if the history has it */
    int64_t extended = INT64_MIN; /* The last lease given ends, at the earliest */
    int64_t last_ok = INT64_MIN;  /* The last call that was accepted, without close */
    int64_t close = never;        /* The first close was called */
    int64_t earliest = never;     /* It may be over from then on */
    int64_t latest = never;       /* It is over from then on */
    const Operation *extender = nullptr;
    const Operation *over = nullptr; /* The operation that was told first */
};

class Sessions {
public:
    Sessions(const History &history, int64_t drift_ppm);

    const Session &of(const Operation &op) const
    {
        return of(*op.session);
    }

    const Session &of(uint64_t id) const;

    const std::unordered_map<uint64_t, Session> &all() const
    {
        return sessions_;
    }

private:
    void learn(const Operation &op, bool extends, int64_t drift_ppm);

    std::unordered_map<uint64_t, Session> sessions_;
};

/* A duration by a clock that may be slow. */
int64_t at_least(int64_t duration, int64_t drift_ppm);

std::vector<const Operation *> pointers(const History &history);

/* Does an operation of this kind, if it is accepted, extend its session's lease? */
bool extends_session(const History &history, const Operation &op);

} // namespace linear

#endif
