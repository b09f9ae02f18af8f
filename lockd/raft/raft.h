/*
 * Consensus: which node leads, and what is appended, sent and committed. [Raft] is Ongaro's
 * dissertation, "Consensus: Bridging Theory and Practice".
 *
 * raft knows entries by id, kind and length, never by content: `store` has the bytes, and
 * `node` joins the two. One event goes in, effects come out. A step cannot fail. The caller
 * must carry out the effects, in this order: save, truncate, append (one numbered write),
 * then the messages, each as soon as the write that it names is durable. A caller that
 * cannot write now calls raft_may_write() first, and drops the event if the step may write:
 * to raft this is a lost message.
 *
 * What must be true at any time is asserted by raft_check() and raft_check_step()
 * (raft_check.h), which tests call after every step.
 *
 * Bootstrap. A node is *blank* when its directory held neither vote nor entry. While the
 * log is empty, a candidate needs the (pre-)votes of all members; a blank node grants votes
 * only to a candidate whose log is empty too. So when the first leader exists, every member
 * has a vote on disk, and a blank node that meets an entry knows that it has forgotten
 * something. It then neither votes nor campaigns nor takes entries, and says
 * PEER_STATE_BLANK.
 *
 * Fitness. A node whose own log makes no progress cannot lead. raft sees by itself when no
 * write becomes durable for two election timeouts. The caller says what else is wrong
 * (RAFT_FITNESS). Such a leader hands over to a member that is fit, or steps down, which
 * needs no write. It does not campaign again while the cause lasts. Acknowledgements say
 * which members are fit, and what they have applied (raft_tell_applied()).
 *
 * Members. The newest configuration in the log counts, from the moment its entry is
 * appended, committed or not; if the entry is cut off, the one before it counts again.
 * [Raft 4.1] One change is uncommitted at a time, and a leader begins one only after an
 * entry of its own term is committed. Voters elect and commit. Learners get the log, count
 * for nothing and never campaign. raft never reads entries, so the caller says with an
 * entry which configuration it has.
 */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/prng.h"
#include "protocol/entry.h"
#include "protocol/peer.h"
#include "protocol/settings.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    /* Per step; if there is more, the next step is due at once. */
    RAFT_MESSAGES_MAX = 64,
    RAFT_READS_READY_MAX = 64,
    RAFT_ENTRIES_MAX = 256, /* In one append message */
    /* A member counts as current with this many entries to apply. */
    RAFT_APPLIED_NEAR = RAFT_ENTRIES_MAX,
    RAFT_STALL_ELECTIONS = 2, /* Longest election timeouts without progress: a stall */
    /* Nodes that raft knows at a time: of the newest configuration, and connected ones */
    RAFT_PEERS_MAX = 24,
};

enum raft_role {
    RAFT_FOLLOWER,
    RAFT_PRECANDIDATE,
    RAFT_CANDIDATE,
    RAFT_LEADER
};

/* Bit sets of node ids: bit `id` is set for the member `id`. No id is in both. */
struct raft_configuration {
    uint64_t voters;
    uint64_t learners;
    /*
     * This node's id is in it, but with another directory. That is another member, and this
     * node cannot count it: it is in neither set, and may even be the only voter.
     */
    bool has_namesake;
};

struct raft_settings {
    uint8_t self;
    /* The voters until there is a configuration in the log, ascending */
    struct members members;
    uint64_t heartbeat_ns;    /* 50 ms */
    uint64_t election_min_ns; /* Timeouts are drawn from [min, max): 250 ms, ... */
    uint64_t election_max_ns; /* ... 500 ms */
    /* A closed leader's followers campaign after [0, this): 5 ms */
    uint64_t close_delay_ns;
    uint32_t window; /* Append messages in flight per peer */
    /* ... and their bytes; 0: no limit. One append is always sent. */
    uint32_t window_bytes;
    uint32_t append_bytes_max;   /* Of entries in one append; a longer one goes alone */
    uint32_t append_entries_max; /* ... and how many; 0: RAFT_ENTRIES_MAX */
    uint32_t recent_max;         /* Entries whose length is remembered; power of two */
    uint32_t trail_max;          /* Terms with entries in the log; power of two */
    uint32_t reads_max;          /* ReadIndex requests waiting */
    /* It stands after all others had a chance, and hands its lead over when another can lead. */
    bool yields;
};

