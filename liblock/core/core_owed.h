/*
 * The answers that the node in use owes, and since when nothing came though some are owed.
 */
#ifndef CORE_CORE_OWED_H
#define CORE_CORE_OWED_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct owed {
    uint32_t count;
    uint32_t limit; /* For what is being sent just now */
    uint64_t since_ns;
};

/* Whether one more may be owed. */
static inline bool owed_has_room(const struct owed *owed)
{
    return owed->count < owed->limit;
}

/* Something was sent that gets one answer. */
static inline void owed_add(struct owed *owed, uint64_t now_ns)
{
    if (owed->count == 0)
        owed->since_ns = now_ns;
    owed->count++;
}

/* One was answered. A broken node may send more answers than it owes. */
static inline void owed_answered(struct owed *owed)
{
    if (owed->count > 0)
        owed->count--;
}

#ifdef __cplusplus
}
#endif

#endif
