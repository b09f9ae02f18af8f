/* Descriptors that the library opens: where they may be, and those that only wake. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lk_connect.h"

enum {
    FIRST_OWN = 3
};

int descriptor_above_stdio(int fd)
{
    if (fd < 0 || fd >= FIRST_OWN)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OWN);
    int error = errno;
    close(fd);
    errno = error;
    return higher;
}

void descriptor_wake(int eventfd)
{
    int error = errno; /* A signal handler may come here. */
    uint64_t one = 1;
    ssize_t ignored = write(eventfd, &one, sizeof(one));
    (void)ignored; /* Full: it is readable all the same. */
    errno = error;
}

void descriptor_drain(int eventfd_or_timerfd)
{
    uint64_t count;
    ssize_t ignored = read(eventfd_or_timerfd, &count, sizeof(count));
    (void)ignored; /* Empty: nothing to drain. */
}
