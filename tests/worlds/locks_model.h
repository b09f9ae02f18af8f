/*
 * The rules of doc/guarantees.md for sessions and exclusive locks, said once more as plainly
 * as possible: maps and searches, no thought of speed or memory. What the real state does is
 * compared with it.
 */
#ifndef TESTS_WORLDS_LOCKS_MODEL_H
#define TESTS_WORLDS_LOCKS_MODEL_H

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "locks/locks.h"

class locks_model {
public:
    struct one_hold {
        uint64_t session, owner, token, number, granted, told;
        uint32_t count;
    };
    struct one_wait {
        uint64_t session, owner, number, deadline, order;
    };
    struct one_lock {
        std::optional<one_hold> holder;
        std::list<one_wait> queue;
    };
    struct one_session {
        uint64_t ttl, deadline, filed, change, confirmed, answered;
        std::string label;
        unsigned char address; /* 0: not known */
        uint8_t end_reason;    /* 0: alive */
        std::map<uint64_t, struct answer> answers;
        std::map<uint64_t, struct change> changes;
        uint64_t kept_from; /* Changes from this number on are kept. */
    };

    explicit locks_model(const struct cluster_settings &its_settings)
            : settings(its_settings)
    {
    }

    /* Of an empty state: what was granted before is not known. */
    void begin_life(uint64_t token, uint64_t session_step)
    {
        last_token = token - 1;
        last_session += session_step;
        quarantine = time + settings.max_ttl_ns;
    }

    bool is_quarantined() const
    {
        return time < quarantine;
    }

    void begin(enum entry_kind kind, uint64_t dt)
    {
        time_before = time;
        time += dt;
        work = settings.work_max;
        if (kind == ENTRY_TERM_START)
            lifted = std::max(lifted, time + settings.term_grace_ns);
    }

    void renew(uint64_t id, uint64_t confirmed, uint64_t answered = 0, uint64_t waited = 0)
    {
        if (is_alive(id))
            hear(sessions[id], answered, confirmed, waited);
    }

    void due()
    {
        due_until(time_before);
        due_until(time);
    }

    struct locks_outcome apply(const struct command &command, const std::string &name)
    {
        struct locks_outcome outcome = {};
        const struct request &request = command.request;
        outcome.answer.kind = request.kind;
        outcome.answer.number = request.number;
        if (request.kind == REQUEST_OPEN) {
            open(command, name, outcome);
            return outcome;
        }
        uint64_t id = outcome.session = command.section.session;
        if (!is_alive(id)) {
            outcome.answer.status = STATUS_LOST;
            outcome.answer.detail =
                    sessions.count(id) ? sessions[id].end_reason : uint8_t{LOST_UNKNOWN};
            return outcome;
        }
        one_session &session = sessions[id];
        hear(session, command.section.answered, command.section.confirmed);
        outcome.deadline = session.deadline;
        if (is_new(session, request, outcome.answer)) {
            outcome.anchor = true;
            perform(id, request, name, outcome.answer);
            if (!is_alive(id))
                outcome.deadline = 0;
            go_on();
        }
        outcome.change = is_alive(id) ? sessions[id].change : 0;
        return outcome;
    }

    bool is_alive(uint64_t id) const
    {
        auto it = sessions.find(id);
        return it != sessions.end() && it->second.end_reason == 0;
    }

    uint64_t due_at(const one_session &session) const
    {
        return std::max(session.deadline, std::min(lifted, session.deadline + session.ttl));
    }

    uint64_t deadline() const
    {
        return is_quarantined() ? std::min(quarantine, first_due()) : first_due();
    }

    uint64_t first_due() const
    {
        uint64_t least = UINT64_MAX;
        for (const auto &[id, session] : sessions)
            if (session.end_reason == 0)
                least = std::min(least, session.filed);
        for (const auto &[name, lock] : locks)
            for (const one_wait &wait : lock.queue)
                least = std::min(least, wait.deadline);
        return least;
    }

    bool has_work() const
    {
        bool grants = !ready.empty() && !is_quarantined();
        return !ending.empty() || grants || first_due() <= time;
    }