struct raft_entry {
    struct entry_id id;
    enum entry_kind kind;
    uint32_t bytes; /* Whole, with its head */
    /*
     * ENTRY_CONFIGURATION, ENTRY_BOOTSTRAP: what it says; else empty. An empty bootstrap keeps
     * the voters of the settings.
     */
    struct raft_configuration configuration;
};

enum raft_event_kind {
    RAFT_TIME,    /* Only time passed; every other event brings the time too */
    RAFT_RECEIVE, /* message; for an append with its entries */
    RAFT_PROPOSE, /* Leader only: append entry.kind of entry.bytes; see raft_next_id() */
    RAFT_WRITTEN, /* All writes up to number `write` are durable. */
    RAFT_FETCHED, /* Answers a fetch: [begin, end) can be sent to `peer` now; none: later */
    /*
     * A connection to `peer` is open: messages can be sent. `incarnation` is the other
     * end's. `outsider`: it is not the directory that the newest configuration has under
     * this id, or the id is in none; it is heard, but counts for nothing. Said again when
     * `outsider` changes.
     */
    RAFT_PEER_OPEN,
    RAFT_PEER_CLOSED, /* It ended. `by_peer`: the other end closed it (its process died). */
    RAFT_CAMPAIGN,    /* Campaign now (operators, tests) */
    RAFT_TRANSFER,    /* Leader: hand over to the best member, or to `peer` if not 0 */
    RAFT_FITNESS,     /* `fitness` has changed, as far as raft cannot see it itself */
    RAFT_READ,        /* Is it safe to read? `context` comes back in reads_ready. */
    /* Members of a cluster know another directory of this node: a blank one was emptied. */
    RAFT_FORGOTTEN,
    /*
     * They have this very directory as a learner: with an empty log it takes entries, as it
     * has promised nothing.
     */
    RAFT_JOIN,
};

/* What is wrong with a message; see raft_object(). */
enum raft_objection {
    RAFT_SOUND = 0,
    RAFT_UNSOUND,     /* No member makes such a message. */
    RAFT_TERM_JUMPED, /* No election explains a term so far ahead. */
    RAFT_TAKES_BACK,  /* The sender's log lacks or changes what is committed here. */
};

struct raft_event {
    enum raft_event_kind kind;
    uint64_t now_ns; /* CLOCK_MONOTONIC; never goes back */
    uint8_t peer;
    bool by_peer;
    bool outsider;
    uint64_t incarnation;
    const struct peer_message *message;
    const struct raft_entry *entries; /* Of an append, in order, [message->begin, end) */
    uint32_t entry_count;
    struct raft_entry entry;
    uint64_t write;
    uint64_t begin;
    uint64_t end;
    struct entry_id previous; /* RAFT_FETCHED: the entry before `begin` */
    uint64_t context;
    enum peer_fitness fitness;
};

/* `body` may leave when write number `after_write` is durable; 0: at once. */
struct raft_message {
    struct peer_message body;
    uint64_t after_write;
};

/*
 * Read entries from `begin` on from the log, up to append_bytes_max, for `peer`: those
 * that the log has, by raft_term_at(), when RAFT_FETCHED answers. A later fetch for the
 * peer replaces it.
 */
struct raft_fetch {
    uint8_t peer;
    uint64_t begin;
};

struct raft_read_ready {
    uint64_t context;
    bool granted;   /* False: no leader is known, or leadership was lost: try again. */
    uint64_t index; /* Granted: read once this index is applied. */
};

enum raft_notice {
    RAFT_NOTICE_NONE,
    RAFT_NOTICE_LEADER,       /* This node leads the term. */
    RAFT_NOTICE_FOLLOWER,     /* It stopped leading or campaigning. */
    RAFT_NOTICE_NO_MAJORITY,  /* It stopped leading because no majority answered. */
    RAFT_NOTICE_RESIGNED,     /* It stopped leading because it is not fit to. */
    RAFT_NOTICE_NEW_LEADER,   /* There is another leader. */
    RAFT_NOTICE_BLANK,        /* It met a bootstrapped cluster with an emptied directory. */
    RAFT_NOTICE_MISSING,      /* Bootstrap waits for members: raft_missing() */
    RAFT_NOTICE_PEER_BLANK,   /* `notice_peer` says it is blank. */
    RAFT_NOTICE_PEER_DAMAGED, /* `notice_peer` says its log is damaged. */
    RAFT_NOTICE_TRUNCATED,    /* Entries that were never committed are cut off its log. */
    RAFT_NOTICE_LEFT,         /* It led until its own removal was committed. */
};

