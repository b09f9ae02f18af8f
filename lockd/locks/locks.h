/*
 * The replicated state: sessions, locks, leases, tokens, cluster time.
 *
 * A deterministic machine: equal settings and equal entries give equal states, equal
 * outcomes and equal digests on every node. doc/guarantees.md has the promises; G1 to G12
 * in comments name them.
 *
 * One entry is applied like this:
 *
 *     locks_begin(...)                T += dt; a TERM_START lifts deadlines
 *     locks_renew(...)                for each keepalive, and for each command's session
 *     locks_due(...)                  what is due, at most work_max items
 *     locks_expect(...)               optional: for commands that come soon
 *     locks_apply(...)                each command in order
 *     locks_end(...)
 *
 * A lock is an object of three parts: its state, its holders, its queue. Every change of
 * any object or session goes through one function of object.c, which keeps the digest and
 * saves parts for a snapshot that is being taken (snapshot.h).
 *
 * Memory is in pools of fixed capacity, which the settings give. A command that finds a
 * pool full has the outcome STATUS_LIMIT, equal on all nodes. Names and labels lie in
 * chains of small blocks. Handles never leave the process: outputs name things by ids and
 * names.
 */
#ifndef LOCKS_LOCKS_H
#define LOCKS_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/histogram.h"
#include "protocol/answer.h"
#include "protocol/batch.h"
#include "protocol/entry.h"
#include "protocol/read.h"
#include "protocol/settings.h"
#include "protocol/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct locks;

struct locks *locks_carve(struct arena *arena, const struct cluster_settings *plan);

/*
 * An empty state: T is 0, ids and tokens begin with 1. `settings` fit into the plan carved.
 */
void locks_init(struct locks *locks, const struct cluster_settings *settings);

/* Right after locks_init(): the first token of a new cluster (protocol/token.h). */
void locks_begin_tokens(struct locks *locks, uint64_t first);

/*
 * A state that was restored, or recovered without a majority, begins a new life: who was
 * granted what after it was saved is not known. All sessions have ended, tokens and ids are
 * raised, and nothing is granted for max_ttl, because nobody of the old life can believe for
 * longer that he holds a lock. Not while a snapshot is taken.
 */
void locks_begin_life(struct locks *locks, uint64_t first);

/* T before which nothing is granted, while it is later than T; else 0. */
uint64_t locks_quarantine(const struct locks *locks);

/* 1, and one more for each new life that the cluster has begun. */
uint64_t locks_life(const struct locks *locks);

/* True when a state of `settings` fits into what was carved. */
bool locks_fits(const struct locks *locks, const struct cluster_settings *settings);

/* What a command did. */
struct locks_outcome {
    struct answer answer;
    uint64_t session;  /* OPEN: the new one */
    uint64_t deadline; /* D after this entry; 0 if the session is gone */
    uint64_t change;   /* The session's change number */
    bool anchor; /* Applied now: T is an anchor. False: answered from memory, or refused. */
};

void locks_begin(struct locks *locks, uint64_t index, enum entry_kind kind, uint64_t dt_ns);

/*
 * Renew the session: D = T + ttl, less the time for which the keepalive waited, and never
 * earlier than before; changes up to `confirmed` and answers up to `answered` are forgotten.
 * No such session: nothing.
 */
void locks_renew(struct locks *locks, const struct keepalive *keepalive);

/* ... by a command of that section; not if it is unproved and its secret is wrong. */
void locks_renew_by(struct locks *locks, const struct section *section);

/* Do what is due: expiries, waits' ends, the grants these make possible. */
void locks_due(struct locks *locks);

/*
 * One command; the outcome points to no memory. It renews its session like locks_renew(),
 * unless the session is over. In an unproved section the secret is compared here: DENIED if
 * it is wrong, and then nothing is done. The grants that it causes are made in the same call, while
 * items are left.
 */
void locks_apply(
        struct locks *locks, const struct command *command, struct locks_outcome *outcome);

/*
 * Instead of commands: settings change, or one more trial is counted, in tests. An entry of a
 * version that the cluster does not use yet does nothing.
 */
void locks_change_settings(struct locks *locks, const struct settings_change *change);
void locks_count_trial(struct locks *locks);

/*
 * The command will be applied soon: fetch the memory that it will touch. Tables of names are
 * larger than a processor's caches, and without this a replay waits for memory most of the
 * time. It changes nothing, and may be left out.
 */
void locks_expect(const struct locks *locks, const struct command *command);

void locks_end(struct locks *locks);

/* The settings of the state; those that locks_init() got, if no entry made others. */
const struct cluster_settings *locks_settings(const struct locks *locks);

uint64_t locks_index(const struct locks *locks); /* The last entry applied */
uint64_t locks_time(const struct locks *locks);  /* T */

/*
 * The earliest cluster time at which anything falls due (sessions at E, waits): the leader
 * appends a tick by then. UINT64_MAX: nothing pending, no log traffic needed.
 */
uint64_t locks_deadline(const struct locks *locks);

/* The shortest ttl of a session, or a little less; UINT64_MAX: there is none. */
uint64_t locks_shortest_ttl_ns(const struct locks *locks);

