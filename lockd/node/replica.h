/*
 * What a node is made of: its parts, each with a header and a check of its own.
 *
 *     node.c         the step: what arrived, the end of the turn; alone steps raft
 *     start.c        memory, start, recovery
 *     own_status.c   the status of this node: looks at all parts
 *     report.c       the same, with the figures that monitoring reads
 *
 *     admit          clients' requests, into the open batch or refused
 *     reads          queries and lists
 *     greet          hello, welcome, refusal, who leads
 *     changes        changes of the members: which may be made, and when
 *     peers          messages of other nodes, as events of raft
 *     fetch          entries from disk, for peers that lag far behind
 *     guard          whether the leader's clock is too fast
 *     health         whether its own log lets it lead
 *     admin          what an operator asks of the cluster
 *     upgrade        which version the cluster uses
 *     objections     refusals between nodes, as conditions
 *     rivals         which of two connections of one member is kept
 *     dial           which members this node connects to
 *     door           who may have a connection slot
 *     doubt          whether the other end is a member
 *     whereabouts    where members are, told to who knows an older configuration
 *     leaving        a node that was told to stop hands over and finishes
 *
 *     batcher        the open batch, and when it is sealed
 *     apply          applies committed entries to the lock state
 *     reply          answers and changes, into the clients' output
 *     journal        raft's writes, into the log
 *     outbox         raft's messages, to other nodes
 *
 *     upkeep         snapshots as one: calls the next seven, in order
 *     backups        gives clients the newest snapshot
 *     sender         snapshots, to members that are far behind
 *     receiver       a snapshot that comes from the leader and becomes the state
 *     compactor      removes the log and the snapshots that a newer one replaces
 *     snapshotter    takes snapshots of the lock state while the node serves
 *     mender         replaces what is damaged by a new snapshot
 *     scrubber       looks for damage in the log and in snapshots
 *     snapshots      which snapshots there are
 *     files          who may work on files beside the log
 *     restart        what is found in the data directory at the start
 *
 *     ledger         what this leader owes: answers, keepalives, entries under way
 *     segments       which segment of the log io is to make
 *     reader         who may read the log from disk
 *     served         served time: how far cluster time may move
 *     gather         whom the open batch waits for
 *     backlog        how much may wait before acquires are refused
 *     stages         how long entries take, stage by stage
 *     commit_times   when entries were committed: how far behind a member is
 *     conn           connection slots and their output
 *     roster         the other nodes
 *     configurations who is a member, by the newest entry that says it
 *     notices        what the node reports, for the log and the status
 *     times          the clocks as io read them
 *     figures        histograms, as nodes send them
 *
 * A file receives the part that it works on. Parts hold pointers to parts below them, which
 * start.c fills in; a lower part never knows a higher one. Only the files at the top
 * see `struct node`.
 */
#ifndef NODE_REPLICA_H
#define NODE_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "locks/locks.h"
#include "node/admin_requests.h"
#include "node/admit.h"
#include "node/apply.h"
#include "node/backlog.h"
#include "node/batcher.h"
#include "node/changes.h"
#include "node/commit_times.h"
#include "node/configurations.h"
#include "node/conn.h"
#include "node/dial.h"
#include "node/door.h"
#include "node/doubt.h"
#include "node/fetch.h"
#include "node/gather.h"
#include "node/greet.h"
#include "node/guard.h"
#include "node/health.h"
#include "node/journal.h"
#include "node/leaving.h"
#include "node/ledger.h"
#include "node/notices.h"
#include "node/outbox.h"
#include "node/peers.h"
#include "node/reader.h"
#include "node/reads.h"
#include "node/reply.h"
#include "node/restart.h"
#include "node/rivals.h"
#include "node/roster.h"
#include "node/segments.h"
#include "node/served.h"
#include "node/stages.h"
#include "node/times.h"
#include "node/upgrade.h"
#include "node/upkeep.h"
#include "node/whereabouts.h"
#include "protocol/node_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far the step is. */
struct turn_state {
    bool booted;
    bool open;            /* Events were stepped whose turn has not ended. */
    bool raft_is_stepped; /* Its effects are being carried out. */
};

/* Room for one step of raft, and for the effects of a turn. */
struct step_room {
    struct raft_effects *raft_effects;
    struct received received;
    struct node_send *sends;
    uint32_t *closes;
};

struct node {
    struct node_settings settings;
    struct raft *raft;
    struct wal *wal;
    struct locks *locks;
    struct prng prng;
    struct turn_state turn;
    struct times times;
    struct notices notices;
    struct configurations configurations;
    struct roster roster;
    struct conns conns;
    struct stages *stages;
    struct backlog backlog;
    struct gather gather;
    struct served served;
    struct ledger ledger;
    struct reader reader;
    struct outbox outbox;
    struct journal journal;
    struct replies replies;
    struct applier applier;
    struct batcher batcher;
    struct guard guard;
    struct fetch fetch;
    struct peers peers;
    struct dial dial;
    struct door door;
    struct rivals rivals;
    struct doubts doubts;
    struct greet greet;
    struct whereabouts whereabouts;
    struct changes changes;
    struct reads reads;
    struct admit admit;
    struct upgrade upgrade;
    struct admin admin;
    struct segments segments;
    struct health health;
    struct upkeep upkeep;
    struct commit_times commit_times;
    bool caught_up; /* Since its start it has once applied what it knew to be committed. */
    struct leaving leaving;

    struct restart restart;
    struct step_room room;
};

/* own_status.c: what is wrong with this node; what its status is; answer FRAME_STATUS. */
enum condition own_condition(const struct node *node);
bool own_clock_is_suspect(const struct node *node);
void own_status(const struct node *node, struct node_status *status);
void own_status_frame(struct node *node, struct conn *conn);

/* report.c: several times a second, look at what only figures need. */
void report_look(struct node *node);

#ifdef __cplusplus
}
#endif

#endif
