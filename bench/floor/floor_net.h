/*
 * Sockets of loopback, before the rings take over: nothing here is on the measured path.
 */
#ifndef BENCH_FLOOR_NET_H
#define BENCH_FLOOR_NET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct floor_listener {
    int fd;
    uint16_t port; /* Chosen by the kernel */
};

/*
 * Open a listener. Small messages leave at once (TCP_NODELAY), and congestion control is
 * reno where the kernel has it, because a default of BBR would pace large batches even on
 * loopback. Accepted sockets inherit both.
 */
struct floor_listener floor_listen(void);

/* Connect to it; blocks until it has taken the connection. */
int floor_connect(uint16_t port);

/* Wait for one connection. */
int floor_accept_one(const struct floor_listener *listener);

#ifdef __cplusplus
}
#endif

#endif
