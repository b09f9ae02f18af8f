/*
 * Where the tokens of a cluster begin, and where they end.
 *
 * A resource that checks tokens remembers the largest that it has seen, so tokens must never
 * turn back: not with a new cluster in the place of one that was lost, and not when a backup
 * is restored, twice or from long ago. So the first token of a new life of a cluster is
 *
 *     max(last token known + 2^40 + seconds since it was known * 2^20,
 *         seconds since 2020 * 2^20)
 *
 * The step of 2^40 is for what was granted after the backup. The seconds since the backup are
 * for lives that were made of the same backup before this one: each later life is ahead of
 * them, unless they granted more than 2^20 tokens a second, or a clock was set back. A cluster
 * that lost everything is ahead of the lost one by the clock, under the same two conditions.
 *
 * All tokens are below 2^53, so that every language can hold them: JavaScript and Lua have
 * numbers that are exact up to there. The clock alone comes so far in 272 years. When they
 * are used up, nothing is granted any more (LIMIT_TOKENS).
 */
#ifndef PROTOCOL_TOKEN_H
#define PROTOCOL_TOKEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TOKEN_STEP (UINT64_C(1) << 40)
#define TOKEN_END  (UINT64_C(1) << 53)

/* What a new life begins after. */
struct token_past {
    uint64_t last;    /* 0: a new cluster */
    uint64_t wall_ns; /* The time of day when `last` was known, ns since 1970; 0: unknown */
};

uint64_t token_first(const struct token_past *past, uint64_t wall_ns);

/* The time of day at which a new cluster with this first token was founded. */
uint64_t token_wall_ns(uint64_t first);

#ifdef __cplusplus
}
#endif

#endif
