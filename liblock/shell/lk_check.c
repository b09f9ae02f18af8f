/* Any thread reads belief without a lock: clocks first, records afterwards (belief.h). */
#include "lk_internal.h"

/* Until when, on both clocks, and the state; LOST for a hold that does not exist. */
static struct belief read_belief(
        const struct lk_session *session, const struct lk_grant *grant)
{
    struct belief lost = {.state = BELIEF_LOST};
    const struct lk_client *client = client_of(session);
    if (client == NULL || !client_is_ours(client))
        return lost;
    const struct session_belief *record =
            __atomic_load_n(&session->belief, __ATOMIC_RELAXED);
    if (record == NULL)
        return lost;
    if (grant != NULL) {
        const struct hold_belief *holds = client->holds;
        bool held = grant->token != 0 && holds != NULL &&
                    grant->hold < client->hold_count &&
                    hold_read(&holds[grant->hold]) == grant->token;
        if (!held)
            return lost;
    }
    struct belief belief = belief_read(record);
    /* The client may have been closed meanwhile: then this may be of memory made zero. */
    return client_is_ours(client) ? belief : lost;
}

enum lk_state lk_check(const struct lk_session *session, const struct lk_grant *grant)
{
    struct clocks now = clocks_read();
    struct belief belief = read_belief(session, grant);
    if (belief.state == BELIEF_HELD && belief_left_ns(&belief, now) == 0)
        return LK_STATE_SUSPENDED; /* The end was not noticed yet. */
    return (enum lk_state)belief.state;
}

uint64_t lk_deadline(const struct lk_session *session, const struct lk_grant *grant)
{
    struct clocks now = clocks_read();
    struct belief belief = read_belief(session, grant);
    uint64_t left_ns = belief_left_ns(&belief, now);
    return left_ns == 0 ? 0 : now.boot_ns + left_ns;
}
