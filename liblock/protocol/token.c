#include "protocol/token.h"

#include "base/numbers.h"
#include "base/units.h"

#define SECONDS_TO_2020 UINT64_C(1577836800)

/* A clock that is wrong by centuries must not use the tokens up. */
#define CLOCK_TOKEN_MAX (TOKEN_END / 2)
#define SINCE_TOKEN_MAX (TOKEN_END / 8)

static uint64_t token_of_clock(uint64_t wall_ns)
{
    uint64_t seconds = u64_rest(wall_ns / NS_PER_S, SECONDS_TO_2020);
    return u64_min(seconds << 20, CLOCK_TOKEN_MAX);
}

/* A clock that was set back counts as one that stood. */
static uint64_t token_of_time_since(const struct token_past *past, uint64_t wall_ns)
{
    if (past->wall_ns == 0)
        return 0;
    uint64_t seconds = u64_rest(wall_ns, past->wall_ns) / NS_PER_S;
    return u64_min(seconds << 20, SINCE_TOKEN_MAX);
}

uint64_t token_first(const struct token_past *past, uint64_t wall_ns)
{
    uint64_t stepped = past->last + TOKEN_STEP + token_of_time_since(past, wall_ns);
    return u64_max(u64_min(stepped, TOKEN_END - 1), token_of_clock(wall_ns));
}

uint64_t token_wall_ns(uint64_t first)
{
    return ((first >> 20) + SECONDS_TO_2020) * NS_PER_S;
}
