#include "io/disk_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "io/clock.h"

enum {
    LINE_BYTES = 256
};

static const uint64_t say_after_ns = NS_PER_S; /* A shorter wait is not worth a line. */
static const uint64_t say_again_ns = 30 * NS_PER_S;

/* As with the port, a process that ends by itself may hold it for some ms after its end. */
static const uint64_t running_most_ns = NS_PER_S;

struct wait {
    uint64_t begun_ns;
    uint64_t say_ns; /* When to log the next line */
};

static struct wait begin_wait(void)
{
    uint64_t now_ns = clock_now();
    return (struct wait){.begun_ns = now_ns, .say_ns = now_ns + say_after_ns};
}

static uint64_t waited_ns(const struct wait *wait)
{
    return clock_now() - wait->begun_ns;
}

static bool is_time_to_say(struct wait *wait)
{
    uint64_t now_ns = clock_now();
    if (now_ns < wait->say_ns)
        return false;
    wait->say_ns = now_ns + say_again_ns;
    return true;
}

static void pause_a_try(void)
{
    static const struct timespec pause = {.tv_nsec = 20 * NS_PER_MS};
    (void)nanosleep(&pause, NULL);
}

bool disk_try_lock_file(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* ---- Who has it ---- */

/* The process in a line of /proc/locks, if the line is about a flock of that file. */
static int holder_in(const char *line, const struct stat *status)
{
    /* 3: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF */
    char kind[16];
    char process[16];
    char inode[32];
    int found = sscanf(
            line, "%*s %15s %*s %*s %15s %*[0-9a-f]:%*[0-9a-f]:%31s", kind, process, inode);
    if (found != 3 || strcmp(kind, "FLOCK") != 0 ||
            strtoull(inode, NULL, 10) != status->st_ino)
        return 0;
    long number = strtol(process, NULL, 10);
    return number > 0 && number <= INT_MAX ? (int)number : 0;
}

/* The process that has the lock of this file; 0: it cannot be seen from here. */
static int find_holder(int fd)
{
    struct stat status;
    FILE *list = fopen("/proc/locks", "re");
    if (list == NULL)
        return 0;
    int holder = 0;
    char line[LINE_BYTES];
    bool known = fstat(fd, &status) == 0;
    while (known && holder == 0 && fgets(line, sizeof line, list) != NULL)
        holder = holder_in(line, &status);
    (void)fclose(list);
    return holder;
}

/*
 * Whether that process was killed, or has ended, and only waits for the kernel: no signal
 * and no supervisor can do more about it.
 */
static bool is_ending(int process)
{
    char line[LINE_BYTES];
    (void)snprintf(line, sizeof line, "/proc/%d/status", process);
    FILE *status = fopen(line, "re");
    if (status == NULL)
        return errno == ENOENT; /* It ended just now. */
    bool ending = false;
    while (!ending && fgets(line, sizeof line, status) != NULL) {
        char state = 0;
        char pending[32];
        if (sscanf(line, "State: %c", &state) == 1)
            ending = state == 'Z' || state == 'X';
        else if (sscanf(line, "SigPnd: %31s", pending) == 1)
            ending = (strtoull(pending, NULL, 16) & 1ULL << (9 - 1)) != 0; /* SIGKILL */
    }
    (void)fclose(status);
    return ending;
}

/* ---- Waiting ---- */

enum disk_lock disk_lock_folder(
        const struct tell *tell, int folder, const char *path, int *holder)
{
    struct wait wait = begin_wait();
    uint64_t running_ns = 0; /* For how long it was seen to run, or not seen at all */
    for (uint64_t before_ns = 0;;) {
        if (disk_try_lock_file(folder))
            return DISK_LOCKED;
        if (errno != EWOULDBLOCK)
            return DISK_LOCK_ERROR;
        *holder = find_holder(folder);
        uint64_t now_ns = waited_ns(&wait);
        if (*holder == 0 || !is_ending(*holder))
            running_ns += now_ns - before_ns;
        before_ns = now_ns;
        if (running_ns >= running_most_ns)
            return DISK_LOCK_TAKEN;
        if (is_time_to_say(&wait))
            tell_line(tell, TELL_WARN, "waits-for-earlier-process",
                    "path=%s process=%d waited_s=%llu: this process was killed, but the kernel still works on its disk operations; lockd starts when they have ended; if they never do, look at the disk (dmesg) and restart the machine",
                    path, *holder, (unsigned long long)(now_ns / NS_PER_S));
        pause_a_try();
    }
}

bool disk_lock_file(const struct tell *tell, int fd, const char *name)
{
    struct wait wait = begin_wait();
    for (;;) {
        if (disk_try_lock_file(fd))
            return true;
        if (errno != EWOULDBLOCK)
            return false;
        if (is_time_to_say(&wait))
            tell_line(tell, TELL_WARN, "waits-for-earlier-write",
                    "file=%s waited_s=%llu: the disk has not finished what an earlier process wrote to this file; lockd starts when it has; if it never does, look at the disk (dmesg) and restart the machine",
                    name, (unsigned long long)(waited_ns(&wait) / NS_PER_S));
        pause_a_try();
    }
}
