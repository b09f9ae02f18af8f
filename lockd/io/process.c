#include "io/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

enum {
    TEXT_BYTES = 1024,
    /* Fields of /proc/self/stat behind the name of the program, which may hold spaces. */
    FIELD_START = 20,
};

static bool read_text(const char *path, char *text)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t count = read(file, text, TEXT_BYTES - 1);
    (void)close(file);
    text[count > 0 ? count : 0] = 0;
    return count > 0;
}

static uint64_t since_boot_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* When the process began, in ns since the machine did; 0: not known. */
static uint64_t started_since_boot_ns(void)
{
    char text[TEXT_BYTES];
    long ticks = sysconf(_SC_CLK_TCK);
    if (ticks <= 0 || !read_text("/proc/self/stat", text))
        return 0;
    const char *at = strrchr(text, ')');
    for (int field = 0; at != NULL && field < FIELD_START; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return 0;
    return strtoull(at, NULL, 10) * (NS_PER_S / (uint64_t)ticks);
}

static void read_start(struct process_figures *figures)
{
    uint64_t started_ns = started_since_boot_ns();
    if (started_ns == 0)
        return;
    uint64_t age_s = (since_boot_ns() - started_ns) / NS_PER_S;
    figures->started_s = (uint64_t)time(NULL) - age_s;
}

static uint64_t duration_ns(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_usec * NS_PER_US;
}

static void read_use(struct process_figures *figures)
{
    struct rusage use = {0};
    struct rlimit limit = {0};
    if (getrusage(RUSAGE_SELF, &use) == 0)
        figures->cpu_ns = duration_ns(&use.ru_utime) + duration_ns(&use.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        figures->descriptors_max = limit.rlim_cur;
}

static void read_memory(struct process_figures *figures)
{
    char text[TEXT_BYTES];
    if (!read_text("/proc/self/statm", text))
        return;
    char *rest;
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    figures->virtual_bytes = strtoull(text, &rest, 10) * page_bytes;
    figures->resident_bytes = strtoull(rest, NULL, 10) * page_bytes;
}

/* Since Linux 6.2 the size of this folder is how many there are. */
static void read_descriptors(struct process_figures *figures)
{
    struct stat folder;
    if (stat("/proc/self/fd", &folder) == 0)
        figures->descriptors = (uint64_t)folder.st_size;
}

static void read_disk(struct process_figures *figures, int folder)
{
    struct statvfs disk;
    if (fstatvfs(folder, &disk) == 0)
        figures->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
}

void process_read(struct process_figures *figures, int folder)
{
    *figures = (struct process_figures){0};
    read_start(figures);
    read_use(figures);
    read_memory(figures);
    read_descriptors(figures);
    read_disk(figures, folder);
}
