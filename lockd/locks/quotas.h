/*
 * What all sessions of one client address, or of one label, may take together.
 *
 * A session may have a share of each pool, but whoever opens many sessions gets many
 * shares. So sessions are counted by where their client is and by their label: each such
 * group is a party, and a party may take a part of each pool, which the settings of the
 * cluster give in percent. What is beyond it is refused with LIMIT, which names it.
 *
 * The leader stamps the address at the OPEN, so it is the same on all nodes. Sessions of an
 * unknown address and sessions without a label belong to no party of that kind.
 *
 * The counts follow from the sessions and from what these have; nothing else is kept. So a
 * state that is restored from its parts counts again.
 */
#ifndef LOCKS_QUOTAS_H
#define LOCKS_QUOTAS_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

void quotas_carve(struct locks *locks, struct arena *arena);

/* No party yet. */
void quotas_init(struct locks *locks);

/* The settings of the cluster are others now: what each party may have follows from them. */
void quotas_follow_settings(struct locks *locks);

/* The most that a party of that kind may have, by the settings. */
uint32_t quotas_most(const struct locks *locks, enum party_kind kind, enum quota quota);

/* The parties of an address and a label; NULL: none yet, or nobody's. */
struct parties {
    struct party *of[PARTY_KINDS];
};
struct parties quotas_find(
        const struct locks *locks, const unsigned char *address, struct span label);

/* What the refusal of such a request names. */
enum limit quotas_name(enum party_kind kind, enum quota quota);

/*
 * Whether all these parties may take `count` more: 0, or what the refusal names. `parties`
 * is a row of PARTY_KINDS, as each session has; one that does not exist yet may.
 */
static inline enum limit quotas_limit(const struct locks *locks,
        struct party *const *parties, enum quota quota, uint32_t count)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        const struct party *party = parties[kind];
        if (party != NULL && count > 0 &&
                (uint64_t)party->counts[quota] + count > locks->quota_most[kind][quota])
            return quotas_name((enum party_kind)kind, quota);
    }
    return (enum limit)0;
}

/*
 * A new session, whose address is set, joins its parties; they are made if need be, for
 * which there is room. It leaves them when it has nothing left but itself.
 */
void quotas_join(struct locks *locks, struct session *session, struct span label);
void quotas_leave(struct locks *locks, struct session *session);

/* The session has `count` more, or fewer. */
static inline void quotas_charge(struct session *session, enum quota quota, uint32_t count)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        if (session->parties[kind] != NULL)
            session->parties[kind]->counts[quota] += count;
    }
}

static inline void quotas_discharge(
        struct session *session, enum quota quota, uint32_t count)
{
    for (int kind = 0; kind < PARTY_KINDS; kind++) {
        if (session->parties[kind] == NULL)
            continue;
        assert(session->parties[kind]->counts[quota] >= count);
        session->parties[kind]->counts[quota] -= count;
    }
}

#ifdef __cplusplus
}
#endif

#endif