    struct locks_counts counts() const
    {
        struct locks_counts counts = {};
        for (const auto &[id, session] : sessions) {
            counts.sessions++;
            counts.answers += static_cast<uint32_t>(session.answers.size());
            counts.changes += static_cast<uint32_t>(session.changes.size());
        }
        for (const auto &[name, lock] : locks) {
            counts.locks++;
            counts.holds += lock.holder ? 1 : 0;
            counts.waits += static_cast<uint32_t>(lock.queue.size());
        }
        return counts;
    }

    struct cluster_settings settings;
    uint64_t time = 0, time_before = 0, lifted = 0, quarantine = 0;
    uint64_t last_session = 0, last_token = 0, last_order = 0;
    uint32_t work = 0;
    std::map<uint64_t, one_session> sessions;
    std::map<std::string, one_lock> locks;
    std::list<uint64_t> ending;
    std::list<std::string> ready;

private:
    static uint32_t blocks_of(size_t bytes)
    {
        return static_cast<uint32_t>((bytes + 27) / 28);
    }

    uint32_t blocks_used() const
    {
        uint32_t blocks = 0;
        for (const auto &[name, lock] : locks)
            blocks += blocks_of(name.size());
        for (const auto &[id, session] : sessions)
            blocks += blocks_of(session.label.size());
        return blocks;
    }

    /* What one address, or one label, has. */
    struct share {
        uint64_t sessions, holds, waits, answers, blocks;
    };

    template <class Belongs> share share_of(Belongs belongs) const
    {
        share sum = {};
        for (const auto &[id, session] : sessions) {
            if (!belongs(session))
                continue;
            sum.sessions++;
            sum.blocks += blocks_of(session.label.size());
            sum.answers += std::max(size_t{4}, session.answers.size());
        }
        for (const auto &[name, lock] : locks) {
            uint64_t held = lock.holder && belongs(sessions.at(lock.holder->session));
            uint64_t waits = 0;
            for (const one_wait &wait : lock.queue)
                waits += belongs(sessions.at(wait.session));
            sum.holds += held + waits;
            sum.waits += waits;
            sum.answers += (held ? lock.holder->count : 0) + waits;
            sum.blocks += (held + waits) * blocks_of(name.size());
        }
        return sum;
    }

    /* The limit that a party meets with that much more; 0: none. A new party meets none. */
    uint8_t share_limit(const share &has, const share &more, uint32_t percent, bool label)
    {
        auto exceeds = [percent](uint64_t count, uint64_t added, uint32_t most) {
            return added > 0 && count + added > (uint64_t{most} * percent + 99) / 100;
        };
        if (has.sessions == 0)
            return 0;
        int first = label ? LIMIT_LABEL_SESSIONS : LIMIT_ADDRESS_SESSIONS;
        if (exceeds(has.sessions, more.sessions, settings.sessions_max))
            return uint8_t(first);
        if (exceeds(has.holds, more.holds, settings.holds_max))
            return uint8_t(first + 1);
        if (exceeds(has.waits, more.waits, settings.waits_max))
            return uint8_t(first + 2);
        if (exceeds(has.answers, more.answers, settings.answers_max))
            return uint8_t(first + 3);
        if (exceeds(has.blocks, more.blocks, settings.name_blocks_max))
            return uint8_t(first + 4);
        return 0;
    }

    uint8_t party_limit(unsigned char address, const std::string &label, const share &more)
    {
        uint8_t met = 0;
        if (address != 0)
            met = share_limit(share_of([&](const one_session &one) {
                return one.address == address;
            }),
                    more, settings.address_percent, false);
        if (met == 0 && !label.empty())
            met = share_limit(
                    share_of([&](const one_session &one) { return one.label == label; }),
                    more, settings.label_percent, true);
        return met;
    }

    /* One kind after another, as each is asked for all parties. */
    uint8_t parties_limit(
            unsigned char address, const std::string &label, const std::vector<share> &more)
    {
        for (const share &each : more) {
            if (uint8_t met = party_limit(address, label, each))
                return met;
        }
        return 0;
    }

