/*
 * What an operator asks of the cluster, on a client's connection: FRAME_ADMIN is one
 * request, FRAME_ADMIN_ANSWER its answer, which is the state of the cluster as the node that
 * answers sees it, and a row for each member.
 *
 * Requests have one layout for all kinds, so a node that does not know a kind can say so. A
 * request may be repeated: it says what is to be, not what is to be done. Both bodies may be
 * longer than is known here: what a later version adds at the end is passed over. The rows
 * are records (wire.h) for the same reason.
 */
#ifndef PROTOCOL_ADMIN_H
#define PROTOCOL_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/hello.h"
#include "protocol/settings.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ADMIN_SENTENCE_BYTES_MAX = 500,
    ADMIN_PROGRAM_BYTES_MAX = 64
};

enum admin_kind {
    ADMIN_UPGRADE_STATUS = 1, /* Which versions the members know, and which is used */
    ADMIN_UPGRADE_FINISH = 2, /* Use the version that all members know from now on. */
    ADMIN_UPGRADE_AFTER = 3,  /* Do so by itself after `number` ns; 0: never */
    ADMIN_MEMBERS = 16,       /* Show the members. */
    /* `node` at the address `text` is to be a member; flags: ADMIN_FLAG_LEARNER. */
    ADMIN_MEMBERS_ADD = 17,
    ADMIN_MEMBERS_REMOVE = 18,
    /* The incarnation `number` of `node` gives way to the blank node with its id. */
    ADMIN_MEMBERS_REPLACE = 19,
    ADMIN_MEMBERS_MOVE = 20,    /* `node` is reached at the address `text`. */
    ADMIN_MEMBERS_PROMOTE = 21, /* A learner that was to stay one is to be a voter. */
    ADMIN_TRANSFER = 22,        /* `node` is to lead; 0: anybody but the node `number` */
};

enum {
    ADMIN_FLAG_LEARNER = 1 /* It stays a learner. */
};

struct admin_request {
    uint8_t kind;     /* enum admin_kind */
    uint8_t node;     /* The member that it is about; 0: none */
    uint32_t flags;   /* The kind says what they mean, ... */
    uint64_t number;  /* ... what this number is, ... */
    struct span text; /* ... and this text, such as an address */
};

enum admin_result {
    ADMIN_DONE = 0,       /* It is so now: committed, or it was so before. */
    ADMIN_NOT_NOW = 1,    /* Something that can change is against it; nothing was done. */
    ADMIN_NEVER = 2,      /* It can never be done like this, or the kind is not known. */
    ADMIN_NOT_LEADER = 3, /* Nothing was done. The rows are what this node sees. */
    ADMIN_UNDER_WAY = 4,  /* It was begun, or waits for another change: ask again. */
};

struct admin_answer {
    uint8_t kind; /* Of the request */
    uint8_t result;
    uint8_t node;               /* Who answers */
    uint8_t leader;             /* 0: none known */
    struct span leader_address; /* Empty if there is none, or if it is this node */
    struct span sentence;       /* For people: what was done, or why not */
    uint16_t version;           /* Which the cluster uses; 0: not bootstrapped */
    uint16_t version_next;      /* Which all members know */
    uint64_t upgrade_after_ns;  /* When it is used by itself; 0: never */
    uint64_t upgrade_waited_ns; /* How long all members have known it */
    uint8_t member_count;       /* That many rows follow. */
};

enum admin_role {
    ADMIN_VOTER = 0,
    ADMIN_LEARNER = 1,
    ADMIN_OBSERVER = 2, /* A learner that is not to be promoted */
};

/* A member as the node that answers sees it; a node of a later version may say more. */
struct admin_member {
    uint8_t node;
    uint8_t role;   /* enum admin_role; others may follow */
    bool connected; /* With the node that answers; of itself always */
    uint64_t incarnation;
    uint64_t match;    /* Leader only: durable there up to */
    uint64_t heard_ns; /* Since its last message; UINT64_MAX: never */
    /* The versions that it knows, as it said last; 0: it has not been heard. */
    uint16_t version_least;
    uint16_t version_most;
    struct span address;
    struct span program; /* Its program's version; empty if not known */
};

void wire_admin_request(struct wire *wire, struct admin_request *request);
void wire_admin_answer(struct wire *wire, struct admin_answer *answer);
void wire_admin_member(struct wire *wire, struct admin_member *member);

#ifdef __cplusplus
}
#endif

#endif
