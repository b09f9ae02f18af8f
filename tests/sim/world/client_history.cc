#include "sim/world/client_history.h"

#include <algorithm>
#include <limits>

#include "base/units.h"
#include "lockcheck/history/write.h"
#include "lockcheck/judge/window.h"

namespace sim {

namespace {

using linear::Kind;
using linear::Operation;
using linear::Result;

constexpr int64_t rho_ppm = 5000;

/* Earlier than this the core does not cancel what the cluster is late to answer. */
constexpr uint64_t patience_ns = 250 * NS_PER_MS;
constexpr uint64_t ttls_to_close = 9; /* After ten the core takes a session for closed. */

/* What no session of the cluster is called, for a client that never heard of its own. */
constexpr uint64_t nobody = UINT64_C(1) << 62;

std::string name_in(const core_call &call)
{
    return {reinterpret_cast<const char *>(call.name.bytes), call.name.count};
}

} // namespace

/* ---- All clients ---- */

ClientHistory::ClientHistory()
{
    history_.defaults.idempotent = true;
    history_.global_tokens = true;
    history_.commands_renew = true;
}

uint64_t ClientHistory::join()
{
    sessions_.push_back(0);
    return sessions_.size() - 1;
}

void ClientHistory::session_is(uint64_t client, uint64_t session)
{
    sessions_[client] = session;
}

/* Each operation is a thread of control of its own: cores do many things at a time. */
size_t ClientHistory::add(const Operation &op)
{
    size_t number = history_.operations.size();
    history_.operations.push_back(op);
    history_.operations.back().proc = number;
    history_.operations.back().line = static_cast<uint32_t>(number);
    return number;
}

int32_t ClientHistory::lock(const std::string &name)
{
    auto [it, fresh] = locks_.emplace(name, static_cast<int32_t>(history_.locks.size()));
    if (fresh) {
        history_.locks.push_back(history_.defaults);
        history_.locks.back().name = name;
    }
    return it->second;
}

/* By session id: from when on it may be over, as its client knows */
std::map<uint64_t, int64_t> ClientHistory::ends() const
{
    std::map<uint64_t, int64_t> ends;
    for (const Operation &op : history_.operations) {
        if (!op.session || (op.kind != Kind::close && op.result != Result::expired))
            continue;
        auto [it, fresh] = ends.emplace(sessions_[*op.session], op.call);
        it->second = std::min(it->second, op.call);
    }
    return ends;
}

linear::History ClientHistory::whole(bool leases) const
{
    linear::History whole = history_;
    std::map<uint64_t, int64_t> over = ends();
    std::erase_if(whole.operations, [&](const Operation &op) {
        if (!op.holder)
            return !leases && op.kind == Kind::keepalive;
        bool known = std::count(sessions_.begin(), sessions_.end(), *op.holder) > 0;
        auto end = over.find(*op.holder);
        return !known || (end != over.end() && end->second < op.ret);
    });
    for (Operation &op : whole.operations) {
        if (op.session) {
            uint64_t id = sessions_[*op.session];
            op.session = id != 0 ? id : nobody + *op.session;
        }
        if (!leases && op.ttl)
            op.ttl = int64_t{0};
        if (!leases && op.kind == Kind::close && op.result == Result::ok)
            op.result = Result::expired;
    }
    return whole;
}

std::vector<std::string> breaches_of(const linear::History &history)
{
    linear::Rules rules;
    rules.drift_ppm = rho_ppm;
    linear::Judgement judgement = linear::judge(history, rules);
    std::vector<std::string> breaches;
    if (judgement.undecided > 0)
        breaches.push_back("linearizability: too much is possible to decide");
    if (judgement.violations.empty())
        return breaches;
    for (const linear::Window &window : linear::cut_windows(history, judgement, rules)) {
        std::string breach = "linearizability: " + window.rule + ": " + window.what;
        for (const std::string &line :
                linear::lines_of(linear::part_of(history, window.operations)))
            breach += "\n" + line;
        breaches.push_back(breach);
    }
    return breaches;
}

/* ---- One client: what it asks ---- */

Operation Scribe::operation(Kind kind, uint64_t now) const
{
    Operation op;
    op.kind = kind;
    op.call = static_cast<int64_t>(now);
    op.session = client_;
    return op;
}

Scribe::Ticket Scribe::asked_acquire(const core_call &call, uint64_t now)
{
    Operation op = operation(Kind::acquire, now);
    op.lock = history_.lock(name_in(call));
    Ticket ticket = history_.add(op);
    asked_[ticket] = {call.reentrant, call.wait_ns == 0, false};
    if (!call.reentrant)
        return ticket;
    locks_[op.lock].entering++;
    for (Ticket release : locks_[op.lock].releases)
        asked_[release].doubtful = true;
    return ticket;
}

Scribe::Ticket Scribe::asked_part(uint64_t token)
{
    Ticket ticket = none - ++part_count_;
    parts_[ticket] = token;
    return ticket;
}

bool Scribe::is_partly_released(uint64_t token) const
{
    auto is_of_it = [token](const auto &part) {
        return part.second == token;
    };
    return std::any_of(parts_.begin(), parts_.end(), is_of_it);
}

Scribe::Ticket Scribe::asked_release(const core_call &call, uint64_t now)
{
    auto entered = entries_.find(call.token);
    if (entered != entries_.end() && !call.all && --entered->second > 0)
        return asked_part(call.token);
    if (entered != entries_.end())
        entries_.erase(entered);
    Operation op = operation(Kind::release, now);
    op.lock = history_.lock(name_in(call));
    op.token = call.token;
    Ticket ticket = history_.add(op);
    Lock &lock = locks_[op.lock];
    asked_[ticket] = {false, false, lock.entering > 0 || is_partly_released(call.token)};
    lock.releases.push_back(ticket);
    return ticket;
}

Scribe::Ticket Scribe::asked(const core_call &call, uint64_t now)
{
    if (call.kind == CORE_ACQUIRE)
        return asked_acquire(call, now);
    if (call.kind == CORE_RELEASE)
        return asked_release(call, now);
    if (call.kind != CORE_OPEN && call.kind != CORE_CLOSE)
        return none;
    Operation op = operation(call.kind == CORE_OPEN ? Kind::open : Kind::close, now);
    if (call.kind == CORE_OPEN) {
        ttl_ = call.ttl_ns;
        op.ttl = static_cast<int64_t>(ttl_);
    }
    Ticket ticket = history_.add(op);
    asked_[ticket] = {};
    return ticket;
}

/* ---- ... and what it is told ---- */

Result Scribe::acquire_result(const Asked &asked, enum status status, uint64_t ns) const
{
    bool tells = asked.is_try && ns < patience_ns && !history_.ends_are_slow();
    if (status == STATUS_TIMEOUT && tells)
        return Result::held;
    bool nothing = status == STATUS_TIMEOUT || status == STATUS_CANCELLED ||
                   status == STATUS_DEADLOCK;
    return nothing ? Result::timeout : Result::info;
}

Result Scribe::result_of(const Operation &op, const Asked &asked,
        const core_completion &done, uint64_t now) const
{
    uint64_t ns = now - static_cast<uint64_t>(op.call);
    bool assumed = op.kind == Kind::close && ns > ttls_to_close * ttl_;
    if (done.status == STATUS_OK)
        return asked.doubtful || assumed ? Result::info : Result::ok;
    /* What an earlier sending of it did was taken back before the client was told so. */
    if (done.status == STATUS_BUSY && op.kind == Kind::acquire)
        return Result::timeout;
    if (done.status == STATUS_BUSY || done.status == STATUS_INVALID ||
            done.status == STATUS_LIMIT)
        return Result::fail;
    if (done.status == STATUS_LOST)
        return expired_ && op.kind != Kind::open ? Result::expired : Result::info;
    if (op.kind == Kind::acquire)
        return acquire_result(asked, done.status, ns);
    bool stale = op.kind == Kind::release && done.status == STATUS_NOT_FOUND;
    return stale ? Result::not_owner : Result::info;
}

void Scribe::leave(Ticket ticket, const Asked &asked, const core_completion &done)
{
    Lock &lock = locks_[history_.at(ticket).lock];
    std::erase(lock.releases, ticket);
    if (asked.reentrant && done.status != STATUS_UNKNOWN)
        lock.entering--;
    if (done.kind == CORE_ACQUIRE && done.status == STATUS_OK) {
        entries_[done.token]++;
        grants_.emplace(done.token, ticket);
    }
}

void Scribe::told(Ticket ticket, const core_completion &done, uint64_t now)
{
    parts_.erase(ticket);
    auto it = asked_.find(ticket);
    if (it == asked_.end())
        return;
    Asked asked = it->second;
    asked_.erase(it);
    Operation &op = history_.at(ticket);
    op.result = result_of(op, asked, done, now);
    if (op.result != Result::info)
        op.ret = static_cast<int64_t>(now);
    if (op.result == Result::held)
        op.kind = Kind::attempt;
    if (op.is_grant())
        op.token = done.token;
    if (op.lock >= 0)
        leave(ticket, asked, done);
}

void Scribe::found(const std::string &lock, uint64_t called, uint64_t now,
        const struct lock_view &view)
{
    Operation op = operation(Kind::query, called);
    op.session = std::nullopt;
    op.lock = history_.lock(lock);
    op.ret = static_cast<int64_t>(now);
    op.result = Result::ok;
    op.holder_said = true;
    if (view.token != 0) {
        op.holder = view.session;
        op.token = view.token;
    }
    history_.add(op);
}

void Scribe::session_is(uint64_t id)
{
    if (id != 0)
        history_.session_is(client_, id);
}

/* By true time its clock errs by less than rho, so the lease was asked for no earlier. */
void Scribe::believes_until(uint64_t until, uint64_t now)
{
    int64_t lease = linear::at_least(static_cast<int64_t>(ttl_), rho_ppm);
    int64_t call = static_cast<int64_t>(until) - lease;
    if (call < 0 || call > static_cast<int64_t>(now))
        return;
    if (!keepalive_) {
        Operation op = operation(Kind::keepalive, now);
        op.result = Result::ok;
        op.call = std::numeric_limits<int64_t>::min();
        keepalive_ = history_.add(op);
    }
    Operation &op = history_.at(*keepalive_);
    if (call <= op.call)
        return;
    op.call = call;
    op.ret = static_cast<int64_t>(now);
}

void Scribe::over(bool by_cluster, uint64_t now)
{
    expired_ = expired_ || by_cluster;
    if (!by_cluster)
        (void)history_.add(operation(Kind::close, now));
}

void Scribe::hold_ended(uint64_t token)
{
    entries_.erase(token);
    auto grant = grants_.find(token);
    if (grant == grants_.end())
        return;
    Operation given = history_.at(grant->second);
    Operation op = operation(Kind::release, static_cast<uint64_t>(given.call));
    op.lock = given.lock;
    op.token = token;
    (void)history_.add(op);
}

} // namespace sim
