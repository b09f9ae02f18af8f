#include "lockcheck/judge/excuses.h"

#include <algorithm>

namespace linear {

namespace {

bool asks(const Operation &op)
{
    return op.kind == Kind::acquire || op.kind == Kind::attempt;
}

/* It held, or may have. */
bool may_have_held(const Operation &op)
{
    return asks(op) && op.result != Result::fail && op.result != Result::held;
}

bool is_tokenless(const Lock &lock)
{
    return lock.model == Model::mutex;
}

/* Asks are searched in blocks, because most blocks are over long before. */
constexpr size_t block = 64;

template <class Map, class Key>
const typename Map::mapped_type &look_up(const Map &map, const Key &key)
{
    static const typename Map::mapped_type none;
    auto it = map.find(key);
    return it == map.end() ? none : it->second;
}

} // namespace

Excuses::Excuses(const History &history, const Sessions &sessions)
        : history_(history), sessions_(sessions)
{
    Numbers order(history.operations.size());
    for (uint32_t i = 0; i < order.size(); i++)
        order[i] = i;
    std::stable_sort(order.begin(), order.end(),
            [this](uint32_t a, uint32_t b) { return at(a).call < at(b).call; });
    for (uint32_t number : order) {
        const Operation &op = at(number);
        if (op.session && op.kind != Kind::query)
            by_session_[*op.session].push_back(number);
        if (op.session && (op.kind == Kind::open || op.kind == Kind::close))
            lives_[*op.session].push_back(number);
        if (op.lock < 0)
            continue;
        by_lock_[op.lock].push_back(number);
        if (op.session && op.kind != Kind::query)
            by_pair_[{*op.session, op.lock}].push_back(number);
        if (op.token && op.kind != Kind::query && op.result != Result::fail)
            by_token_[{*op.token, op.lock}].push_back(number);
        if (may_have_held(op))
            asks_[op.lock].push_back(number);
        if (op.is_grant() && op.token)
            heirs_[op.lock].push_back(
                    {*op.token, number, op.ret, op.shared ? never : op.ret});
    }
    look_for_ends();
}

void Excuses::look_for_ends()
{
    for (auto &[lock, heirs] : heirs_) {
        std::sort(heirs.begin(), heirs.end(),
                [](const Heir &a, const Heir &b) { return a.token < b.token; });
        for (const Heir &heir : heirs)
            by_token_order_[lock].push_back(heir.number);
        for (size_t i = heirs.size(); i-- > 1;) {
            heirs[i - 1].ret = std::min(heirs[i - 1].ret, heirs[i].ret);
            heirs[i - 1].exclusive = std::min(heirs[i - 1].exclusive, heirs[i].exclusive);
        }
    }
    over_.resize(history_.operations.size(), never);
    for (const auto &[lock, asks] : asks_) {
        std::vector<int64_t> &ends = ends_[lock];
        ends.resize((asks.size() + block - 1) / block, INT64_MIN);
        for (size_t i = 0; i < asks.size(); i++) {
            over_[asks[i]] = over_at(at(asks[i]));
            ends[i / block] = std::max(ends[i / block], over_[asks[i]]);
        }
    }
}

const Operation &Excuses::at(uint32_t number) const
{
    return history_.operations[number];
}

const Numbers &Excuses::of_lock(int32_t lock) const
{
    return look_up(by_lock_, lock);
}

const Numbers &Excuses::grants_by_token(int32_t lock) const
{
    return look_up(by_token_order_, lock);
}

const Numbers &Excuses::of_token(uint64_t token, int32_t lock) const
{
    return look_up(by_token_, Key{token, lock});
}

const Numbers &Excuses::of_session(uint64_t session) const
{
    return look_up(by_session_, session);
}

/* What says how long the session lasts. */
void Excuses::lease(uint64_t session, Numbers &out) const
{
    for (uint32_t number : look_up(lives_, session)) {
        if (at(number).kind == Kind::open && at(number).ttl)
            out.push_back(number);
    }
}

/* And what may have ended it. */
void Excuses::life(uint64_t session, Numbers &out) const
{
    lease(session, out);
    for (uint32_t number : look_up(lives_, session)) {
        if (at(number).kind == Kind::close && at(number).result != Result::fail)
            out.push_back(number);
    }
    const Session &known = sessions_.of(session);
    if (!known.ttl && known.over)
        out.push_back(static_cast<uint32_t>(known.over - history_.operations.data()));
}

/* Where a lock has a lease, the session's takes its place, and may be longer. */
bool Excuses::needs_session_lease(const Operation &op) const
{
    const Lock &lock =
            op.lock < 0 ? history_.defaults : history_.locks[static_cast<size_t>(op.lock)];
    bool told = op.session && op.deadline && !op.ttl && lock.ttl;
    return told && sessions_.of(op).ttl && *sessions_.of(op).ttl > *lock.ttl;
}

/*
 * Its releases; and without an accepted one, which is how it ended then, the session's end.
 */
void Excuses::of_grant(const Operation &op, Numbers &out) const
{
    bool given_back = false;
    for (uint32_t number : look_up(by_token_, Key{*op.token, op.lock})) {
        const Operation &other = at(number);
        if (other.kind != Kind::release || other.session != op.session)
            continue;
        out.push_back(number);
        given_back = given_back || other.result == Result::ok;
    }
    if (!given_back)
        life(*op.session, out);
}

/*
 * Without tokens: each release up to the one that surely came after, and all that is
 * unknown.
 */
void Excuses::of_tokenless_grant(const Operation &op, Numbers &out) const
{
    life(*op.session, out);
    for (uint32_t number : look_up(by_pair_, Key{*op.session, op.lock})) {
        const Operation &other = at(number);
        bool releases = other.kind == Kind::release && other.result != Result::fail &&
                        other.ret >= op.call;
        if (releases || other.result == Result::info)
            out.push_back(number);
        if (releases && other.result == Result::ok && other.call > op.ret)
            break;
    }
}

/* The grants of a token to a session. */
bool Excuses::given_by(Key token, uint64_t session, Numbers &out) const
{
    size_t before = out.size();
    for (uint32_t number : look_up(by_token_, token)) {
        if (at(number).is_grant() && *at(number).session == session)
            out.push_back(number);
    }
    return out.size() > before;
}

/*
 * What may have made the session hold the lock at this time, with an answer that never
 * arrived.
 */
void Excuses::unheard(Key session, const Operation &by, Numbers &out) const
{
    for (uint32_t number : look_up(by_pair_, session)) {
        const Operation &op = at(number);
        if (may_have_held(op) && !op.is_grant() && op.call <= by.ret &&
                over_[number] >= by.call)
            out.push_back(number);
    }
}

/*
 * The same, without tokens, and without what was surely over when a release was accepted.
 */
void Excuses::asked_by(Key session, const Operation &by, Numbers &out) const
{
    Numbers found;
    for (uint32_t number : look_up(by_pair_, session)) {
        const Operation &op = at(number);
        if (may_have_held(op) && op.call <= by.ret)
            found.push_back(number);
        if (op.kind != Kind::release || op.result != Result::ok || op.ret >= by.call)
            continue;
        std::erase_if(found, [&](uint32_t old) {
            return at(old).result != Result::info && at(old).ret < op.call;
        });
    }
    out.insert(out.end(), found.begin(), found.end());
}

void Excuses::of_accepted(const Operation &op, Numbers &out) const
{
    const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
    Key own{*op.session, op.lock};
    if (is_tokenless(lock))
        asked_by(own, op, out);
    else if (!given_by({*op.token, op.lock}, own.first, out))
        unheard(own, op, out);
}

void Excuses::of_query(const Operation &op, Numbers &out) const
{
    bool alone = history_.locks[static_cast<size_t>(op.lock)].model != Model::semaphore;
    bool implied = alone && op.holder;
    if (op.used && *op.used > 0 && !implied)
        in_the_way(op, out);
    if (!op.holder)
        return;
    Key own{*op.holder, op.lock};
    if (!op.token)
        asked_by(own, op, out);
    else if (!given_by({*op.token, op.lock}, own.first, out))
        unheard(own, op, out);
}

/* The first return of a grant that the end of this one must have come before. */
int64_t Excuses::overtaken_at(const Operation &grant) const
{
    auto it = heirs_.find(grant.lock);
    if (it == heirs_.end())
        return never;
    auto heir = std::upper_bound(it->second.begin(), it->second.end(), *grant.token,
            [](uint64_t token, const Heir &a) { return token < a.token; });
    if (heir == it->second.end())
        return never;
    return grant.shared ? heir->exclusive : heir->ret;
}

/* The first return of an accepted release of its token. */
int64_t Excuses::given_back_at(const Operation &grant) const
{
    int64_t first = never;
    for (uint32_t number : look_up(by_token_, Key{*grant.token, grant.lock})) {
        const Operation &op = at(number);
        if (op.kind == Kind::release && op.result == Result::ok &&
                op.session == grant.session)
            first = std::min(first, op.ret);
    }
    return first;
}

/* From when on it surely holds nothing, whatever it held. */
int64_t Excuses::over_at(const Operation &ask) const
{
    int64_t over = ask.session ? sessions_.of(ask).latest : never;
    if (ask.result == Result::info)
        return over;
    if (!ask.is_grant())
        return std::min(over, ask.ret);
    const Lock &lock = history_.locks[static_cast<size_t>(ask.lock)];
    if (is_tokenless(lock))
        return over;
    if (lock.model != Model::semaphore)
        over = std::min(over, overtaken_at(ask));
    return std::min(over, given_back_at(ask));
}

/*
 * Every operation that may have held, or waited in front, at some time of this operation.
 */
void Excuses::in_the_way(const Operation &op, Numbers &out) const
{
    const Numbers &asks = look_up(asks_, op.lock);
    const std::vector<int64_t> &ends = look_up(ends_, op.lock);
    for (size_t begin = 0; begin < asks.size() && at(asks[begin]).call <= op.ret;
            begin += block) {
        looked_at_++;
        size_t end = std::min(begin + block, asks.size());
        for (size_t i = begin; i < end && ends[begin / block] >= op.call; i++) {
            if (at(asks[i]).call <= op.ret && over_[asks[i]] >= op.call)
                out.push_back(asks[i]);
        }
    }
}

Numbers Excuses::of(uint32_t number) const
{
    const Operation &op = at(number);
    Numbers out;
    if (needs_session_lease(op))
        lease(*op.session, out);
    if (op.result == Result::expired)
        life(*op.session, out);
    if (op.result == Result::held) {
        in_the_way(op, out);
    } else if (op.lock >= 0 && op.result == Result::ok) {
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        if (op.is_grant() && is_tokenless(lock))
            of_tokenless_grant(op, out);
        else if (op.is_grant())
            of_grant(op, out);
        else if (op.presents())
            of_accepted(op, out);
        else
            of_query(op, out);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    std::erase(out, number);
    return out;
}

} // namespace linear
