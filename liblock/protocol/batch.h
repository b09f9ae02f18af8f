/*
 * The body of ENTRY_BATCH and ENTRY_TERM_START:
 *
 *     head      dt u64, wall u64, command_bytes u32, keepalive_count u32
 *     sections  of commands, command_bytes long (request.h; the request of an OPEN is
 *               followed by the 16 bytes of its secret and the 16 of its client's address)
 *     keepalives  keepalive_count times: session u64, confirmed u64, answered u64,
 *               waited_us u32
 *
 * Keepalives come last because commands are written as they arrive, and keepalives only at
 * the end. They take effect first (a keepalive in the same entry prevents expiry).
 */
#ifndef PROTOCOL_BATCH_H
#define PROTOCOL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/request.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BATCH_HEAD_BYTES = 24,
    KEEPALIVE_BYTES = 28
};

struct batch_head {
    uint64_t dt_ns;   /* Served time since the leader's entry before */
    uint64_t wall_ns; /* For people; no decision reads it */
    uint32_t command_bytes;
    uint32_t keepalive_count;
};

/*
 * A keepalive. It may have waited for other work before the entry was made. That time does
 * not lengthen the lease: the session is renewed as of when the keepalive arrived.
 */
struct keepalive {
    uint64_t session;
    uint64_t confirmed;
    uint64_t answered;
    uint32_t waited_us; /* Served time from its arrival to the entry's clock reading */
};

/* One request in the context of its section; an OPEN's secret is in it. */
struct command {
    struct section section;
    struct request request;
    /*
     * OPEN: where the client is, as the leader saw it. All zero: not known. Equal on all
     * nodes, because quotas count by it.
     */
    unsigned char address[CLIENT_ADDRESS_BYTES];
};

void wire_batch_head(struct wire *wire, struct batch_head *head);
void wire_keepalive(struct wire *wire, struct keepalive *keepalive);

/*
 * One request of a section as a batch has it. An OPEN has secret and address. A KEEPALIVE comes here
 * only in an unproved section: the batch has its own part for keepalives of sessions whose
 * secret was compared. The section is the context: only an OPEN may be in a section of
 * session 0.
 */
void wire_command(struct wire *wire, struct command *command);

/* Walks a batch. */
struct batch_reader {
    struct batch_head head;
    struct wire commands;
    struct wire keepalives;
    struct section section; /* That is being walked */
    uint16_t section_left;
};

/* False when the body is not a batch: counts and lengths do not fit. */
bool batch_reader_init(struct batch_reader *reader, const void *body, size_t body_bytes);
bool batch_next_keepalive(struct batch_reader *reader, struct keepalive *keepalive);
/* Spans in the command point into the body. */
bool batch_next_command(struct batch_reader *reader, struct command *command);

/*
 * Whether everything in a batch that was just begun can be read: what batch_complete() will
 * say after a walk, without the walk.
 */
bool batch_is_whole(const struct batch_reader *reader);

/*
 * After both have returned false: whether all was read and all of it was valid. An entry
 * with a correct sum that is not complete was made by a broken node.
 */
bool batch_complete(const struct batch_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
