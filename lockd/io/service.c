#include "io/service.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"

static const uint64_t status_every_ns = NS_PER_S;

/* False: it is no address of a socket. */
static bool set_address(struct service *service, const char *text)
{
    size_t bytes = strlen(text);
    struct sockaddr_un *address = &service->address;
    if ((text[0] != '/' && text[0] != '@') || bytes >= sizeof address->sun_path)
        return false;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, text, bytes);
    if (text[0] == '@')
        address->sun_path[0] = 0; /* An abstract one, which has no NUL at its end */
    size_t whole = offsetof(struct sockaddr_un, sun_path) + bytes;
    service->address_bytes = (socklen_t)(text[0] == '@' ? whole : whole + 1);
    return true;
}

/* In ns; 0: the manager does not watch this process. */
static uint64_t watchdog_ns(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    const char *us = getenv("WATCHDOG_USEC");
    if (us == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    uint64_t number = strtoull(us, NULL, 10);
    return number > UINT64_MAX / NS_PER_US ? 0 : number * NS_PER_US;
}

static void forget_environment(void)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
}

bool service_open(struct service *service, char *reason)
{
    const char *text = getenv("NOTIFY_SOCKET");
    *service = (struct service){.socket = -1, .every_ns = status_every_ns};
    if (text == NULL || text[0] == 0)
        return true;
    uint64_t watched_ns = watchdog_ns();
    service->watched = watched_ns != 0;
    if (service->watched)
        service->every_ns = u64_min(watched_ns / 3, status_every_ns);
    bool named = set_address(service, text);
    if (named)
        service->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (service->socket < 0)
        (void)snprintf(reason, SERVICE_REASON_BYTES, "NOTIFY_SOCKET=%.120s: %s", text,
                named ? strerror(errno) : "not the path or abstract name of a socket");
    forget_environment();
    return service->socket >= 0;
}

static void send_text(const struct service *service, const char *text)
{
    if (service->socket < 0)
        return;
    (void)sendto(service->socket, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
            (const struct sockaddr *)&service->address, service->address_bytes);
}

void service_ready(const struct service *service)
{
    send_text(service, "READY=1");
}

void service_reloading(const struct service *service, uint64_t now_ns)
{
    char text[64];
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
            (unsigned long long)(now_ns / NS_PER_US));
    send_text(service, text);
}

void service_stopping(const struct service *service)
{
    send_text(service, "STOPPING=1");
}

uint64_t service_deadline(const struct service *service)
{
    return service->socket < 0 ? UINT64_MAX : service->due_ns;
}

void service_tell(struct service *service, const char *line, uint64_t now_ns)
{
    char text[SERVICE_LINE_BYTES + 64];
    service->due_ns = now_ns + service->every_ns;
    if (service->watched)
        send_text(service, "WATCHDOG=1");
    if (strcmp(line, service->told) == 0)
        return;
    (void)snprintf(service->told, sizeof service->told, "%s", line);
    (void)snprintf(text, sizeof text, "STATUS=%s", service->told);
    send_text(service, text);
}