struct raft_effects {
    /* One write, in this order; number `write`, 0 if there is none. */
    uint64_t write;
    bool save;              /* raft_term() and raft_vote() */
    uint64_t truncate_from; /* Cut this index and all after it; 0: nothing */
    uint32_t append_skip;   /* RAFT_RECEIVE: entries of the event already there ... */
    uint32_t append_count;  /* ... and how many then to append. RAFT_PROPOSE: 1 */

    uint32_t message_count;
    struct raft_message messages[RAFT_MESSAGES_MAX];
    uint32_t fetch_count;
    struct raft_fetch fetches[RAFT_PEERS_MAX];
    uint32_t read_count;
    struct raft_read_ready reads[RAFT_READS_READY_MAX];

    /*
     * Became leader: propose ENTRY_TERM_START (or ENTRY_BOOTSTRAP if the log is empty) now.
     */
    bool start_term;
    enum raft_notice notice;
    uint8_t notice_peer;
};

/* The struct itself is in raft_state.h; users read it through the functions. */
struct raft;

/* Memory from the arena; NULL while the arena is only measuring. */
struct raft *raft_carve(struct arena *arena, const struct raft_settings *settings);

/* `seed` is for election timeouts. */
void raft_init(struct raft *raft, const struct raft_settings *settings, uint64_t seed);

/* After init, before any entry is restored: the log begins after `before`. */
void raft_restore_begin(struct raft *raft, struct entry_id before);

/*
 * After init: the log's records in order, as recovery meets them. A vote record replaces
 * the one before it; a term older than the known one changes nothing.
 */
void raft_restore(struct raft *raft, const struct raft_entry *entry);
void raft_restore_truncate(struct raft *raft, uint64_t from);
void raft_restore_vote(struct raft *raft, uint64_t term, uint8_t vote);

/*
 * After the log was restored: all up to `last` is committed, because a snapshot has it, with
 * the configuration of the entry `index`. The log need not have that entry; a later
 * configuration of it counts.
 */
void raft_restore_snapshot(struct raft *raft, struct entry_id last, uint64_t index,
        const struct raft_configuration *configuration);

/*
 * Before raft_boot(), which then boots it as blank: the log is empty because it was given up.
 * So this node takes no part until it joins. Its term and vote are what was left of the log.
 */
void raft_restore_given_up(struct raft *raft);

/*
 * Recovery is over; the first step may follow. All that was restored is durable. `blank`:
 * neither vote nor entry was found. The caller does not boot a node that distrusts its log.
 */
void raft_boot(struct raft *raft, uint64_t now_ns, bool blank);

/*
 * Entries before `index` can no longer be sent from memory: raft reads them with a fetch.
 * Called before a step; never goes back.
 */
void raft_forget(struct raft *raft, uint64_t index);

/* All up to `index` is applied here. Called between steps; never goes back. */
void raft_tell_applied(struct raft *raft, uint64_t index);

/*
 * The log begins at `index` from now on: the entries before are committed, durable here,
 * and in a snapshot. Called between steps; an `index` that is not after the present
 * beginning changes nothing. A peer that needs the removed entries gets heartbeats and no
 * entries.
 */
void raft_drop_before(struct raft *raft, uint64_t index);

/*
 * A snapshot of another member has all up to `last`, which this node's log does not have:
 * the log was begun anew behind it, and that is durable. Called between steps, on a node
 * that does not lead, while nothing of its log is being written. `last` is committed, and
 * later than what was known to be. The configuration, of the entry `index`, is the
 * snapshot's: what the log said before counts no more.
 */
void raft_restart_at(struct raft *raft, struct entry_id last, uint64_t index,
        const struct raft_configuration *configuration);

/*
 * May this step write? Heartbeats and their answers, reads, and a leader's time never do:
 * so a node whose log takes nothing for a while still leads or follows.
 */
bool raft_may_write(const struct raft *raft, const struct raft_event *event);

/*
 * Is this message of a peer one that a sound member may send? What is not is dropped by a
 * step; who calls can refuse the sender first.
 */
enum raft_objection raft_object(const struct raft *raft, const struct raft_event *event);

/* `effects` is overwritten. Messages' contents live in it. */
void raft_step(
        struct raft *raft, const struct raft_event *event, struct raft_effects *effects);

/* When to step RAFT_TIME at the latest. UINT64_MAX: never. */
uint64_t raft_deadline(const struct raft *raft);

