/*
 * Versions: one number for all that nodes and clients must agree upon, that is the messages,
 * the entries of the log, and what the lock state does with them.
 *
 * A program knows a range of versions. Both ends of a connection say theirs, and speak the
 * highest that both know. The cluster has a version, too, in its settings: until that is
 * raised by an entry, no entry may be of a kind, and the state may have no field, that only a
 * later version has. So members with the next version run beside the others, and each may go
 * back, until `lockctl upgrade finish`.
 *
 * What each version added:
 *
 *     1   everything
 *     2   in tests only, until there is a second one: the entry ENTRY_TRIAL, and the number
 *         of trials in the state and its digest. No lockd knows it that is shipped.
 */
#ifndef PROTOCOL_VERSION_H
#define PROTOCOL_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    VERSION_FIRST = 1,
    VERSION_TRIAL = 2,

    /* What this source knows. A release knows the version of the one before it. */
    VERSION_LEAST = VERSION_FIRST,
    VERSION_MOST = VERSION_FIRST,
};

struct versions {
    uint16_t least;
    uint16_t most;
};

static inline struct versions versions_known(void)
{
    struct versions known = {VERSION_LEAST, VERSION_MOST};
    return known;
}

static inline bool versions_have(struct versions versions, uint16_t version)
{
    return versions.least <= version && version <= versions.most;
}

/* The highest that both know; 0: none. */
static inline uint16_t versions_common(struct versions a, struct versions b)
{
    uint16_t most = a.most < b.most ? a.most : b.most;
    return versions_have(a, most) && versions_have(b, most) ? most : 0;
}

static inline void wire_versions(struct wire *wire, struct versions *versions)
{
    wire_u16(wire, &versions->least);
    wire_u16(wire, &versions->most);
    wire_require(wire, versions->least >= 1 && versions->least <= versions->most);
}

#ifdef __cplusplus
}
#endif

#endif