/* Items of due work that the last entry did, also by its commands. */
uint32_t locks_work_done(const struct locks *locks);

/* Due work was left over by work_max: the leader appends an entry at once. */
bool locks_has_work(const struct locks *locks);

/* A session as the node sees it. */
struct session_view {
    uint64_t id;
    /* Dense, stable while the session lives; then used again. Local to the node. */
    uint32_t slot;
    unsigned char secret[SECRET_BYTES];
    uint64_t ttl_ns;
    uint64_t deadline; /* D */
    uint64_t change;
    uint64_t confirmed;
};

bool locks_session(const struct locks *locks, uint64_t id, struct session_view *view);

/*
 * Sessions whose change number moved since this was last called, each once; false: no more.
 * The list is local and bounded by the number of sessions; the calls empty it.
 */
bool locks_next_changed(struct locks *locks, uint64_t *session);

/*
 * How far a reader of changes has come. The state may change between two parts of a list,
 * so the last item named is remembered by a number that grows, not by a count of items.
 */
struct changes_from {
    uint64_t after; /* Changes after this one are wanted. */
    uint64_t order; /* Of a list: the last wait named, and ... */
    uint64_t token; /* ... the last hold named; both 0 at the start, moved on by the call */
    bool listed;    /* Filled in */
};

/*
 * The changes of a session, oldest first, up to `most`; returns how many. `listed` is true
 * when some of the wanted changes are no longer kept: then the list of all holds and waits
 * comes instead. Waits come first. A wait that becomes a hold between two parts is named
 * again, as a hold with the newest token, so it is never missed.
 */
uint32_t locks_changes(const struct locks *locks, uint64_t session,
        struct changes_from *from, struct change *changes, uint32_t most);

/*
 * Reads. Names in a view point to `scratch`, which the caller gives (VIEW_SCRATCH_BYTES for
 * each view).
 */
enum {
    VIEW_SCRATCH_BYTES = NAME_BYTES_MAX + LABEL_BYTES_MAX
};

/* A lock that does not exist has a view too: free. */
void locks_view(const struct locks *locks, struct span name, struct lock_view *view,
        unsigned char *scratch);

/*
 * How many requests wait for this lock before the first one of that session: all, if it has
 * none there, or is too far behind for counting.
 */
uint32_t locks_ahead(const struct locks *locks, struct span name, uint64_t session);

/* Room for a page of views. */
struct view_page {
    struct lock_view *views;
    unsigned char *scratch;
    uint32_t most;
};

/*
 * Fill a page with locks in use from `*cursor` on; moves the cursor, 0 when done. Returns
 * how many.
 */
uint32_t locks_list(const struct locks *locks, struct span prefix, uint64_t *cursor,
        const struct view_page *page);

struct locks_counts {
    uint32_t sessions;
    uint32_t locks;
    uint32_t holds;
    uint32_t waits;
    uint32_t answers;          /* Remembered */
    uint32_t answers_promised; /* ... and room that is kept for some */
    uint32_t changes;
    uint32_t name_blocks;
};
uint64_t locks_token_last(const struct locks *locks); /* 0, or the largest used so far */
struct locks_counts locks_tally(const struct locks *locks);

/*
 * Who has taken the largest part of what one client address, or one label, may have.
 *
 * Exact while there are at most 1024 parties of the kind. Beyond that each call looks at
 * 1024 of them, and at the one that it found last.
 */
struct share_view {
    struct span who; /* The address, CLIENT_ADDRESS_BYTES, or the label; empty: nobody */
    uint8_t of;      /* enum share_of: protocol/node_status.h */
    uint32_t used;
    uint32_t most;
};
void locks_largest_share(struct locks *locks, bool of_label, struct share_view *view);

enum {
    LOCKS_REASONS_MAX = 8 /* Above every enum lost_reason */
};

/*
 * For the operator: what this node saw happen since locks_forget_figures(). Local, and no
 * part of the state: two nodes may have other figures.
 */
struct locks_figures {
    uint64_t ended[LOCKS_REASONS_MAX]; /* Sessions, by enum lost_reason */
    struct histogram hold_ns;          /* How long holds lasted, cluster time */
    struct histogram wait_ns;          /* How long requests waited, however that ended */
    /* Found by looking at a part of the state at a time: a while ago, and nearly right. */
    uint64_t oldest_hold_ns; /* Age of the oldest hold, cluster time; 0: there is none */
    uint32_t longest_queue;  /* Waits of the lock that most wait for */
};

const struct locks_figures *locks_read_figures(const struct locks *locks);

/* Count from now on: what was replayed is not news. */
void locks_forget_figures(struct locks *locks);

/* Look at the next `items` holds and locks, for the last two figures. */
void locks_survey(struct locks *locks, uint32_t items);

/* Equal on every node at every index: of all objects, sessions, T, F and the counters. */
uint64_t locks_digest(const struct locks *locks);

/*
 * Asserts the invariants of the whole state, and that the digest kept equals a full walk.
 * For tests.
 */
void locks_check(const struct locks *locks);

#ifdef __cplusplus
}
#endif

#endif