    void open(const struct command &command, const std::string &label,
            struct locks_outcome &outcome)
    {
        const struct request &request = command.request;
        unsigned char address = command.address[CLIENT_ADDRESS_BYTES - 1];
        struct answer &answer = outcome.answer;
        share session_more = {1, 0, 0, 0, 0};
        share blocks_more = {0, 0, 0, 0, blocks_of(label.size())};
        share answers_more = {0, 0, 0, 4, 0};
        if (request.wait_ns < settings.min_ttl_ns ||
                request.wait_ns > settings.max_ttl_ns) {
            answer.status = STATUS_INVALID;
        } else if (sessions.size() >= settings.sessions_max) {
            limit(answer, LIMIT_SESSIONS);
        } else if (blocks_used() + blocks_of(label.size()) > settings.name_blocks_max) {
            limit(answer, LIMIT_NAME_BLOCKS);
        } else if (uint8_t met =
                           parties_limit(address, label, {session_more, blocks_more})) {
            limit(answer, met);
        } else if (counts().answers + promised() + 4 > settings.answers_max) {
            limit(answer, LIMIT_ANSWERS);
        } else if (uint8_t much = parties_limit(address, label, {answers_more})) {
            limit(answer, much);
        } else {
            one_session session = {};
            session.ttl = request.wait_ns;
            session.deadline = session.filed = time + session.ttl;
            session.label = label;
            session.address = address;
            session.kept_from = 1;
            sessions[++last_session] = session;
            outcome.session = last_session;
            outcome.deadline = session.deadline;
            outcome.anchor = true;
        }
    }

    void hear(one_session &session, uint64_t answered, uint64_t confirmed,
            uint64_t waited = 0)
    {
        uint64_t deadline = time - std::min(time, waited) + session.ttl;
        if (session.deadline < deadline)
            session.deadline = session.filed = deadline;
        session.confirmed =
                std::max(session.confirmed, std::min(confirmed, session.change));
        session.answered = std::max(session.answered, answered);
        std::erase_if(session.changes,
                [&](const auto &each) { return each.first <= session.confirmed; });
        std::erase_if(session.answers,
                [&](const auto &each) { return each.first <= session.answered; });
    }

    static void limit(struct answer &answer, int which)
    {
        answer.status = STATUS_LIMIT;
        answer.detail = static_cast<uint8_t>(which);
    }

    bool is_new(const one_session &session, const struct request &request,
            struct answer &answer)
    {
        if (request.number <= session.answered) {
            answer.status = STATUS_OLD;
        } else if (request.number - session.answered > 1024) {
            answer.status = STATUS_BUSY;
        } else if (session.answers.count(request.number)) {
            answer = session.answers.at(request.number);
            if (answer.status == STATUS_CANCELLED)
                answer.kind = request.kind;
        } else {
            return has_room(session, request, answer);
        }
        return false;
    }

    /* Answers for which room is kept: of each session, for each hold's count and each wait */
    uint32_t promised() const
    {
        uint32_t count = 0;
        for (const auto &[id, session] : sessions)
            count += 4 - std::min(uint32_t{4}, uint32_t(session.answers.size()));
        for (const auto &[name, lock] : locks)
            count += (lock.holder ? lock.holder->count : 0) + uint32_t(lock.queue.size());
        return count;
    }

    /* Whether the request takes back something that the session has. */
    bool gives_back(const one_session &session, const struct request &request) const
    {
        uint64_t target = request.target;
        auto known = session.answers.find(target);
        bool is_known = known != session.answers.end();
        for (const auto &[name, lock] : locks) {
            bool its = lock.holder && &sessions.at(lock.holder->session) == &session;
            if (request.kind == REQUEST_RELEASE && its && lock.holder->token == target &&
                    name == std::string(reinterpret_cast<const char *>(request.name.bytes),
                                    request.name.count))
                return true;
            if (request.kind != REQUEST_CANCEL || target == request.number ||
                    (is_known && known->second.kind != REQUEST_ACQUIRE) ||
                    (!is_known && target > session.answered))
                continue;
            for (const one_wait &wait : lock.queue) {
                if (&sessions.at(wait.session) == &session && wait.number == target)
                    return true;
            }
            bool by_answer = its && is_known && known->second.status == STATUS_OK &&
                             lock.holder->token == known->second.token;
            bool by_change = its && lock.holder->number == target &&
                             lock.holder->told > session.confirmed &&
                             (!is_known || known->second.status != STATUS_OK);
            if (by_answer || by_change)
                return true;
        }
        return false;
    }

