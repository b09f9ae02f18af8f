/*
 * A follower receives a batch, makes it durable and acknowledges it.
 *
 * Wire and disk have the same bytes (floor_sizes.h). So a batch is received into the place
 * from which it will be written, in registered memory, at the right alignment. This process
 * never touches it, except for zeros after its end.
 *
 *         slot begins                  a block begins
 *     ----+----------------------------+---------------------------------+------
 *         |      unused   | before (48)| record head, entry              | zeros
 *     ----+---------------+------------+---------------------------------+------
 *                         '--- received ---------------------------------'
 *                                      '--- written to disk --------------------'
 *
 * The write and the acknowledgement after it are one chain of submissions: the kernel sends
 * the 70 bytes as soon as the write is durable. So a commit costs a follower one system
 * call, made when the batch has come; it submits the chain and the next receive, and
 * sleeps.
 *
 * This process does not learn when a write has ended. When is a slot free again? The leader
 * has as many slots, and begins no batch before all have acknowledged the one that had its
 * slot. So a batch that arrives proves that there is room for it.
 */
#ifndef BENCH_FLOOR_FOLLOWER_H
#define BENCH_FLOOR_FOLLOWER_H

#include <stdint.h>

#include "floor_log.h"
#include "floor_shared.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Until the leader closes the connection. */
void floor_follow(
        struct floor_counters *counters, const struct floor_log *log, uint16_t port);

#ifdef __cplusplus
}
#endif

#endif
