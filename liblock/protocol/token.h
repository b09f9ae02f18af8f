/*
 * Where the tokens of a cluster begin, and where they end.
 *
 * A resource that checks tokens remembers the largest that it has seen, so tokens must never
 * turn back: not with a new cluster in the place of one that was lost, and not when a backup
 * is restored, twice or from long ago. So the first token of a new life of a cluster is
 *
 *     max(last token known + 2^40, seconds since 2020 * 2^20)
 *
 * Two lives from one backup do not meet unless one of them granted 2^40 tokens. A cluster
 * that lost everything is ahead of the lost one by the clock, unless that one granted more
 * than 2^20 tokens a second all its life, or a clock was wrong by years.
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

/* `last`: 0 for a new cluster. `wall_ns`: the time of day, ns since 1970. */
uint64_t token_first(uint64_t last, uint64_t wall_ns);

#ifdef __cplusplus
}
#endif

#endif