    bool has_room(const one_session &session, const struct request &request,
            struct answer &answer)
    {
        if (request.kind == REQUEST_CLOSE)
            return true;
        uint32_t size = uint32_t(session.answers.size());
        uint32_t own = 4 - std::min(uint32_t{4}, size);
        bool too_many = own == 0 && size >= settings.answers_max / 8;
        uint32_t needed = request.kind == REQUEST_CANCEL ? 2 : 1;
        uint32_t wanted = needed - std::min(needed, own);
        if (request.kind == REQUEST_ACQUIRE)
            wanted++;
        int met = 0;
        if (counts().answers + promised() + wanted > settings.answers_max)
            met = LIMIT_ANSWERS;
        else if (wanted > 0)
            met = parties_limit(session.address, session.label, {{0, 0, 0, wanted, 0}});
        bool room = !too_many && met == 0;
        if (room || gives_back(session, request))
            return true;
        if (request.kind == REQUEST_ACQUIRE && !too_many)
            limit(answer, met);
        else
            answer.status = STATUS_BUSY;
        return false;
    }

    void perform(uint64_t id, const struct request &request, const std::string &name,
            struct answer &answer)
    {
        if (request.kind == REQUEST_CLOSE) {
            end(id, LOST_CLOSED);
            return;
        }
        if (request.kind == REQUEST_ACQUIRE)
            acquire(id, request, name, answer);
        else if (request.kind == REQUEST_RELEASE)
            release(id, request, name, answer);
        else
            cancel(id, request, answer);
        sessions[id].answers[request.number] = answer;
    }

    /* Holds and waits of the session */
    std::pair<uint32_t, uint32_t> claims_of(uint64_t id) const
    {
        std::pair<uint32_t, uint32_t> count;
        for (const auto &[name, lock] : locks) {
            count.first += lock.holder && lock.holder->session == id;
            for (const one_wait &wait : lock.queue)
                count.second += wait.session == id;
        }
        return count;
    }

    /* In quarantine: of a lock that is free. Its number is a token that nobody gets. */
    void queue_first(uint64_t id, const struct request &request, const std::string &name,
            struct answer &answer)
    {
        const one_session &session = sessions.at(id);
        if (claims_of(id).second >= settings.waits_per_session_max) {
            limit(answer, LIMIT_SESSION_WAITS);
        } else if (counts().waits >= settings.waits_max) {
            limit(answer, LIMIT_WAITS);
        } else if (uint8_t met = parties_limit(session.address, session.label,
                           {{0, 1, 0, 0, 0}, {0, 0, 1, 0, 0}})) {
            limit(answer, met);
        } else {
            answer.status = STATUS_QUEUED;
            last_token++;
            uint64_t end =
                    request.wait_ns == WAIT_FOREVER ? UINT64_MAX : time + request.wait_ns;
            locks[name].queue.push_back(
                    {id, request.owner, request.number, end, ++last_order});
            settle(name);
        }
    }

    void acquire(uint64_t id, const struct request &request, const std::string &name,
            struct answer &answer)
    {
        bool reentrant = (request.flags & ACQUIRE_REENTRANT) != 0;
        const one_session &session = sessions.at(id);
        share hold_more = {0, 1, 0, 0, 0};
        share wait_more = {0, 0, 1, 0, 0};
        share name_more = {0, 0, 0, 0, blocks_of(name.size())};
        if (!locks.count(name)) {
            struct locks_counts now = counts();
            if (is_quarantined() && request.wait_ns == 0)
                answer.status = STATUS_TIMEOUT;
            else if (claims_of(id).first + claims_of(id).second >=
                     settings.holds_per_session_max)
                limit(answer, LIMIT_SESSION_HOLDS);
            else if (now.holds + ready.size() >= settings.holds_max)
                limit(answer, LIMIT_HOLDS);
            else if (now.locks >= settings.locks_max)
                limit(answer, LIMIT_LOCKS);
            else if (blocks_used() + blocks_of(name.size()) > settings.name_blocks_max)
                limit(answer, LIMIT_NAME_BLOCKS);
            else if (uint8_t met = parties_limit(
                             session.address, session.label, {hold_more, name_more}))
                limit(answer, met);
            else if (is_quarantined())
                queue_first(id, request, name, answer);
            else {
                answer.token = ++last_token;
                answer.count = 1;
                locks[name].holder = one_hold{
                        id, request.owner, answer.token, request.number, time, 0, 1};
            }
            return;
        }
        one_lock &lock = locks[name];
        bool own = lock.holder && request.owner != 0 && lock.holder->session == id &&
                   lock.holder->owner == request.owner;
        if (own && !reentrant) {
            answer.status = STATUS_DEADLOCK;
        } else if (own && lock.holder->count >= settings.count_max) {
            limit(answer, LIMIT_COUNT);
        } else if (own) {
            answer.token = lock.holder->token;
            answer.count = ++lock.holder->count;
        } else if (request.wait_ns == 0) {
            answer.status = STATUS_TIMEOUT;
        } else if (claims_of(id).first + claims_of(id).second >=
                   settings.holds_per_session_max) {
            limit(answer, LIMIT_SESSION_HOLDS);
        } else if (claims_of(id).second >= settings.waits_per_session_max) {
            limit(answer, LIMIT_SESSION_WAITS);
        } else if (counts().waits >= settings.waits_max) {
            limit(answer, LIMIT_WAITS);
        } else if (lock.queue.size() >= settings.waits_per_lock_max) {
            limit(answer, LIMIT_WAITS_PER_LOCK);
        } else if (uint8_t met = parties_limit(
                           session.address, session.label, {hold_more, wait_more})) {
            limit(answer, met);
        } else {
            answer.status = STATUS_QUEUED;
            answer.count = static_cast<uint32_t>(lock.queue.size());
            uint64_t end =
                    request.wait_ns == WAIT_FOREVER ? UINT64_MAX : time + request.wait_ns;
            lock.queue.push_back({id, request.owner, request.number, end, ++last_order});
        }
    }

