/*
 * Which locks the `lockctl run`s around this process hold: an entry for each in LOCKD_HELD
 * of the environment, so that a script under a lock that asks for the same lock is told, and
 * does not wait for itself.
 *
 *     LOCKD_HELD=CLUSTER.TOKEN.NAME:CLUSTER.TOKEN.NAME     all in hexadecimal digits
 *
 * The environment is inherited by daemons, too, which may outlive the lock: what is found
 * here has to be compared with what the cluster says.
 */
#ifndef LOCKCTL_NESTED_H
#define LOCKCTL_NESTED_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct nested {
    uint64_t cluster;
    uint64_t token;
};

/* The innermost entry for that name. False: there is none. */
bool nested_find(const char *name, struct nested *found);

/* Add an entry for the processes that this one will start. */
void nested_announce(const char *name, const struct nested *held);

#ifdef __cplusplus
}
#endif

#endif
