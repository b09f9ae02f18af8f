/* Reads entries from disk for peers that lag far behind: as many as fit into one append. */
#ifndef NODE_FETCH_H
#define NODE_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "node/outbox.h"
#include "node/reader.h"
#include "node/roster.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fetch {
    struct reader *reader;
    struct roster *roster;
    const struct raft *raft;
    const struct raft_settings *settings; /* How much one append takes */
};

/* Raft wants entries for a peer. */
void fetch_want(const struct fetch *fetch, const struct raft_fetch *wanted);

/* Which peers can use what is read for them now, as a set for reader_next() */
uint32_t fetch_able(const struct fetch *fetch);

/* A peer's entries were read: raft gets those in `chunk`. False: there are none. */
bool fetch_collect(const struct fetch *fetch, struct reading *reading, struct chunk *chunk,
        struct raft_event *event);

#ifdef __cplusplus
}
#endif

#endif
