/*
 * The ledger: what this leader owes.
 *
 * Three rings. The first has the answers that are owed for each command in the open batch
 * and in entries under way, in the order of the commands. The second has the keepalives,
 * which are owed an answer too: at most one per session that is in no entry yet, and those
 * in entries under way. The third has the entries under way: each says up to where both
 * other rings belong to it. So an entry that is applied settles them from the front:
 *
 *     owed         [ entry 1      | entry 2 | open batch ]     owed_end of each entry
 *     keepalives   [ entry 1 | entry 2      | unsealed   ]     keepalive_end of each entry
 *     under way    [ entry 1, entry 2 ]
 *
 * Each ring has a bound, and whoever pushes has made sure of the room before:
 *
 *     owed         backlog_takes() refuses the command (BUSY) when it is full
 *     keepalives   never full: a session slot has at most one that is in no entry, and those
 *                  in entries are at most as many as leave room for one of each slot. What
 *                  finds no room in an entry waits for the next, and so does served time (G3)
 *     under way    the batcher seals no entry when as many are under way as the limits allow
 *
 * A node that is no longer leader drops everything: its clients get their answers from the
 * next leader.
 */
#ifndef NODE_LEDGER_H
#define NODE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ring.h"
#include "node/conn.h"
#include "node/stages.h"
#include "protocol/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    UNDER_WAY_MAX = 128 /* Entries sealed and not applied; power of two */
};

/* An answer owed for a command that is in the open batch or in an entry under way. */
struct owed {
    uint64_t session; /* 0: OPEN */
    uint64_t number;
    uint32_t conn;
    uint32_t serial;
};

/*
 * A keepalive: not in any entry, or in one under way. One per session; the newest stamp
 * counts.
 */
struct pending_keepalive {
    uint64_t session;
    uint64_t answered;
    uint64_t confirmed;
    uint64_t stamp;
    uint64_t arrived_ns; /* Served time at the first reading after it arrived */
    uint64_t wait_ns;    /* How long it may wait for other work */
    uint32_t conn;
    uint32_t serial;
};

/* An entry that this node sealed as leader and has not applied yet. */
struct under_way {
    struct entry_id id;
    uint64_t owed_end;      /* Its answers are the owed ones before this, ... */
    uint64_t keepalive_end; /* ... its keepalives are those before this. */
    uint64_t dt_ns;
    /*
     * Served time is still held back, for keepalives that found no room in it: its T was read
     * before its commands came, so their answers are no anchors. (G3)
     */
    bool early;
    struct finished_entry entry; /* What it will have been */
};

struct ledger {
    struct ring owed_ring;
    struct owed *owed;
    struct ring keepalive_ring;
    struct pending_keepalive *keepalives;
    uint64_t keepalives_sealed;   /* Position up to which they are in entries */
    uint64_t keepalives_read;     /* ... and up to which a reading was made after them */
    uint64_t keepalives_due_ns;   /* When the first that is in no entry has waited enough */
    uint32_t keepalives_kept_max; /* In entries; the rest of the ring is for new ones. */
    struct ring under_way_ring;
    struct under_way under_way[UNDER_WAY_MAX];
    uint64_t under_way_handed; /* Position: all before it was handed on */
};

void ledger_carve(
        struct ledger *ledger, struct arena *arena, const struct node_settings *settings);
void ledger_init(struct ledger *ledger, const struct node_settings *settings);
void ledger_check(const struct ledger *ledger);

/* ---- Push ---- */

/* Owe an answer; there is room. */
static inline void ledger_owe(struct ledger *ledger, const struct owed *owed)
{
    ledger->owed[ring_push(&ledger->owed_ring)] = *owed;
}

/* The keepalive at that position, if it is not in an entry yet; else NULL. */
struct pending_keepalive *ledger_unsealed(struct ledger *ledger, uint64_t position);

/*
 * A new one, of a session slot whose newest is in an entry; its position is the ring's
 * last. It waits for other work until `due_ns` at most. There is always room.
 */
struct pending_keepalive *ledger_new_keepalive(struct ledger *ledger, uint64_t due_ns);
bool ledger_has_unsealed(const struct ledger *ledger);

/* A reading of the clocks: `served_ns` is served time when the new keepalives arrived. */
void ledger_read(struct ledger *ledger, uint64_t served_ns);

/*
 * When keepalives want an entry, because one of them has waited long enough; UINT64_MAX:
 * none is there, or those in entries under way leave no room for more.
 */
uint64_t ledger_keepalives_due_ns(const struct ledger *ledger);

/* ---- Seal ---- */

/*
 * The next keepalive goes into the entry that is being made. NULL: all are in entries, or
 * so many that the others must wait until some are applied.
 */
const struct pending_keepalive *ledger_seal_keepalive(struct ledger *ledger);

/* The entry is sealed: all that is owed is in it or in those before it. */
void ledger_seal(struct ledger *ledger, const struct under_way *entry);

/* All that was sealed in the turn before was handed on then. */
void ledger_handed(struct ledger *ledger, uint64_t handed_ns);

/* Entries up to `commit` are committed, and not applied in this turn. */
void ledger_committed(struct ledger *ledger, uint64_t commit, uint64_t now_ns);

/* The last that was sealed; NULL: none is under way. */
const struct under_way *ledger_newest(const struct ledger *ledger);

/* How far cluster time moves with all entries under way. */
uint64_t ledger_dt_ns(const struct ledger *ledger);

/* ---- Settle: an entry is applied ---- */

/* The entry as this leader sealed it, or NULL if another did. */
const struct under_way *ledger_own(const struct ledger *ledger, struct entry_id id);

/* The next command of it: whom the answer is owed. Valid until the next push. */
static inline const struct owed *ledger_settle(struct ledger *ledger)
{
    return &ledger->owed[ring_pop(&ledger->owed_ring)];
}

/* The next keepalive of it, or NULL. */
const struct pending_keepalive *ledger_settle_keepalive(
        struct ledger *ledger, const struct under_way *own);

/* The last answer of it, settled a moment ago; nothing was pushed since. */
const struct owed *ledger_last_settled(
        const struct ledger *ledger, const struct under_way *own);

/* All of it is settled. */
void ledger_finish(struct ledger *ledger, const struct under_way *own);

/* ---- Drop: no longer leader ---- */

/* Nothing is owed any longer; connections that wait for an answer are closed. */
void ledger_drop(struct ledger *ledger, struct conns *conns);

#ifdef __cplusplus
}
#endif

#endif
