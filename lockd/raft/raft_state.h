/*
 * What a node knows as a member, for the files of this folder and for tests.
 *
 *     raft.c        the step: an event in, effects out
 *     sound.c       what no sound member says
 *     handover.c    a leader hands over on purpose
 *     election.c    votes: requested, granted, counted
 *     follower.c    appends of a leader
 *     leader.c      what each peer has, what it is sent, what is committed
 *     raft_start.c  memory, and what recovery found
 *     role.c        becoming leader, follower, candidate: the only writers of `role`
 *     readindex.c   when it is safe to read
 *     progress.c    what is known of a peer's log and state
 *     effects.c     messages, writes and notices of the step under way
 *     fitness.c     who could lead: whose disk works, who has applied what
 *     raft_view.c   what others may read
 *     quorum.c      what a majority of the voters has reached
 *     membership.c  which configuration counts, and which peers there are
 *     raft_log.c    the log: where it begins, terms of all entries, lengths of the newest
 *     raft_trail.c  terms of the whole log
 *
 * A file calls only files below it in this list.
 *
 * A step handles its event, then settles: one place does everything that follows from the
 * new state (enough votes, committed entries, messages that are due), so that no handler
 * has to. What finds no room in the effects stays due, and `more` is set.
 */
#ifndef RAFT_RAFT_STATE_H
#define RAFT_RAFT_STATE_H

#include "base/prng.h"
#include "base/ring.h"
#include "raft/raft.h"
#include "raft/raft_log.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RAFT_PENDING_MAX = 256, /* Writes told apart while not durable; power of two */
    RAFT_NOTICES_MAX = 4,   /* Kept for the next step */
};

/* A write that is not durable yet, and the last entry once it is. */
struct raft_pending {
    uint64_t number;
    uint64_t last_index;
};

struct raft_peer {
    uint8_t id;
    bool open;             /* It can be sent to. */
    bool outsider;         /* Not the directory that the configuration has */
    uint64_t incarnation;  /* Of the directory that was connected last; 0: none yet */
    enum peer_state state; /* What it last said about itself */
    uint64_t heard_ns;     /* When anything came from it; 0: never */

    /* This node campaigns. */
    bool granted;
    bool refused;

    /*
     * This node campaigns or leads: when to send to the peer even if there is nothing new.
     */
    uint64_t due_ns;

    /* This node leads. */
    uint64_t acked_ns; /* An answer of this term; 0: none yet */
    uint64_t stamp_ns; /* ... and its stamp */
    uint64_t round_sent;
    uint64_t round_acked;
    uint64_t match; /* Up to here its log is durable and equal to ours. */
    uint64_t next;  /* To send next; beyond match + 1 it is a guess. */
    /* Not known where the logs meet: one append at a time, at `next` */
    bool probing;
    struct ring flights;    /* Appends not acknowledged ... */
    uint64_t *flight_ends;  /* ... where each ended, */
    uint32_t *flight_bytes; /* ... how long its entries are, */
    uint64_t flying_bytes;  /* ... and all of them together */
    /* One append at a time is timed, from when it was first sent: where it ends; 0: none, */
    uint64_t timed_end;
    uint64_t timed_ns; /* ... when it was sent, */
    uint64_t took_ns;  /* ... and how long the one before took to be durable there */
    bool fetching;
    uint64_t fetch_begin;
    uint64_t fetch_after_ns;   /* A fetch brought nothing: not again before */
    enum peer_fitness fitness; /* As it last said */
    uint64_t applied;          /* ... in this term; 0: not yet */
    bool yields;               /* The same: it is to lead only if no other can. */
};

enum raft_read_state {
    RAFT_READ_GONE = 0,     /* Answered; the place is free once those before it are. */
    RAFT_READ_WAITS_COMMIT, /* Leader: its own term has no commit yet. */
    RAFT_READ_WAITS_ROUND,  /* Leader: a majority must confirm that no other node leads. */
    RAFT_READ_ASKED,        /* Follower: the query was sent to the leader. */
    RAFT_READ_GRANTED,      /* To be reported */
    RAFT_READ_FAILED,       /* To be reported */
};