    void release(uint64_t id, const struct request &request, const std::string &name,
            struct answer &answer)
    {
        auto it = locks.find(name);
        if (it == locks.end() || !it->second.holder || it->second.holder->session != id ||
                it->second.holder->token != request.target) {
            answer.status = STATUS_NOT_FOUND;
            return;
        }
        uint32_t count = (request.flags & RELEASE_ALL) ? it->second.holder->count : 1;
        answer.count = leave(name, count);
    }

    uint32_t leave(const std::string &name, uint32_t count)
    {
        one_hold &hold = *locks[name].holder;
        hold.count -= count;
        if (hold.count > 0)
            return hold.count;
        locks[name].holder.reset();
        settle(name);
        return 0;
    }

    void settle(const std::string &name)
    {
        const one_lock &lock = locks[name];
        bool is_ready = !lock.holder && !lock.queue.empty();
        auto at = std::find(ready.begin(), ready.end(), name);
        if (is_ready && at == ready.end())
            ready.push_back(name);
        if (!is_ready && at != ready.end())
            ready.erase(at);
        if (!lock.holder && lock.queue.empty())
            locks.erase(name);
    }

    void cancel(uint64_t id, const struct request &request, struct answer &answer)
    {
        one_session &session = sessions[id];
        uint64_t target = request.target;
        bool past = target <= session.answered;
        auto known = session.answers.find(target);
        bool is_known = known != session.answers.end();
        if (target == 0 || target == request.number ||
                (!past && target - session.answered > 1024) ||
                (is_known && known->second.kind != REQUEST_ACQUIRE)) {
            answer.status = STATUS_INVALID;
            return;
        }
        answer.status = STATUS_CANCELLED;
        if (!past && !is_known) {
            struct answer unseen = {};
            unseen.kind = REQUEST_ACQUIRE;
            unseen.status = STATUS_CANCELLED;
            unseen.number = target;
            session.answers[target] = unseen;
            return;
        }
        if (!take_back(id, target, is_known ? &known->second : nullptr, answer)) {
            answer.status = STATUS_NOT_FOUND;
        } else if (is_known) {
            known->second = {};
            known->second.kind = REQUEST_ACQUIRE;
            known->second.status = STATUS_CANCELLED;
            known->second.number = target;
        }
    }

    /* False: the outcome is confirmed, nothing is done. */
    bool take_back(
            uint64_t id, uint64_t target, const struct answer *known, struct answer &answer)
    {
        for (auto &[name, lock] : locks) {
            for (auto at = lock.queue.begin(); at != lock.queue.end(); ++at) {
                if (at->session == id && at->number == target) {
                    std::string its_name = name;
                    lock.queue.erase(at);
                    settle(its_name);
                    return true;
                }
            }
        }
        for (auto &[name, lock] : locks) {
            if (!lock.holder || lock.holder->session != id)
                continue;
            one_hold &hold = *lock.holder;
            bool by_answer =
                    known && known->status == STATUS_OK && hold.token == known->token;
            bool by_change = hold.number == target && hold.told > sessions[id].confirmed &&
                             (!known || known->status != STATUS_OK);
            if (by_answer || by_change) {
                if (hold.number == target)
                    hold.told = 0;
                answer.count = leave(std::string(name), 1);
                return true;
            }
            if (known && known->status == STATUS_QUEUED && hold.number == target)
                return false;
        }
        return known != nullptr;
    }

