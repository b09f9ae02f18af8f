/*
 * Opens, finds, renews and ends sessions, and files them under their deadlines. An end
 * takes many steps, one item of due work each, so that each step is bounded whatever a
 * session has.
 */
#ifndef LOCKS_SESSIONS_H
#define LOCKS_SESSIONS_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A session that exists, ending or not; NULL: none. */
struct session *sessions_find(const struct locks *locks, uint64_t id);

/* A session as the OPEN says, for which there is room. */
struct session *sessions_open(struct locks *locks, const struct command *command);

/* Put a session whose fields are set, and whose lists are empty, where it belongs. */
void sessions_link(
        struct locks *locks, struct session *session, uint32_t handle, struct span label);

/*
 * The session is alive, and has received what the section confirms. It was heard
 * `waited_ns` before T.
 */
void sessions_renew(struct locks *locks, struct session *session,
        const struct section *heard, uint64_t waited_ns);

/* Whether the section may act for the session: its secret was compared, or is right. */
bool sessions_proves(const struct session *session, const struct section *section);

/* E: when it expires without another keepalive. */
uint64_t sessions_due_at(const struct locks *locks, const struct session *session);

/* Its filed deadline has come: file it again if E is later. False: it is over. */
bool sessions_file(struct locks *locks, struct session *session);

/* Its removal begins: from here on it is dead. */
void sessions_end(struct locks *locks, struct session *session, enum lost_reason reason);

/* One item of the removal of a session that is ending. */
void sessions_end_step(struct locks *locks, struct session *session);

#ifdef __cplusplus
}
#endif

#endif
