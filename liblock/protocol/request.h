/*
 * Clients' requests. A FRAME_REQUESTS body is a row of sections until its end; a section is
 * a head that names a session and `count` requests of it:
 *
 *     section  session u64, secret 16 bytes, answered u64, confirmed u64, count u16
 *     request  kind u8, then the fields of its kind
 *
 * The same sections are in batches of the log (batch.h). There the leader has compared the
 * secret, and leaves it out. In place of it stands `unproved` u8; if that is 1, the secret
 * follows after all.
 */
#ifndef PROTOCOL_REQUEST_H
#define PROTOCOL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    NAME_BYTES_MAX = 255,
    LABEL_BYTES_MAX = 64,
    SECRET_BYTES = 16,
    CLIENT_ADDRESS_BYTES = 16, /* IPv6; an IPv4 address is mapped: ::ffff:a.b.c.d */
    REQUEST_WINDOW = 1024,     /* A number may be at most this far past `answered`. */
};

#define WAIT_FOREVER UINT64_MAX

enum request_kind {
    REQUEST_OPEN = 1, /* ttl_ns, label; the section's secret becomes the session's. */
    /* Renews; not numbered: `number` is the stamp of this sending. */
    REQUEST_KEEPALIVE = 2,
    REQUEST_CLOSE = 3,
    REQUEST_ACQUIRE = 4,
    REQUEST_CANCEL = 5, /* Take back what request `target` did, or will do. */
    REQUEST_RELEASE = 6,
};

enum acquire_flag {
    /* Never in conflict with the owner's own hold: raise its count. */
    ACQUIRE_REENTRANT = 1,
};

enum release_flag {
    RELEASE_ALL = 1, /* All counts, not one. */
};

/* Fields that a kind does not name are zero. */
struct request {
    uint8_t kind;  /* enum request_kind */
    uint8_t flags; /* enum acquire_flag or release_flag */
    /*
     * OPEN and KEEPALIVE: a stamp that the answer repeats. All others: the request's number
     * in its session, from 1, used for one request only.
     */
    uint64_t number;
    uint64_t target; /* CANCEL: a number. RELEASE: the token. */
    uint64_t owner;  /* ACQUIRE: owner id; 0: a different owner per request. */
    /* ACQUIRE: cluster time to wait; 0: try; WAIT_FOREVER. OPEN: the ttl. */
    uint64_t wait_ns;
    struct span name; /* ACQUIRE, RELEASE: the lock. OPEN: the label, may be empty. */
};

struct section {
    uint64_t session; /* 0 with OPEN, which is alone in its section */
    /*
     * In the log only: the leader did not find the session in its applied state, so the
     * secret stands in the entry and is compared when the commands are applied.
     */
    bool unproved;
    unsigned char secret[SECRET_BYTES];
    uint64_t answered;  /* Answers to all numbers up to this one have arrived. */
    uint64_t confirmed; /* So have all changes up to this one. */
    uint16_t count;
};

/*
 * Layouts. A reader refuses unknown kinds and flags, empty names, and sections without a
 * request.
 */
void wire_section(struct wire *wire, struct section *section);        /* With the secret. */
void wire_section_logged(struct wire *wire, struct section *section); /* As in the log. */
void wire_request(struct wire *wire, struct request *request);

/*
 * Reads a request to its end and keeps nothing of it but the kind, which it returns: for
 * whoever only asks whether it can be read. Much cheaper than wire_request().
 */
uint8_t wire_skip_request(struct wire *wire);

#ifdef __cplusplus
}
#endif

#endif
