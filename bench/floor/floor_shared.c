#include "floor_shared.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "tool/fail.h"

static_assert(sizeof(struct floor_counters) == 64, "a cache line each");

uint64_t floor_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint32_t floor_share(const struct floor_settings *settings)
{
    uint64_t connections = settings->connections;
    return (uint32_t)((settings->inflight + connections - 1) / connections);
}

void floor_fatal(const char *what, int error)
{
    if (error == 0)
        complain("%s", what);
    else
        complain("%s: %s", what, strerror(error));
    _exit(1);
}

void *floor_map(uint64_t bytes)
{
    void *memory =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        floor_fatal("no memory", errno);
    return memory;
}
