/* Tries the addresses of a node until one answers (RFC 8305); never blocks. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "lk_connect.h"

/* Between one try and the next, if the first has not failed. All share `wait_ns`. */
#define STAGGER_NS     (250 * NS_PER_MS)
#define STAGGER_MIN_NS (10 * NS_PER_MS)
/* So long a new lookup is waited for by those who know older addresses. */
#define LOOKUP_WAIT_NS (100 * NS_PER_MS)

static void close_tries(struct dial *dial)
{
    for (uint32_t i = 0; i < dial->count; i++)
        close(dial->tries[i].fd);
    dial->count = 0;
}

static void end(struct dial *dial)
{
    close_tries(dial);
    lookup_end(&dial->ticket);
    dial->is_active = false;
}

/* Given up: the addresses that were tried may be wrong, and others come first next time. */
void dial_end(struct dial *dial)
{
    if (!dial->is_active)
        return;
    if (dial->is_name && dial->next > 0)
        lookup_distrust(dial->address);
    end(dial);
}

static enum connect_result so_far(struct dial *dial)
{
    return dial->count == 0 ? CONNECT_FAILED : CONNECT_PENDING;
}

static uint64_t stagger(const struct dial *dial)
{
    uint64_t share = dial->wait_ns / (dial->addresses.count + 1);
    return u64_max(u64_min(share, STAGGER_NS), STAGGER_MIN_NS);
}

/* CONNECT_DONE: the socket `*fd`. CONNECT_PENDING: it is one more of the tries. */
static enum connect_result try_one(struct dial *dial, uint32_t which, int *fd)
{
    const struct sockaddr *address =
            (const struct sockaddr *)&dial->addresses.all[which].address;
    int made = descriptor_above_stdio(socket(
            address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (made < 0) {
        dial->error = errno;
        return CONNECT_FAILED;
    }
    int one = 1;
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(made, address, dial->addresses.all[which].bytes) == 0) {
        *fd = made;
        return CONNECT_DONE;
    }
    if (errno == EINPROGRESS || errno == EINTR) {
        dial->tries[dial->count].fd = made;
        dial->tries[dial->count++].which = which;
        return CONNECT_PENDING;
    }
    dial->error = errno;
    close(made);
    return CONNECT_FAILED;
}

static enum connect_result finish(struct dial *dial, uint32_t which)
{
    if (dial->is_name)
        lookup_prefer(dial->address, &dial->addresses.all[which].address);
    end(dial);
    return CONNECT_DONE;
}

/* Begin the tries that are due: one, and more while they fail at once. */
static enum connect_result try_due(struct dial *dial, uint64_t now_ns, int *fd)
{
    while (dial->next < dial->addresses.count &&
            (dial->count == 0 || now_ns >= dial->next_ns)) {
        uint32_t which = dial->next++;
        enum connect_result result = try_one(dial, which, fd);
        if (result == CONNECT_DONE)
            return finish(dial, which);
        if (result == CONNECT_PENDING)
            dial->next_ns = u64_sum(now_ns, stagger(dial));
    }
    return so_far(dial);
}

static bool is_decided(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    return poll(&poll_fd, 1, 0) > 0;
}

static void remove_try(struct dial *dial, uint32_t i)
{
    dial->count--;
    dial->tries[i] = dial->tries[dial->count];
}

/* Look at the sockets under way; CONNECT_DONE: one of them is connected. */
static enum connect_result look_at_tries(struct dial *dial, uint64_t now_ns, int *fd)
{
    uint32_t i = 0;
    while (i < dial->count) {
        int error = 0;
        socklen_t bytes = sizeof(error);
        if (!is_decided(dial->tries[i].fd)) {
            i++;
            continue;
        }
        if (getsockopt(dial->tries[i].fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
            error = errno;
        if (error == 0) {
            *fd = dial->tries[i].fd;
            uint32_t which = dial->tries[i].which;
            remove_try(dial, i);
            return finish(dial, which);
        }
        dial->error = error;
        close(dial->tries[i].fd);
        remove_try(dial, i);
        dial->next_ns = now_ns; /* It failed: the next one need not wait. */
    }
    return CONNECT_PENDING;
}

/* ---- The name ---- */

static bool waits_for_name(const struct dial *dial)
{
    return dial->ticket.lookup != NULL;
}

static void start_tries(struct dial *dial, uint64_t now_ns)
{
    dial->next = 0;
    dial->next_ns = now_ns;
}

/* Take the result of the lookup, or older addresses if it takes long. */
static enum connect_result take_name(struct dial *dial, uint64_t now_ns)
{
    int error = 0;
    enum looked_up result = LOOKUP_PENDING;
    if (dial->count == 0)
        result = lookup_take(&dial->ticket, &dial->addresses, &error);
    bool use_old =
            result == LOOKUP_FAILED ||
            (result == LOOKUP_PENDING && now_ns >= u64_sum(dial->begun_ns, LOOKUP_WAIT_NS));
    if (result == LOOKUP_FOUND) {
        start_tries(dial, now_ns);
    } else if (use_old && !dial->tried_old) {
        dial->tried_old = true;
        if (lookup_old(&dial->ticket, &dial->addresses))
            start_tries(dial, now_ns);
    }
    if (result == LOOKUP_PENDING)
        return CONNECT_PENDING;
    if (result == LOOKUP_FAILED)
        dial->error = error;
    lookup_end(&dial->ticket);
    bool some = dial->next < dial->addresses.count;
    return some ? CONNECT_PENDING : CONNECT_FAILED;
}

enum connect_result dial_continue(struct dial *dial, uint64_t now_ns, int *fd)
{
    enum connect_result result = look_at_tries(dial, now_ns, fd);
    if (result == CONNECT_DONE)
        return result;
    if (waits_for_name(dial))
        result = take_name(dial, now_ns);
    if (result != CONNECT_FAILED)
        result = try_due(dial, now_ns, fd);
    if (result != CONNECT_FAILED)
        return result;
    if (waits_for_name(dial))
        return CONNECT_PENDING;
    dial_end(dial);
    return CONNECT_FAILED;
}

enum connect_result dial_begin(
        struct dial *dial, const char *address, int wake_fd, uint64_t now_ns, int *fd)
{
    dial_end(dial);
    *dial = (struct dial){.begun_ns = now_ns, .next_ns = now_ns, .wait_ns = dial->wait_ns};
    dial->error = ENAMETOOLONG;
    if (strlen(address) >= sizeof(dial->address))
        return CONNECT_FAILED;
    memcpy(dial->address, address, strlen(address) + 1);
    dial->error = 0;
    dial->is_active = true;
    dial->is_name = !resolve_number(address, &dial->addresses);
    if (dial->is_name) {
        dial->addresses.count = 0;
        if (lookup_begin(&dial->ticket, address, wake_fd, &dial->error) == LOOKUP_FAILED) {
            end(dial);
            return CONNECT_FAILED;
        }
    }
    return dial_continue(dial, now_ns, fd);
}

uint64_t dial_deadline(const struct dial *dial)
{
    uint64_t at_ns = UINT64_MAX;
    if (!dial->is_active)
        return at_ns;
    if (dial->next < dial->addresses.count)
        at_ns = dial->next_ns;
    if (waits_for_name(dial) && !dial->tried_old)
        at_ns = u64_min(at_ns, u64_sum(dial->begun_ns, LOOKUP_WAIT_NS));
    return at_ns;
}
