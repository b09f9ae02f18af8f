/*
 * What lockd tells the service manager that started it: the protocol of sd_notify(3), which
 * is one datagram per message to a socket that the environment names.
 *
 * READY: it listens and has read its log. STATUS: a line for people, which `systemctl status`
 * shows. WATCHDOG: the loop still turns. Nothing here waits; a message for which the manager
 * has no room is lost, and the next one says the same. Without a manager nothing is sent.
 */
#ifndef IO_SERVICE_H
#define IO_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SERVICE_LINE_BYTES = 256,
    SERVICE_REASON_BYTES = 256
};

struct service {
    int socket; /* -1: there is no manager. */
    struct sockaddr_un address;
    socklen_t address_bytes;
    bool watched;                  /* The manager wants to hear from the loop. */
    uint64_t every_ns;             /* How often service_tell() is due */
    uint64_t due_ns;               /* CLOCK_MONOTONIC */
    char told[SERVICE_LINE_BYTES]; /* The last status that was sent */
};

/*
 * Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them from the
 * environment. False: the manager waits for messages that cannot be sent; why is in
 * `reason`, SERVICE_REASON_BYTES.
 */
bool service_open(struct service *service, char *reason);

/* The node listens; later: it has read its settings again. */
void service_ready(const struct service *service);
void service_reloading(const struct service *service, uint64_t now_ns);
void service_stopping(const struct service *service);

/* When service_tell() is due; UINT64_MAX: never. */
uint64_t service_deadline(const struct service *service);

/* From a turn of the loop: it turns, and `line` is what the node does. */
void service_tell(struct service *service, const char *line, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
