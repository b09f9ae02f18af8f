/*
 * A follower: receive a batch, make it durable, acknowledge it.
 *
 * Wire and disk have the same bytes (floor_sizes.h), so a batch is received to where it will be
 * written from, in registered memory, at the right alignment: this process never touches it,
 * but for zeros behind its end.
 *
 *         slot begins                  a block begins
 *     ----+----------------------------+---------------------------------+------
 *         |      unused   | before (48)| record head, entry              | zeros
 *     ----+---------------+------------+---------------------------------+------
 *                         '--- received ---------------------------------'
 *                                      '--- written to disk --------------------'
 *
 * The write and the acknowledgement behind it are one chain of submissions: the kernel sends
 * the 70 bytes as soon as the write is durable. So a commit costs a follower one system call,
 * made when the batch has come; it submits the chain and the next receive, and sleeps.
 *
 * When is a slot free again, if nobody here hears of the write's end? The leader has as many
 * slots, and begins no batch before the one that had its slot is acknowledged by all. So
 * what arrives proves that there is room for it.
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
