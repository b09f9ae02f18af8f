/*
 * The leader: take requests, put them into a batch, have two of three nodes make it durable,
 * answer.
 *
 *     requests --copied once--> open batch --sealed--> followers, own disk --2 of 3--> answers
 *
 * One turn of the loop, one system call:
 *   1. All that has happened is taken in before anything is decided: requests go into the open
 *      batch; acknowledgements and the own write are votes.
 *   2. Batches with two votes are committed, in order: their connections are owed answers.
 *   3. If a batch may be under way and the open one is not empty, it is sealed: sent to both
 *      followers, then written. So the disks work at the same time, the leader's included.
 *   4. Answers: one send for each connection that is owed some.
 *   5. Submit all of this and sleep.
 *
 * While a batch is under way the next one fills by itself: the slower the disk, the fuller the
 * batches. In a closed loop that has a weakness. The clients split into two halves which
 * take turns, each waiting for a commit of the other half before its own. With `linger` a
 * batch waits until all that can come have come (here the leader knows how many; a service has to
 * guess), but no longer than so many microseconds. For the same reason it then sleeps on
 * until two votes are there, where the first would only wake it up.
 *
 * The one copy is from the receive buffer into the batch, behind the entry's head; the leader's
 * disk and both sockets are served from there. Nothing is looked at in a request: no name, no
 * session, no checksum. Votes are counted, which node they come from makes no difference.
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

/* Until all clients have come and gone, and all that they asked for is on all three logs. */
void floor_lead(const struct floor_leader_input *input);

#ifdef __cplusplus
}
#endif

#endif
