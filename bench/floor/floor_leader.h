/*
 * The leader takes requests, puts them into a batch, has two of three nodes make it
 * durable, and answers.
 *
 *     requests --copied once--> open batch --sealed--> followers, own disk --2 of 3--> answers
 *
 * One turn of the loop, one system call:
 *   1. Everything that has happened is handled before anything is decided: requests go into
 *      the open batch; acknowledgements and the leader's own write are votes.
 *   2. Batches with two votes are committed, in order: their connections are owed answers.
 *   3. If a batch may be under way and the open one is not empty, it is sealed: sent to both
 *      followers, then written. So the disks work at the same time, the leader's included.
 *   4. Answers: one send for each connection that is owed some.
 *   5. Submit all of this and sleep.
 *
 * While a batch is under way the next one fills by itself: the slower the disk, the fuller
 * the batches. In a closed loop that has a weakness. The clients split into two halves
 * which take turns, each waiting for a commit of the other half before its own. With
 * `linger` a batch waits until all requests that can come have come (here the leader knows
 * how many; a service has to guess), but no longer than `linger` microseconds. For the same
 * reason the leader then sleeps until two votes have come: the first one would only wake it
 * up.
 *
 * The only copy is from the receive buffer into the batch, after the entry's head. The
 * leader's disk and both sockets are served from there. Nothing in a request is read: no
 * name, no session, no checksum. Votes are only counted; the node that they come from makes
 * no difference.
 */
#ifndef BENCH_FLOOR_LEADER_H
#define BENCH_FLOOR_LEADER_H

#include "floor_log.h"
#include "floor_net.h"
#include "floor_shared.h"

#ifdef __cplusplus
extern "C" {
#endif

struct floor_leader_input {
    const struct floor_settings *settings;
    struct floor_counters *counters;
    const struct floor_log *log;
    struct floor_listener followers;
    struct floor_listener clients;
};

/*
 * Runs until all clients have come and gone, and all their requests are on all three logs.
 */
void floor_lead(const struct floor_leader_input *input);

#ifdef __cplusplus
}
#endif

#endif
