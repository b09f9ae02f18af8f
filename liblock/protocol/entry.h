/*
 * Entries of the replicated log, the same bytes on every disk and on every wire.
 *
 *     offset  bytes  field
 *          0      4  body length
 *          4      1  kind (enum entry_kind)
 *          5      1  version (ENTRY_VERSION)
 *          6      2  zero
 *          8      8  index, from 1
 *         16      8  term
 *         24      8  term of the entry before (0 for the first)
 *         32      8  cluster id (never 0)
 *         40      8  sum of the entry before (0 for the first): the chain
 *         48      8  sum: XXH3-64 of the body, seeded with XXH3-64 of bytes 0 to 47
 *         56         body
 *
 * The chain makes an entry's sum a digest of the whole log up to it.
 */
#ifndef PROTOCOL_ENTRY_H
#define PROTOCOL_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ENTRY_HEAD_BYTES = 56,
    ENTRY_VERSION = 1,
    ENTRY_BODY_MAX = 1024 * 1024, /* Of any entry, regardless of settings. */
};

enum entry_kind {
    ENTRY_BOOTSTRAP = 1,     /* Index 1: members and cluster settings (settings.h). */
    ENTRY_TERM_START = 2,    /* The no-op that begins a term; a batch with nothing in it. */
    ENTRY_BATCH = 3,         /* Served time, keepalives, commands (batch.h). */
    ENTRY_CONFIGURATION = 4, /* Who is a member from this entry on (member_list.h). */
    ENTRY_SETTINGS = 5,      /* A change of cluster settings (settings.h). */
    ENTRY_TRIAL = 6,         /* Empty, and counted: for tests of upgrades (version.h). */
};

/* Identifies an entry; nothing else does. {0, 0} is the place before the first. */
struct entry_id {
    uint64_t term;
    uint64_t index;
};

struct entry_head {
    struct entry_id id;
    uint64_t previous_term;
    uint64_t cluster;
    uint64_t previous_sum;
    uint64_t sum;
    uint32_t body_bytes;
    enum entry_kind kind;
};

/* The first version in which entries of that kind may be. */
uint16_t entry_kind_version(enum entry_kind kind);

/*
 * Later in the sense of elections: larger term, or same term and larger index. [Raft 3.6.1]
 */
bool entry_id_less(struct entry_id a, struct entry_id b);
bool entry_id_equal(struct entry_id a, struct entry_id b);

/*
 * Complete `head->sum` and write the head before the body, which is at `bytes +
 * ENTRY_HEAD_BYTES`.
 */
void entry_seal(unsigned char *bytes, struct entry_head *head);

/*
 * Read a head and check it against its body. False when there are fewer bytes than the head
 * says, or when version, kind, length or sum is wrong: then it is not an entry.
 */
bool entry_decode(const unsigned char *bytes, size_t count, struct entry_head *head);

/* Bytes of the whole entry. */
size_t entry_bytes(const struct entry_head *head);

#ifdef __cplusplus
}
#endif

#endif
