#include "lockcheck/history/session_lives.h"

#include <algorithm>

namespace linear {

int64_t at_least(int64_t duration, int64_t drift_ppm)
{
    int64_t whole = duration / 1000000 * drift_ppm;
    int64_t rest = (duration % 1000000 * drift_ppm + 999999) / 1000000;
    return duration - whole - rest;
}

std::vector<const Operation *> pointers(const History &history)
{
    std::vector<const Operation *> all;
    all.reserve(history.operations.size());
    for (const Operation &op : history.operations)
        all.push_back(&op);
    return all;
}

bool extends_session(const History &history, const Operation &op)
{
    return op.kind == Kind::open || op.kind == Kind::keepalive ||
           (history.commands_renew && op.kind != Kind::close);
}

const Session &Sessions::of(uint64_t id) const
{
    static const Session unknown;
    auto it = sessions_.find(id);
    return it == sessions_.end() ? unknown : it->second;
}

void Sessions::learn(const Operation &op, bool extends, int64_t drift_ppm)
{
    Session &session = sessions_[*op.session];
    bool over = op.result == Result::expired ||
                (op.kind == Kind::close && op.result == Result::ok);
    if (over && op.ret < session.latest) {
        session.latest = op.ret;
        session.over = &op;
    }
    if (op.kind == Kind::close) {
        if (op.result != Result::fail)
            session.close = std::min(session.close, op.call);
        return;
    }
    if (op.kind == Kind::open && op.result != Result::fail)
        session.opened = std::min(session.opened, op.call);
    if (op.result != Result::ok || op.kind == Kind::query)
        return;
    session.last_ok = std::max(session.last_ok, op.call);
    extends = extends && session.ttl;
    int64_t until = extends ? op.call + at_least(*session.ttl, drift_ppm) : INT64_MIN;
    if (until > session.extended) {
        session.extended = until;
        session.extender = &op;
    }
}

Sessions::Sessions(const History &history, int64_t drift_ppm)
{
    for (const Operation &op : history.operations) {
        if (op.kind == Kind::open && op.session && op.ttl)
            sessions_[*op.session].ttl = op.ttl;
    }
    for (const Operation &op : history.operations) {
        if (op.session)
            learn(op, extends_session(history, op), drift_ppm);
    }
    for (auto &[id, session] : sessions_) {
        bool told = session.over && session.over->result == Result::expired;
        if (session.ttl)
            session.earliest = session.extended;
        else if (told)
            session.earliest = session.last_ok;
        session.earliest = std::min(session.earliest, session.close);
        session.earliest = std::max(session.earliest, session.last_ok);
    }
}

} // namespace linear