struct raft_read {
    enum raft_read_state state;
    uint8_t peer;     /* 0: the read is this node's; else that peer's */
    uint8_t leader;   /* ASKED: the leader that was asked */
    uint64_t context; /* Of the node that asked */
    uint64_t index;
    uint64_t round;       /* WAITS_ROUND: the round that confirms it */
    uint64_t deadline_ns; /* ASKED */
};

struct raft_told {
    enum raft_notice notice;
    uint8_t peer;
};

/*
 * Two suffice: a leader appends a configuration when the one before is committed. So of
 * those in any log only the last can be cut off.
 */
struct raft_membership {
    struct raft_configuration newest;
    uint64_t index; /* Of its entry; 0: the settings have it */
    struct raft_configuration before;
    uint64_t before_index;
};

struct raft {
    struct raft_settings settings;
    struct prng prng;
    uint64_t now_ns;
    bool booted;
    bool more;                    /* Something is left over for the next step. */
    struct raft_effects *effects; /* Of the step under way; NULL outside */

    /* Kept on disk: a change is saved before anything that depends on it leaves. */
    uint64_t term;
    uint8_t vote;

    bool blank;            /* Nothing on disk: neither vote nor entry */
    bool met_bootstrapped; /* Blank, and has seen that it should not be */
    bool joining;          /* A learner with an empty log: it bootstraps nothing. */
    uint64_t missing_told_ns;

    enum raft_role role;
    uint8_t leader; /* 0: none known */
    uint64_t leader_heard_ns;
    struct entry_id told_leader; /* {term, id}: the last one that a notice was about */
    uint64_t election_ns;        /* Campaigns then */
    bool hurried;                /* It campaigns sooner than that: gives way to others. */
    bool handed;                 /* Candidate: the leader handed over to this node. */

    /* The log. */
    struct raft_log log;
    struct entry_id commit;
    /* Follower: the greatest that a leader sent; may be past its own log */
    uint64_t commit_heard;
    uint64_t proven;      /* Follower: equal to the log of this term's leader up to here */
    uint64_t round_heard; /* Follower: the leader's newest */

    /* Writes. */
    uint64_t write_last;  /* Numbers given out */
    uint64_t written;     /* Durable up to this number */
    uint64_t saved_write; /* The last one with term and vote */
    uint64_t durable;     /* Entries on its own disk */
    uint64_t applied;     /* As the caller said last */
    uint64_t
            progress_ns; /* Since when the oldest write that is not durable is the oldest */
    enum peer_fitness told_fitness; /* By the caller */
    struct ring pending_ring;
    struct raft_pending pending[RAFT_PENDING_MAX];

    /* Leader. */
    uint64_t round;   /* Started last */
    uint8_t transfer; /* The member that it hands over to; 0: none */
    bool transfer_sent;
    bool transfer_short;  /* Whom it gave up did not get to have the whole log. */
    uint64_t transfer_ns; /* Gives up then */
    bool resigning;       /* It hands over because it is not fit; else it steps down. */
    uint64_t pass_on_ns;  /* It has not applied its log: tries to hand over from then on */
    uint64_t commit_ns;   /* When an entry was committed, or the first after all was */

    /*
     * The position in the ring identifies the query to a leader, and is never used again.
     */
    struct ring read_ring;
    struct raft_read *reads;
    uint32_t reads_done; /* GRANTED or FAILED */

    uint32_t notice_count;
    struct raft_told notices[RAFT_NOTICES_MAX];

    struct raft_membership membership;
    bool peers_changed; /* Some may be in no configuration and not connected. */
    /* Members of the newest configuration without this node, and who else is connected */
    uint8_t peer_count;
    struct raft_peer peers[RAFT_PEERS_MAX];
};

/* The peer `id`; NULL if there is none, or it is this node. */
static inline struct raft_peer *raft_find_peer(struct raft *raft, uint8_t id)
{
    for (uint8_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].id == id)
            return &raft->peers[i];
    return NULL;
}

static inline const struct raft_peer *raft_find_peer_const(
        const struct raft *raft, uint8_t id)
{
    for (uint8_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].id == id)
            return &raft->peers[i];
    return NULL;
}

