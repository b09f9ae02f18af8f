/*
 * Changes of the members: which may be made, and when. Only a leader makes any.
 *
 * A change is one entry, and changes one voter at most. New machines begin as learners. The
 * leader promotes a learner that has been within a second of what is committed for two
 * seconds, if a majority of the voters that there will be is heard. It also notes the
 * incarnation of a learner that was added before it was started, or that was silent for a while
 * when a blank node with its id is there.
 *
 * It replaces a voter by itself when that voter's node says that it gave up the directory that
 * the configuration has, because of damage; or, with `auto_replace_ns`, when a blank node with
 * its id is there, it was silent for so long, and all other voters are well.
 *
 * A request says what is to be. If it is so and committed, the answer is DONE; while it comes
 * about, UNDER_WAY, and the operator's program asks again. So nothing is kept of a request,
 * and it does not matter who leads when it is repeated.
 */
#ifndef NODE_CHANGES_H
#define NODE_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sentence.h"
#include "node/configurations.h"
#include "node/doubt.h"
#include "node/times.h"
#include "protocol/admin.h"
#include "raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CHANGES_SAMPLES = 4 /* Of the commit index, a quarter of a second apart */
};

struct changes {
    const struct configurations *configurations;
    const struct raft *raft;
    const struct doubts *doubts;
    const struct times *times;
    uint8_t replaces; /* Whom `next` replaces without being asked; 0: nobody */
    bool able;        /* It leads and no change is under way: as of the last turn */
    bool wanted;      /* `next` is to be proposed in this turn. */
    struct configuration next;
    bool handover_wanted;
    uint8_t handover_to;               /* 0: the best */
    uint64_t samples[CHANGES_SAMPLES]; /* The oldest first */
    uint64_t sampled_ns;
    /* Of each id, since when it has been near enough to be promoted; 0: it is not. */
    uint64_t near_since_ns[NODE_ID_MAX + 1];
    uint64_t auto_replace_ns; /* A setting; 0: never */
    /* Of each member, since when this leader has not been connected to it; 0: it is. */
    uint64_t silent_since_ns[NODE_ID_MAX + 1];
};

/* What an operator asks: ADMIN_MEMBERS and the kinds behind it. This node leads. */
enum admin_result changes_ask(struct changes *changes, const struct admin_request *request,
        struct sentence *sentence);

/* Turn end. True: propose `after` now. */
bool changes_next(struct changes *changes, struct configuration *after);

/* ... that was done. Whom it replaces because he is lost; 0: nobody. */
uint8_t changes_proposed(struct changes *changes);

/* Turn end. True: the leader is to hand over; the event tells raft. */
bool changes_handover(struct changes *changes, struct raft_event *event);

/*
 * The index of a configuration without this node that is committed, and applied here; 0: this
 * node is a member, or has not heard yet that it is.
 */
uint64_t changes_removed_at(const struct changes *changes, uint64_t applied);

#ifdef __cplusplus
}
#endif

#endif