bool raft_is_leader(const struct raft *raft);
enum raft_role raft_role(const struct raft *raft);
uint64_t raft_term(const struct raft *raft);
uint8_t raft_vote(const struct raft *raft);
uint8_t raft_leader(const struct raft *raft); /* 0: none known */
uint64_t raft_commit(const struct raft *raft);

/* What the cluster has committed, as far as this node knows: may be past its own log. */
uint64_t raft_commit_heard(const struct raft *raft);

struct entry_id raft_last(const struct raft *raft);

/* Index up to which its own disk has the log. */
uint64_t raft_durable(const struct raft *raft);

/* The id that the next RAFT_PROPOSE gets. */
struct entry_id raft_next_id(const struct raft *raft);

/* True while RAFT_PROPOSE is accepted: this node leads and is not handing over. */
bool raft_takes_proposals(const struct raft *raft);

/*
 * This node leads and its term has a committed entry: then the applied state is current.
 * [Raft 6.4]
 */
bool raft_leads_committed(const struct raft *raft);

/* ... and has applied it: from then on it serves clients. */
bool raft_leads_applied(const struct raft *raft);

/*
 * The configuration that counts: the newest in the log, and the index of its entry; 0: that
 * of the settings. It may be uncommitted.
 */
struct raft_configuration raft_newest_configuration(const struct raft *raft);
uint64_t raft_configuration_index(const struct raft *raft);

/*
 * Leader: may it append a configuration now? An entry of its term and the configuration
 * that counts are committed, and it is not handing over.
 */
bool raft_may_reconfigure(const struct raft *raft);

/*
 * Leader: would a majority of `voters` be heard? Bit set of those that were not heard within
 * the longest election timeout; 0 if enough of them were.
 */
uint64_t raft_unheard(const struct raft *raft, uint64_t voters);

/* Whether it counts: for votes and commits. */
bool raft_is_voter(const struct raft *raft);

/* Whether it is this node and no other that votes. */
bool raft_is_alone(const struct raft *raft);

/* Whether it could lead: what RAFT_FITNESS said, or that its writes do not end. */
enum peer_fitness raft_fitness(const struct raft *raft);

/* How long its oldest write is under way; 0: nothing is being written. */
uint64_t raft_write_age_ns(const struct raft *raft);

/*
 * Leader: how long entries wait and none was committed; 0: all are. If it is long, `members`
 * gets the bit set of those, itself included, on whose disks the last one is not.
 */
uint64_t raft_uncommitted_ns(const struct raft *raft, uint64_t *members);

/* Leader: to whom it could hand over. */
enum raft_successor {
    RAFT_SUCCESSOR_NONE,  /* No member is fit and connected. */
    RAFT_SUCCESSOR_LATER, /* One is, but has to apply its log first. */
    RAFT_SUCCESSOR_READY,
};

enum raft_successor raft_successor(const struct raft *raft);

/*
 * The term of the entry at `index`, also of raft_before_log(); 0 if the entry is not in the
 * log, or no longer.
 */
uint64_t raft_term_at(const struct raft *raft, uint64_t index);

/* The log begins after this entry; {0, 0}: at index 1. */
struct entry_id raft_before_log(const struct raft *raft);

/* Leader: the latest time by which a majority (itself included) has answered. */
uint64_t raft_majority_heard_ns(const struct raft *raft);

/* Met a bootstrapped cluster, or has nothing yet. */
bool raft_is_blank(const struct raft *raft);

/* Blank, and met a bootstrapped cluster: its directory was emptied. It takes no part. */
bool raft_met_bootstrapped(const struct raft *raft);

/* A learner whose log is empty yet. */
bool raft_is_joining(const struct raft *raft);

/* Bootstrap: bit set of the members to which there is no connection. */
uint64_t raft_missing(const struct raft *raft);

/*
 * Leader: the peer is connected, and what it needs next is before the beginning of the log.
 * It needs a snapshot.
 */
bool raft_peer_needs_snapshot(const struct raft *raft, uint8_t id);

/* Leader: the first entry that the peer lacks; UINT64_MAX: it takes no part. */
uint64_t raft_peer_lacks(const struct raft *raft, uint8_t id);

uint64_t raft_peer_match(const struct raft *raft, uint8_t id);
uint64_t raft_peer_heard_ns(const struct raft *raft, uint8_t id); /* 0: never */
bool raft_peer_is_open(const struct raft *raft, uint8_t id);

#ifdef __cplusplus
}
#endif

#endif
