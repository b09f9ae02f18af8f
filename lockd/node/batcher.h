/*
 * The batch: one log entry for all that is pending.
 *
 * Commands are written into the open batch as they are admitted, in the log's buffer, from
 * where the entry will go to disk and to the peers. At the end of a turn it is sealed if
 * there is a reason and not too many entries are under way; so while one is being made
 * durable the next fills, and the busier the cluster, the fuller its entries. Clients that are
 * about to come back are waited for: gather.h. Over a distance entries follow one another at a
 * spacing, so that no command waits for another's round trip.
 *
 * An entry with dt > 0 carries every keepalive that was taken in before its reading. Where
 * they do not fit, dt is 0 and the sum goes to the entry with the last of them. (G3)
 */
#ifndef NODE_BATCHER_H
#define NODE_BATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "locks/locks.h"
#include "node/backlog.h"
#include "node/gather.h"
#include "node/journal.h"
#include "node/ledger.h"
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
    struct wire wire; /* Commands, behind the batch's head */
    struct late_head head;
    struct section section; /* The last section, whose count is not final */
    uint32_t command_count;
    uint64_t opened_ns;
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
    struct notices *notices;
    struct prng *prng; /* For the id of a new cluster */
    struct open_batch batch;
    uint64_t appended_ns; /* When this leader last sealed an entry */
    bool term_start_due;
};

/* All pointers are filled in by the caller; there is nothing else to begin with. */
void batcher_check(const struct batcher *batcher);

/* False: there is no room, neither here nor in a next one, and the client is to come later. */
bool batcher_add(struct batcher *batcher, const struct command *command);

/* Leadership was won: an entry begins the term, before anything else. */
void batcher_begin_term(struct batcher *batcher);

/* Turn end. True: an entry is sealed; raft is to append it, by the event. */
bool batcher_seal(struct batcher *batcher, struct raft_event *event);

/* Leadership is gone: forget what was not appended. */
void batcher_drop(struct batcher *batcher);

/* When a turn is needed though nothing arrives: time is read at least once per tick. */
uint64_t batcher_deadline(const struct batcher *batcher);

#ifdef __cplusplus
}
#endif

#endif
