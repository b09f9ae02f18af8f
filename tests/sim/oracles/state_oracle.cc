#include "sim/oracles/state_oracle.h"

#include <algorithm>

#include "locks/sessions.h"
#include "locks/state.h"

namespace sim {

StateOracle::Queue StateOracle::queue_of(const struct locks *locks, const std::string &name)
{
    Queue queue{};
    struct span span = {reinterpret_cast<const unsigned char *>(name.data()),
            static_cast<uint32_t>(name.size())};
    struct lock *lock = nametable_find(locks, span);
    if (!lock)
        return queue;
    for (list_node *node = list_first(&lock->queue); node;
            node = list_next(&lock->queue, node)) {
        const struct wait *wait = LIST_OWNER(node, struct wait, in_lock);
        queue.waits.push_back({wait->session->id, wait->number});
    }
    if (list_node *first = list_first(&lock->holders)) {
        const struct hold *hold = LIST_OWNER(first, struct hold, in_lock);
        queue.holder = {hold->session->id, hold->number};
    }
    return queue;
}

/* Who waited before still comes first, in the order in which they were first seen. */
void StateOracle::put_in_order(Queue &queue, const std::vector<Claim> &before)
{
    auto place = [&before](const Claim &claim) {
        return std::find(before.begin(), before.end(), claim) - before.begin();
    };
    std::stable_sort(queue.waits.begin(), queue.waits.end(),
            [&](const Claim &a, const Claim &b) { return place(a) < place(b); });
}

/* Whoever came before the holder, when both waited, waits no more. */
bool StateOracle::keeps_order(const Queue &queue, const std::vector<Claim> &before)
{
    auto granted = std::find(before.begin(), before.end(), queue.holder);
    if (granted == before.end())
        return true;
    return std::none_of(before.begin(), granted, [&](const Claim &longer) {
        return std::count(queue.waits.begin(), queue.waits.end(), longer) > 0;
    });
}

bool StateOracle::is_due(const Lease &lease, uint64_t time) const
{
    uint64_t lifted = std::min(lifted_, lease.deadline + lease.ttl);
    return time >= std::max(lease.deadline, lifted);
}

std::optional<std::string> StateOracle::look(const struct locks *locks, uint64_t term,
        const std::vector<std::string> &names, const std::vector<uint64_t> &sessions)
{
    std::optional<std::string> breach;
    for (const std::string &name : names) {
        Queue queue = queue_of(locks, name);
        const std::vector<Claim> &before = queues_[name].waits;
        if (!keeps_order(queue, before))
            breach = "a waiter is passed in the queue";
        put_in_order(queue, before);
        queues_[name] = queue;
    }
    uint64_t time_before = std::exchange(time_, locks_time(locks));
    std::map<uint64_t, Lease> leases;
    for (uint64_t id : sessions) {
        const struct session *session = sessions_find(locks, id);
        auto known = leases_.find(id);
        bool lives = session && session->end_order == 0;
        if (lives)
            leases[id] = {session->deadline, session->ttl_ns};
        else if (known != leases_.end() && !is_due(known->second, time_))
            breach = "session " + std::to_string(id) + " is over before it is due";
    }
    leases_ = leases;
    /* What expired since the look before may have done so before the term began. */
    uint64_t term_before = std::exchange(term_, term);
    if (term_before != 0 && term != term_before) /* The first begins with the bootstrap. */
        lifted_ = std::max(lifted_, time_before + locks->settings.term_grace_ns);
    return breach;
}

} // namespace sim
