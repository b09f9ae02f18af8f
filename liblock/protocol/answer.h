/*
 * What the leader answers. A FRAME_ANSWERS body is a row of sections until its end; each is
 * a head, `answer_count` answers and `change_count` changes of one session.
 *
 * A head with `applied` not 0 is an anchor: every sending answered in it was applied in one
 * entry, and `applied` is that entry's cluster time. Answers from memory, refusals and
 * pushes are in sections whose head has `applied` 0; such a head may still carry a
 * deadline.
 *
 * A list that is too long for one section comes in several, one after another on the same
 * connection. What the list does not contain is known only after the last one. A list may
 * be empty.
 */
#ifndef PROTOCOL_ANSWER_H
#define PROTOCOL_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct answer_section {
    uint64_t session;  /* OPEN: the new session; 0 if it was refused */
    uint64_t applied;  /* T of the entry in which these sendings were applied, or 0 */
    uint64_t deadline; /* D of the session, cluster time; 0: not given */
    uint64_t change;   /* The session's change number */
    uint16_t answer_count;
    uint16_t change_count;
    bool listed; /* Changes are a list of all holds and waits: older ones are not kept. */
    bool more;   /* The list continues in this session's next section with changes. */
};

/* Answer to one request. */
struct answer {
    uint8_t kind;    /* enum request_kind of what is answered */
    uint8_t status;  /* enum status */
    uint8_t detail;  /* LOST: enum lost_reason. LIMIT: enum limit. Else 0. */
    uint64_t number; /* As in the request: number or stamp */
    uint64_t token;  /* ACQUIRE granted: its token. Else 0. */
    /* Entries of the owner after this (ACQUIRE, RELEASE, CANCEL); QUEUED: waits ahead */
    uint32_t count;
};

enum change_kind {
    CHANGE_GRANTED = 1, /* The wait of request `number` became a hold with `token`. */
    CHANGE_FAILED = 2,  /* That wait ended with `status`. */
    CHANGE_ENDED = 3,   /* The hold with `token` ended, not by its owner. */
    CHANGE_HOLDS = 4,   /* In a list: request `number` holds with `token`. */
    CHANGE_WAITS = 5,   /* In a list: request `number` waits. */
};

struct change {
    uint8_t kind;    /* enum change_kind */
    uint8_t status;  /* CHANGE_FAILED: enum status. Else 0. */
    uint64_t change; /* Its change number; 0 in a list */
    uint64_t number;
    uint64_t token;
};

void wire_answer_section(struct wire *wire, struct answer_section *section);
void wire_answer(struct wire *wire, struct answer *answer);
void wire_change(struct wire *wire, struct change *change);

#ifdef __cplusplus
}
#endif

#endif
