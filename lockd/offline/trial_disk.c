#include "offline/trial_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/units.h"
#include "io/clock.h"

enum {
    WRITES = 100,
    BLOCK_BYTES = 4096,
};

/* Above these a user feels each lock, or a node with such a disk is often behind. */
static const uint64_t median_slow_ns = 20 * NS_PER_MS;
static const uint64_t tail_slow_ns = 200 * NS_PER_MS;
static const uint64_t write_limit_ns = 30 * NS_PER_S;

struct trial_file {
    char folder[PATH_MAX]; /* The data directory, or the nearest parent that exists */
    int fd;
    bool direct;
    bool sync_after;
    unsigned char *block;
};

static bool find_folder(struct trial_file *file, const char *data)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", data);
    (void)snprintf(file->folder, sizeof file->folder, "%s", data);
    while (access(file->folder, F_OK) != 0 && errno == ENOENT) {
        const char *parent = dirname(path);
        (void)snprintf(file->folder, sizeof file->folder, "%s", parent);
        if (parent != path)
            (void)snprintf(path, sizeof path, "%s", file->folder);
    }
    return access(file->folder, W_OK | X_OK) == 0;
}

/* O_DIRECT where it is taken, as a segment is opened. */
static bool open_file(struct trial_file *file)
{
    char path[PATH_MAX + 32];
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    (void)snprintf(path, sizeof path, "%s/check-%d", file->folder, (int)getpid());
    file->direct = true;
    file->fd = open(path, flags | O_DIRECT, 0600);
    if (file->fd < 0 && errno == EINVAL) {
        file->direct = false;
        file->fd = open(path, flags, 0600);
    }
    if (file->fd >= 0)
        (void)unlink(path);
    return file->fd >= 0;
}

/* As in a segment, the space is filled before: a write changes no metadata. */
static bool fill_file(struct trial_file *file)
{
    const off_t end = (off_t)WRITES * BLOCK_BYTES;
    for (off_t at = 0; at < end; at += BLOCK_BYTES) {
        errno = EIO; /* A short write says nothing. */
        if (pwrite(file->fd, file->block, BLOCK_BYTES, at) != BLOCK_BYTES)
            return false;
    }
    return fsync(file->fd) == 0;
}

/* 0, or errno. */
static int await(struct uring *ring, int32_t wanted)
{
    struct uring_done done;
    uint64_t end = clock_now() + write_limit_ns;
    while (uring_take(ring, &done, 1) == 0) {
        if (clock_now() >= end)
            return ETIMEDOUT;
        int failed = uring_wait(ring, NS_PER_S);
        if (failed != 0)
            return -failed;
    }
    return done.result == wanted ? 0 : done.result < 0 ? -done.result : EIO;
}

static int write_durably(struct uring *ring, const struct trial_file *file, int number)
{
    struct io_uring_sqe *sqe = uring_next(ring);
    bool after = file->sync_after || !file->direct;
    io_uring_prep_write(
            sqe, file->fd, file->block, BLOCK_BYTES, (uint64_t)number * BLOCK_BYTES);
    if (!after)
        sqe->rw_flags = RWF_DSYNC;
    int failed = await(ring, BLOCK_BYTES);
    if (failed != 0 || !after)
        return failed;
    io_uring_prep_fsync(uring_next(ring), file->fd, IORING_FSYNC_DATASYNC);
    return await(ring, 0);
}

static bool is_in_memory(const char *folder)
{
    struct statfs system;
    return statfs(folder, &system) == 0 &&
           (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC);
}

static void say(struct verdicts *verdicts, const struct trial_file *file,
        const struct histogram *times)
{
    uint64_t median = histogram_at(times, 50000);
    uint64_t tail = histogram_at(times, 99000);
    char figures[128];
    (void)snprintf(figures, sizeof figures,
            "durable write p50 %" PRIu64 ".%02" PRIu64 " ms, p99 %" PRIu64 ".%02" PRIu64
            " ms",
            median / NS_PER_MS, median % NS_PER_MS / 10000, tail / NS_PER_MS,
            tail % NS_PER_MS / 10000);
    if (median > median_slow_ns)
        verdicts_add(verdicts, VERDICT_WARNING, "disk",
                "%s in %s: each lock waits that long for this node's disk; use a disk that nothing else keeps busy",
                figures, file->folder);
    else if (tail > tail_slow_ns)
        verdicts_add(verdicts, VERDICT_WARNING, "disk",
                "%s in %s: one lock of a hundred waits that long for this node's disk; look for what else uses it",
                figures, file->folder);
    else if (!file->direct)
        verdicts_add(verdicts, VERDICT_WARNING, "disk",
                "%s in %s, whose file system has no O_DIRECT; use ext4 or XFS on a local disk",
                figures, file->folder);
    else
        verdicts_add(verdicts, VERDICT_OK, "disk", "%s in %s", figures, file->folder);
}

static void measure(struct verdicts *verdicts, struct trial_file *file, struct uring *ring)
{
    static struct histogram times;
    int failed = open_file(file) && fill_file(file) ? 0 : errno;
    histogram_init(&times);
    for (int i = 0; i < WRITES && failed == 0; i++) {
        uint64_t begin = clock_now();
        failed = write_durably(ring, file, i);
        histogram_add(&times, clock_now() - begin);
    }
    if (failed == 0)
        say(verdicts, file, &times);
    else
        verdicts_add(verdicts, VERDICT_PROBLEM, "disk",
                "cannot write in %s: %s; free space there, or check the disk (dmesg)",
                file->folder, strerror(failed));
    if (file->fd >= 0)
        (void)close(file->fd);
}

void trial_disk(
        struct verdicts *verdicts, const struct loop_settings *settings, struct uring *ring)
{
    struct trial_file file = {.fd = -1, .sync_after = settings->sync_after};
    if (!find_folder(&file, settings->data)) {
        verdicts_add(verdicts, VERDICT_PROBLEM, "disk",
                "cannot write in %s: %s; run this as the user of lockd, and let that user own the data directory",
                file.folder, strerror(errno));
        return;
    }
    if (!settings->to_try && is_in_memory(file.folder)) {
        verdicts_add(verdicts, VERDICT_PROBLEM, "disk",
                "%s is in memory (tmpfs), so a power cut would take what this node has promised; use a directory on a disk",
                file.folder);
        return;
    }
    void *block = NULL;
    if (posix_memalign(&block, BLOCK_BYTES, BLOCK_BYTES) != 0)
        return;
    memset(block, 0, BLOCK_BYTES);
    file.block = block;
    measure(verdicts, &file, ring);
    free(block);
}
