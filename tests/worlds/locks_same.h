/*
 * Whether two lock states are equal in all that a later entry may depend on: every field of
 * every part, every list in its order, every counter. What is local to a process, handles
 * and places in memory, may differ. The difference is told as text; none is empty.
 */
#ifndef TESTS_WORLDS_LOCKS_SAME_H
#define TESTS_WORLDS_LOCKS_SAME_H

#include <cstring>
#include <map>
#include <sstream>
#include <string>

#include "locks/sessions.h"
#include "locks/state.h"

namespace locks_same {

inline std::string text_in(const struct locks *locks, uint32_t chain, uint32_t count)
{
    std::string text(count, '\0');
    namechain_read(
            &locks->blocks, chain, count, reinterpret_cast<unsigned char *>(text.data()));
    return text;
}

template <class item, class say>
void say_list(std::ostream &out, const struct list &list, size_t offset, say each)
{
    for (struct list_node *node = list_first(&list); node != nullptr;
            node = list_next(&list, node))
        each(out, *reinterpret_cast<const item *>(reinterpret_cast<char *>(node) - offset));
    out << '\n';
}

inline void say_session(
        std::ostream &out, const struct locks *locks, const struct session &session)
{
    out << "session " << session.id << " secret";
    for (unsigned char byte : session.secret)
        out << ' ' << int{byte};
    out << " ttl " << session.ttl_ns << " deadline " << session.deadline << " filed "
        << (heap_has(&session.due) ? session.due.key : 0) << " ties "
        << (heap_has(&session.due) ? session.due.tie_high : 0) << ' ' << session.due.tie_low
        << " change " << session.change << " confirmed " << session.confirmed << " dropped "
        << session.dropped << " answered " << session.answered << " end "
        << session.end_order << ' ' << int{session.end_reason} << " identity "
        << session.identity << " counts " << session.hold_count << ' ' << session.wait_count
        << ' ' << session.answer_count << ' ' << session.change_count << " label '"
        << text_in(locks, session.label, session.label_bytes) << "'\n  holds";
    say_list<struct hold>(out, session.holds, offsetof(struct hold, in_session),
            [](auto &to, const struct hold &hold) { to << ' ' << hold.token; });
    out << "  waits";
    say_list<struct wait>(out, session.waits, offsetof(struct wait, in_session),
            [](auto &to, const struct wait &wait) { to << ' ' << wait.due.tie_low; });
    out << "  answers";
    say_list<struct remembered>(out, session.answers,
            offsetof(struct remembered, in_session),
            [](auto &to, const struct remembered &answer) {
                to << " (" << answer.number << ' ' << answer.token << ' ' << answer.count
                   << ' ' << int{answer.kind} << ' ' << int{answer.status} << ' '
                   << int{answer.detail} << ')';
            });
    out << "  changes";
    say_list<struct told>(out, session.changes, offsetof(struct told, in_session),
            [](auto &to, const struct told &told) {
                to << " (" << told.change.change << ' ' << int{told.change.kind} << ' '
                   << int{told.change.status} << ' ' << told.change.number << ' '
                   << told.change.token << ')';
            });
}

inline void say_lock(std::ostream &out, const struct locks *locks, const struct lock &lock)
{
    out << "lock " << lock.id << " hash " << lock.hash << " name '"
        << text_in(locks, lock.name, lock.name_bytes) << "' ready " << lock.ready_order
        << " counts " << lock.hold_count << ' ' << lock.wait_count << "\n  holders";
    say_list<struct hold>(out, lock.holders, offsetof(struct hold, in_lock),
            [](auto &to, const struct hold &hold) {
                to << " (" << hold.token << ' ' << hold.session->id << ' ' << hold.owner
                   << ' ' << hold.number << ' ' << hold.granted_at << ' ' << hold.change
                   << ' ' << hold.count << ' ' << int{hold.mode} << ')';
            });
    out << "  queue";
    say_list<struct wait>(out, lock.queue, offsetof(struct wait, in_lock),
            [](auto &to, const struct wait &wait) {
                to << " (" << wait.session->id << ' ' << wait.owner << ' ' << wait.number
                   << ' ' << int{wait.mode} << ' ' << wait.due.key << ' '
                   << wait.due.tie_high << ' ' << wait.due.tie_low << ' '
                   << heap_has(&wait.due) << ')';
            });
}

inline void say_work(std::ostream &out, const struct locks *locks)
{
    out << "ending";
    say_list<struct session>(out, locks->ending, offsetof(struct session, ending),
            [](auto &to, const struct session &session) { to << ' ' << session.id; });
    out << "ready";
    say_list<struct lock>(out, locks->ready, offsetof(struct lock, ready),
            [](auto &to, const struct lock &lock) { to << ' ' << lock.id; });
    out << "due " << locks_deadline(locks) << ' ' << heap_count(&locks->due) << " ttl "
        << locks_shortest_ttl_ns(locks) << " ttls";
    for (size_t step = 0; step < TTL_STEPS; step++)
        if (locks->ttls.counts[step] != 0)
            out << ' ' << step << ':' << locks->ttls.counts[step];
    out << '\n';
}

/* Everything, in an order that does not depend on memory. */
inline std::string text_of_state(const struct locks *locks)
{
    std::ostringstream out;
    const struct locks_counts counts = locks_tally(locks);
    out << "index " << locks->index << " T " << locks->time << " before "
        << locks->time_before << " F " << locks->lifted << " last " << locks->session_last
        << ' ' << locks->token_last << ' ' << locks->order_last << " digest "
        << locks->digest << ' ' << locks_digest(locks) << " counts " << counts.sessions
        << ' ' << counts.locks << ' ' << counts.holds << ' ' << counts.waits << ' '
        << counts.answers << ' ' << counts.answers_promised << ' ' << counts.changes << ' '
        << counts.name_blocks << " quarantine " << locks->quarantine << " life "
        << locks->life << " trials " << locks->trials << " ready " << locks->ready_count
        << " settings";
    unsigned char settings[256];
    struct wire wire = wire_writer(settings, sizeof(settings));
    struct cluster_settings copy = locks->settings;
    wire_cluster_settings(&wire, &copy);
    for (size_t i = 0; i < wire.at; i++)
        out << ' ' << int{settings[i]};
    out << '\n';
    say_work(out, locks);
    std::map<uint64_t, const struct session *> sessions;
    for (uint32_t at = pool_next(&locks->sessions, 0); at != 0;
            at = pool_next(&locks->sessions, at)) {
        auto session = static_cast<const struct session *>(pool_at(&locks->sessions, at));
        sessions[session->id] = session;
    }
    for (const auto &[id, session] : sessions)
        say_session(out, locks, *session);
    for (uint32_t bucket = 0; bucket < nametable_bucket_count(&locks->names); bucket++)
        for (uint32_t at = locks->names.heads[bucket]; at != 0;) {
            auto lock = static_cast<const struct lock *>(pool_at(&locks->locks, at));
            say_lock(out, locks, *lock);
            at = lock->next;
        }
    return out.str();
}

} // namespace locks_same

#endif
