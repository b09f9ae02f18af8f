/*
 * A program that takes "build" and asks all the time whether it may still act, for tests that
 * stop or kill it. What it believed, and when, stands in a file that outlives it
 * (holder_view.h).
 *
 *     belief_holder NODES TTL_MS FILE
 */
#include "process/holder_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "liblock.h"

static HolderView *map_view(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *memory = fd < 0 ? MAP_FAILED
                          : mmap(nullptr, sizeof(HolderView), PROT_READ | PROT_WRITE,
                                    MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<HolderView *>(memory);
}

int main(int count, char **arguments)
{
    HolderView *view = count == 4 ? map_view(arguments[3]) : nullptr;
    if (!view)
        return 2;
    lk_options options = LK_OPTIONS_INIT;
    options.nodes = arguments[1];
    options.ttl_ns = std::strtoull(arguments[2], nullptr, 10) * LK_MILLISECOND;
    lk_client *client = nullptr;
    lk_grant grant{};
    if (lk_open(&options, &client) != LK_OK)
        return 1;
    lk_session *session = lk_client_session(client);
    if (lk_acquire(session, "build", 5, LK_FOREVER, &grant) != LK_OK)
        return 1;
    view->token = grant.token;
    for (;;) {
        uint64_t before = boot_time_ns();
        if (lk_check(session, &grant) == LK_STATE_HELD)
            view->last_held_ns = before;
        view->checks++;
        usleep(100);
    }
}
