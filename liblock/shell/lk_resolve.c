/* From a host to its addresses, in the order in which they are tried. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "lk_connect.h"

#define QUICK_NS (100 * NS_PER_MS)

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static bool are_loopback(const struct addresses *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (!is_loopback(&found->all[i].address))
            return false;
    }
    return true;
}

static void add(struct addresses *found, const struct addrinfo *at)
{
    if (at->ai_addrlen > sizeof(struct sockaddr_storage) || found->count == ADDRESSES_MAX)
        return;
    memcpy(&found->all[found->count].address, at->ai_addr, at->ai_addrlen);
    found->all[found->count++].bytes = at->ai_addrlen;
}

static const struct addrinfo *next_of(const struct addrinfo *at, int family, bool same)
{
    while (at != NULL && (at->ai_family == family) != same)
        at = at->ai_next;
    return at;
}

/*
 * getaddrinfo() has sorted them. Of the two families, the first one's and the other's
 * alternate, so that a family that does not work costs one wait and not one per address.
 */
static void alternate(const struct addrinfo *list, struct addresses *found)
{
    int family = list->ai_family;
    const struct addrinfo *one = next_of(list, family, true);
    const struct addrinfo *other = next_of(list, family, false);
    while (one != NULL || other != NULL) {
        if (one != NULL) {
            add(found, one);
            one = next_of(one->ai_next, family, true);
        }
        if (other != NULL) {
            add(found, other);
            other = next_of(other->ai_next, family, false);
        }
    }
}

static int look_up(const struct host_port *cut, int flags, struct addresses *found)
{
    struct addrinfo hints = {
            .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    found->count = 0;
    int error = getaddrinfo(cut->address.host, cut->port + cut->port_at, &hints, &list);
    if (error == EAI_SYSTEM)
        return errno;
    if (error != 0)
        return error;
    alternate(list, found);
    freeaddrinfo(list);
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/*
 * AI_ADDRCONFIG spares name servers questions for addresses that this machine cannot use.
 * But it does not count loopback, and may hide that a name of this machine is also ::1. Such
 * names are in a file, and are found at once: then look again for all there is.
 */
int resolve(const struct host_port *cut, struct addresses *found)
{
    uint64_t begin_ns = now_ns();
    int error = look_up(cut, AI_ADDRCONFIG, found);
    bool quick = now_ns() - begin_ns < QUICK_NS;
    if (!quick || error == EAI_AGAIN || (error == 0 && !are_loopback(found)))
        return error;
    struct addresses all;
    if (look_up(cut, 0, &all) != 0)
        return error;
    *found = all;
    return 0;
}

bool resolve_number(const char *address, struct addresses *found)
{
    struct host_port cut;
    if (!address_cut(address, &cut))
        return false;
    return look_up(&cut, AI_NUMERICHOST, found) == 0 && found->count > 0;
}
