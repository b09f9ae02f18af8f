#include "protocol/token.h"

#include "base/numbers.h"
#include "base/units.h"

#define SECONDS_TO_2020 UINT64_C(1577836800)

/* A clock that is wrong by centuries must not use the tokens up. */
#define CLOCK_TOKEN_MAX (TOKEN_END / 2)

static uint64_t token_of_clock(uint64_t wall_ns)
{
    uint64_t seconds = u64_rest(wall_ns / NS_PER_S, SECONDS_TO_2020);
    return u64_min(seconds << 20, CLOCK_TOKEN_MAX);
}

uint64_t token_first(uint64_t last, uint64_t wall_ns)
{
    uint64_t stepped = u64_min(last + TOKEN_STEP, TOKEN_END - 1);
    return u64_max(stepped, token_of_clock(wall_ns));
}
