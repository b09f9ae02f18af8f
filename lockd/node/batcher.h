/*
 * The batch: one log entry for all that is pending.
 *
 * Admitted commands are written into the open batch. It lies in the log's buffer, and the
 * entry goes from there to the disk and to the peers. At the end of a turn the batch is
 * sealed if there is a reason and not too many entries are under way. So the next batch
 * fills while one is being made durable, and a busier cluster has fuller entries. The batch
 * waits for clients that are about to come back: gather.h. Over a distance entries follow
 * one another at a spacing, so that no command waits for another's round trip.
 *
 * An entry with dt > 0 carries every keepalive that arrived before its clock reading. If
 * they do not fit, dt is 0 and the sum goes to the entry that carries the last of them.
 * (G3)
 *
 * An idle cluster logs little. A keepalive waits for other work for up to a twentieth of
 * its session's ttl, and shares the entry with those that arrive meanwhile; the entry says
 * how long it waited, so that waiting does not lengthen the lease (G5). Without keepalives
 * time is logged when a deadline is reached, and at least once in a third of the shortest
 * ttl of an open session.
 */
#ifndef NODE_BATCHER_H
#define NODE_BATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "locks/locks.h"
#include "node/backlog.h"
#include "node/configurations.h"
#include "node/gather.h"
#include "node/journal.h"
#include "node/ledger.h"
#include "node/roster.h"
#include "node/served.h"
#include "node/times.h"
#include "protocol/late_head.h"
#include "protocol/request.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The batch being filled, in the log's buffer. */
struct open_batch {
    bool open;
    unsigned char *body;
    struct wire wire; /* Commands, after the batch's head */
    struct late_head head;
    struct section section; /* The last section, whose count is not final */
    uint32_t command_count;
    uint64_t opened_ns;
};

enum {
    WISH_BYTES_MAX = 4096
};

/* An entry that is no batch and waits to be sealed: one at a time. */
struct wish {
    enum entry_kind kind;
    uint32_t body_bytes;
    bool due;
    unsigned char body[WISH_BYTES_MAX];
};

struct batcher {
    const struct node_settings *settings;
    const struct raft *raft;
    const struct locks *locks; /* When something is due */
    const struct times *times;
    struct wal *wal;
    struct journal *journal;
    struct ledger *ledger;
    struct served *served;
    struct gather *gather;
    struct roster *roster; /* Whose directory is whose, for a new cluster */
    struct notices *notices;
    struct prng *prng; /* For the id of a new cluster */
    struct configurations *configurations;
    struct open_batch batch;
    uint64_t appended_ns; /* When this leader last sealed an entry */
    bool term_start_due;
    struct wish wish;
};

/* The caller fills in all pointers; nothing else needs a first value. */
void batcher_check(const struct batcher *batcher);

/*
 * False: there is no room, neither in this batch nor in the next; the client has to retry
 * later.
 */
bool batcher_add(struct batcher *batcher, const struct command *command);

/* This node became leader: an entry begins the term, before anything else. */
void batcher_begin_term(struct batcher *batcher);

/* Turn end. True: an entry is sealed; the event makes raft append it. */
bool batcher_seal(struct batcher *batcher, struct raft_event *event);

/* An entry for what is in the open batch, now. False: there is nothing in it. */
bool batcher_flush(struct batcher *batcher, struct raft_event *event);

/*
 * An entry for the configuration; it counts from now on. The open batch is empty. False:
 * the log has no room.
 */
bool batcher_seal_configuration(struct batcher *batcher,
        const struct configuration *configuration, struct raft_event *event);

/*
 * An entry of another kind, with this body, shall follow the open batch. False: another one
 * waits. It is forgotten if this node stops leading before.
 */
bool batcher_want(struct batcher *batcher, enum entry_kind kind, const unsigned char *body,
        uint32_t body_bytes);

/* Turn end, after batcher_seal(). True: the entry that was wanted is sealed. */
bool batcher_seal_wish(struct batcher *batcher, struct raft_event *event);

/* This node is no longer leader: forget what was not appended. */
void batcher_drop(struct batcher *batcher);

/* When a turn is needed even if nothing arrives: time is read at least once per tick. */
uint64_t batcher_deadline(const struct batcher *batcher);

#ifdef __cplusplus
}
#endif

#endif