static inline bool raft_is_standing(const struct raft *raft)
{
    return raft->role == RAFT_PRECANDIDATE || raft->role == RAFT_CANDIDATE;
}

/*
 * Has this log ever had an entry? True also when it begins later and has none now: then the
 * last entry is the one before the beginning.
 */
static inline bool raft_is_bootstrapped(const struct raft *raft)
{
    return raft_log_last(&raft->log).index > 0;
}

static inline uint64_t raft_bit(uint8_t id)
{
    return UINT64_C(1) << id;
}

/* How many ids are in a set. */
static inline uint32_t raft_count(uint64_t set)
{
    uint32_t count = 0;
    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

/* There is none: a namesake is a member, though this node cannot count it. */
static inline bool raft_is_empty(const struct raft_configuration *configuration)
{
    return configuration->voters == 0 && !configuration->has_namesake;
}

/* Does it count for votes and commits? */
static inline bool raft_votes(const struct raft *raft, const struct raft_peer *peer)
{
    return !peer->outsider && (raft->membership.newest.voters & raft_bit(peer->id)) != 0;
}

/*
 * membership.c
 */

/* The entry is appended: its configuration, if it has one, counts from now on. */
void raft_membership_take(struct raft *raft, const struct raft_entry *entry);

/* `from` and all after it are cut off the log. */
void raft_membership_cut(struct raft *raft, uint64_t from);

/*
 * The configuration of the entry `index` is committed, and a snapshot has it: it counts
 * unless the log has a later one. The log may not go back to it.
 */
void raft_membership_restore(
        struct raft *raft, uint64_t index, const struct raft_configuration *configuration);

/* The log has no entry any more: of the configurations, only this one counts. */
void raft_membership_restart(
        struct raft *raft, uint64_t index, const struct raft_configuration *configuration);

/*
 * May this node lead? Not only a voter may: while a configuration that leaves it out is not
 * committed, the log of this node may be the only one that has it, and then nobody else can
 * be elected. It does not count its own vote then. [Raft 4.2.2]
 */
bool raft_is_electable(const struct raft *raft);

/*
 * Is it to get the log? While a configuration is uncommitted, those that it leaves out get
 * it too: so they learn that they are no longer members.
 */
bool raft_is_fed(const struct raft *raft, const struct raft_peer *peer);

/* A peer for the node `id`, which may be in no configuration; NULL: there are too many. */
struct raft_peer *raft_know_peer(struct raft *raft, uint8_t id);

/* Nothing that the peer had is there any more: it is another directory. */
void raft_forget_peer(struct raft_peer *peer);

/* Before a step: forget the peers that are in no configuration and not connected. */
void raft_drop_peers(struct raft *raft);

/*
 * quorum.c
 */

/* The value that a majority of the voters has reached; `own` is this node's, `of` reads a peer's. */
uint64_t raft_reached(const struct raft *raft, uint64_t own,
        uint64_t (*of)(const struct raft_peer *peer));

/*
 * effects.c
 */

/* Can `peer` be sent to in this step? What waits only for room is sent in the next. */
bool raft_can_send(struct raft *raft, const struct raft_peer *peer);

/* Send, if the connection is open: when `after_write` and the present vote are durable. */
void raft_send(struct raft *raft, const struct raft_peer *peer,
        const struct peer_message *message, uint64_t after_write);

/* Between steps, the next one tells it. */
void raft_note(struct raft *raft, enum raft_notice notice, uint8_t peer);

/* Term and vote go to disk with this step's write. */
void raft_save(struct raft *raft);
bool raft_vote_is_durable(const struct raft *raft);

void raft_append(struct raft *raft, const struct raft_entry *entry);
void raft_truncate(struct raft *raft, uint64_t from);
void raft_written(struct raft *raft, uint64_t number);

/* Remember this step's write; give out the notices that are left. */
void raft_close_effects(struct raft *raft);

/*
 * progress.c
 */

/*
 * It is not known (or no longer) where the logs meet: begin again after what is durable
 * there.
 */
void raft_probe(struct raft *raft, struct raft_peer *peer);

/* Any answer: note what the peer says about itself. True if it is an ordinary member. */
bool raft_hear_state(struct raft *raft, struct raft_peer *peer, uint8_t state);

/*
 * fitness.c
 */

/* Could the peer lead, as far as this leader knows? */
bool raft_peer_can_lead(const struct raft *raft, const struct raft_peer *peer);

/* Leader: has the peer applied what is committed, but for a few entries? */
bool raft_peer_is_current(const struct raft *raft, const struct raft_peer *peer);

/* Of the peers that could lead the one to hand over to; NULL: there is none. */
const struct raft_peer *raft_best_peer(const struct raft *raft);

/*
 * The peer to hand over to because this leader is not fit. A leader whose disk stalls gains
 * nothing from a member whose disk is as slow: it must have written what this one has not,
 * and in less than half of the time for which this one waits.
 */
const struct raft_peer *raft_better_peer(const struct raft *raft);

/* This node would have to apply much of its log before it could serve. */
bool raft_lags(const struct raft *raft);

/* When the writes under way become a stall; UINT64_MAX: nothing is being written. */
uint64_t raft_stall_ns(const struct raft *raft);

/*
 * readindex.c
 */

void raft_on_read(struct raft *raft, uint64_t context);
void raft_on_peer_read(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *message);
void raft_on_read_answer(
        struct raft *raft, const struct raft_peer *peer, const struct peer_message *answer);

/* This node no longer leads, or the leader that was asked is lost. */
void raft_fail_reads(struct raft *raft);
void raft_expire_reads(struct raft *raft);
uint64_t raft_read_deadline(const struct raft *raft);

/* Leader: answer what is confirmed, start a round for what is not. */
void raft_settle_rounds(struct raft *raft);
void raft_tell_reads(struct raft *raft);

/*
 * role.c
 */

/* Campaign a whole random timeout from now. */
void raft_reset_election_timer(struct raft *raft);

/* Campaign after a short random time, and let others who do the same go first. */
void raft_stand_soon(struct raft *raft);

/*
 * A newer term, whose leader is not known yet. This node follows: its votes and its lead do
 * not carry over.
 */
void raft_adopt_term(struct raft *raft, uint64_t term);

void raft_become_follower(struct raft *raft);

/* This blank node is a learner of a cluster that has not seen it before. */
void raft_join(struct raft *raft);
bool raft_join_saves(const struct raft *raft);

/* This blank node has met a cluster that it must have forgotten. */
void raft_meet_bootstrapped(struct raft *raft);

void raft_become_precandidate(struct raft *raft);
void raft_become_candidate(struct raft *raft);
void raft_become_leader(struct raft *raft);

/*
 * election.c
 */

/* May this node campaign at all? */
bool raft_may_stand(const struct raft *raft);
void raft_stand(struct raft *raft);
void raft_on_vote(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *vote);
void raft_on_vote_answer(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *answer);
void raft_settle_election(struct raft *raft);

/*
 * follower.c
 */

void raft_on_append(
        struct raft *raft, struct raft_peer *peer, const struct raft_event *event);

/*
 * leader.c
 */

void raft_on_append_answer(
        struct raft *raft, struct raft_peer *peer, const struct peer_message *answer);
void raft_on_fetched(
        struct raft *raft, struct raft_peer *peer, const struct raft_event *event);
void raft_settle_commit(struct raft *raft);
void raft_settle_peers(struct raft *raft);

/*
 * handover.c
 */

void raft_on_transfer(struct raft *raft, uint8_t id);
void raft_on_timeout_now(struct raft *raft, const struct raft_peer *peer,
        const struct peer_message *message);
void raft_settle_transfer(struct raft *raft);

/* Leader: one that the committed configuration no longer has as a voter steps down. */
void raft_judge_membership(struct raft *raft);

/* Leader: an unfit one gives up its lead. One that must apply its log tries to hand over. */
void raft_judge_lead(struct raft *raft);
void raft_on_fitness(struct raft *raft, enum peer_fitness fitness);

#ifdef __cplusplus
}
#endif

#endif