    void end(uint64_t id, enum lost_reason reason)
    {
        sessions[id].end_reason = reason;
        ending.push_back(id);
    }

    void tell(uint64_t id, struct change change)
    {
        one_session &session = sessions[id];
        bool full = session.changes.size() >= settings.changes_per_session_max ||
                    counts().changes >= settings.changes_max;
        change.change = ++session.change;
        if (full && session.changes.empty()) {
            session.kept_from = change.change + 1;
            return;
        }
        if (full) {
            session.kept_from = session.changes.begin()->first + 1;
            session.changes.erase(session.changes.begin());
        }
        session.changes[change.change] = change;
    }

    /* One item of the end of a session: holds by token, waits by age, answers, changes. */
    void end_step(uint64_t id)
    {
        std::string oldest_hold, oldest_wait;
        uint64_t token = UINT64_MAX, order = UINT64_MAX;
        for (const auto &[name, lock] : locks) {
            if (lock.holder && lock.holder->session == id && lock.holder->token < token) {
                token = lock.holder->token;
                oldest_hold = name;
            }
            for (const one_wait &wait : lock.queue) {
                if (wait.session == id && wait.order < order) {
                    order = wait.order;
                    oldest_wait = name;
                }
            }
        }
        one_session &session = sessions[id];
        if (token != UINT64_MAX) {
            leave(oldest_hold, locks[oldest_hold].holder->count);
        } else if (order != UINT64_MAX) {
            locks[oldest_wait].queue.remove_if(
                    [&](const one_wait &wait) { return wait.order == order; });
            settle(oldest_wait);
        } else if (!session.answers.empty()) {
            session.answers.erase(session.answers.begin());
        } else if (!session.changes.empty()) {
            session.changes.erase(session.changes.begin());
        } else {
            sessions.erase(id);
            ending.remove(id);
        }
    }

    void go_on_ending()
    {
        for (; work > 0 && !ending.empty(); work--)
            end_step(ending.front());
    }

    void go_on()
    {
        go_on_ending();
        for (; work > 0 && !ready.empty() && !is_quarantined(); work--) {
            std::string name = ready.front();
            one_lock &lock = locks[name];
            one_wait wait = lock.queue.front();
            lock.queue.pop_front();
            struct change change = {};
            change.kind = CHANGE_GRANTED;
            change.number = wait.number;
            change.token = ++last_token;
            tell(wait.session, change);
            lock.holder = one_hold{wait.session, wait.owner, last_token, wait.number, time,
                    sessions[wait.session].change, 1};
            settle(name);
        }
    }

    /* The first of what is due: (deadline, session before wait, id). False: nothing is. */
    bool one_due(uint64_t until)
    {
        uint64_t who = 0, when = first_due();
        if (when > until)
            return false;
        for (auto &[id, session] : sessions)
            if (who == 0 && session.end_reason == 0 && session.filed == when)
                who = id;
        if (who != 0) {
            one_session &session = sessions[who];
            if (due_at(session) > time) {
                session.filed = due_at(session);
                work--;
                return true;
            }
            end(who, LOST_EXPIRED);
            go_on_ending();
            return true;
        }
        std::string name;
        one_wait first = {};
        for (const auto &[its_name, lock] : locks) {
            for (const one_wait &wait : lock.queue) {
                if (wait.deadline == when && (name.empty() || wait.order < first.order)) {
                    name = its_name;
                    first = wait;
                }
            }
        }
        locks[name].queue.remove_if(
                [&](const one_wait &wait) { return wait.order == first.order; });
        struct change change = {};
        change.kind = CHANGE_FAILED;
        change.status = STATUS_TIMEOUT;
        change.number = first.number;
        tell(first.session, change);
        settle(name);
        work--;
        return true;
    }

    void due_until(uint64_t until)
    {
        go_on_ending();
        while (work > 0 && one_due(until)) {
        }
        if (work > 0)
            go_on();
    }
};

#endif
