/*
 * The data directory before the node serves: it is opened and locked, its log is read, and
 * what was read becomes durable.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/numbers.h"
#include "io/disk.h"
#include "io/disk_file.h"
#include "io/disk_lock.h"
#include "io/disk_snapshot.h"
#include "store/tail.h"

/* ---- The directory ---- */

static bool say(char *reason, const char *path, const char *what, const char *advice)
{
    (void)snprintf(
            reason, DISK_REASON_BYTES, "data directory %s: %s%s", path, what, advice);
    return false;
}

/* A new directory is durable when its parent was synced. */
static void sync_parent(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int parent = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return;
    (void)fsync(parent);
    (void)close(parent);
}

static bool open_folder(struct disk *disk, const char *path, char *reason)
{
    if (mkdir(path, 0750) == 0)
        sync_parent(path);
    else if (errno != EEXIST)
        return say(reason, path, strerror(errno), "; lockd cannot create it");
    disk->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk->folder < 0)
        return say(reason, path, strerror(errno), "");
    if (faccessat(disk->folder, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0)
        return true;
    return say(reason, path, strerror(errno), "; lockd must be able to write there");
}

/* What is called durable there is gone with the next power cut. */
static bool outlives_power(const struct disk *disk, const char *path, char *reason)
{
    struct statfs system;
    if (disk->settings.to_try || fstatfs(disk->folder, &system) != 0)
        return true;
    if (system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC)
        return true;
    return say(reason, path, "it is in memory (tmpfs)",
            ", so a power cut would take what this node has promised; use a directory on a disk, or --dev to try lockd out");
}

static bool lock_folder(struct disk *disk, const char *path, char *reason)
{
    int holder = 0;
    char who[64];
    switch (disk_lock_folder(disk->tell, disk->folder, path, &holder)) {
    case DISK_LOCKED:
        return true;
    case DISK_LOCK_ERROR:
        return say(reason, path, strerror(errno), "; lockd cannot lock it");
    case DISK_LOCK_TAKEN:
        break;
    }
    (void)snprintf(who, sizeof who, "another process uses it");
    if (holder != 0)
        (void)snprintf(who, sizeof who, "another process uses it (pid %d)", holder);
    return say(reason, path, who,
            "; stop that process, or give this node a directory of its own");
}

bool disk_open(struct disk *disk, const struct disk_settings *settings, char *reason)
{
    disk->settings = *settings;
    disk->direct = true;
    disk->maker.fd = -1;
    for (int i = 0; i < DISK_TEMPORARY_MAX; i++)
        disk->other.writing[i] = -1;
    disk->other.reading = -1;
    disk->folder = -1;
    bool opened = open_folder(disk, settings->path, reason) &&
                  outlives_power(disk, settings->path, reason) &&
                  lock_folder(disk, settings->path, reason);
    if (!opened)
        disk_close(disk);
    return opened;
}

/* ---- Reading at start ---- */

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* At most `wanted` bytes from there on; negative: errno says why. */
static ssize_t read_at(int fd, unsigned char *bytes, size_t wanted, uint64_t offset)
{
    size_t count = 0;
    while (count < wanted) {
        ssize_t more = pread(fd, bytes + count, wanted - count, (off_t)(offset + count));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return more;
        if (more == 0)
            break;
        count += (size_t)more;
    }
    return (ssize_t)(count / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES);
}

/* One more snapshot: the newest of all that were found are remembered. */
static void note_snapshot(struct disk *disk, uint64_t number)
{
    if (disk->snapshot_count < NODE_SNAPSHOTS_MAX) {
        disk->snapshots[disk->snapshot_count++] = number;
    } else {
        uint64_t *oldest = &disk->snapshots[0];
        for (uint32_t i = 1; i < disk->snapshot_count; i++)
            oldest = disk->snapshots[i] < *oldest ? &disk->snapshots[i] : oldest;
        if (number > *oldest)
            *oldest = number;
    }
}

/* Segments before the beginning of the log are left over from before a crash. */
static bool note_segment(struct disk *disk, uint64_t number)
{
    if (number < disk->first_segment)
        return true;
    if (disk->number_count == disk->settings.segments_max)
        return false;
    disk->numbers[disk->number_count++] = number;
    return true;
}

static bool list_files(struct disk *disk, char *reason)
{
    int copy = openat(disk->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL)
        return say(reason, disk->settings.path, strerror(errno), "");
    disk->number_count = 0;
    disk->snapshot_count = 0;
    bool fits = true;
    for (struct dirent *entry = readdir(listing); fits && entry != NULL;
            entry = readdir(listing)) {
        uint64_t segment = segment_number(entry->d_name);
        uint64_t snapshot = snapshot_number(entry->d_name);
        if (segment != 0)
            fits = note_segment(disk, segment);
        if (snapshot != 0)
            note_snapshot(disk, snapshot);
    }
    (void)closedir(listing);
    if (!fits)
        return say(reason, disk->settings.path,
                "it holds more log segments than --segments allows", "; raise --segments");
    qsort(disk->numbers, disk->number_count, sizeof disk->numbers[0], compare_numbers);
    return true;
}

/* Damage that the disk itself reports. */
static bool is_rot(int error)
{
    return error == EIO || error == EUCLEAN || error == EBADMSG;
}

/* What cannot be opened for another reason may be whole. */
static int open_snapshot(struct disk *disk, const char *name)
{
    int fd = disk_open_file(disk, name, 0);
    if (fd < 0 && errno != ENOENT && !is_rot(errno))
        disk->denied = true;
    return fd;
}

static bool feed_segment(struct disk *disk, struct node *node, int fd, off_t size)
{
    off_t usable = size / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
    for (off_t at = 0; at < usable;) {
        size_t wanted = (size_t)(usable - at);
        if (wanted > NODE_READ_BYTES_MAX)
            wanted = NODE_READ_BYTES_MAX;
        ssize_t count = pread(fd, disk->read_buffers, wanted, at);
        if (count < 0 && errno == EINTR)
            continue;
        count = count / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
        if (count <= 0)
            return false;
        recovery_feed(node_recovery(node), disk->read_buffers, (size_t)count);
        node_recover(node);
        at += count;
    }
    return true;
}

/*
 * What an earlier process wrote may be in a cache only: it is synced before it is read. And
 * what the cache has kept of a sync that failed is not read at all, where the kernel can
 * forget it (store/tail.h says what is done about the rest).
 */
static bool settle_cache(const struct disk *disk, int fd)
{
    if (fdatasync(fd) != 0)
        return false;
    if (!disk->direct)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return true;
}

static bool replay_segment(struct disk *disk, struct node *node, uint64_t number)
{
    char name[DISK_NAME_BYTES];
    struct stat status;
    segment_name(name, number);
    int fd = disk_open_file(disk, name, 0);
    if (fd < 0)
        return false;
    bool read = disk_lock_file(disk->tell, fd, name) && settle_cache(disk, fd) &&
                fstat(fd, &status) == 0;
    if (read) {
        recovery_begin_segment(node_recovery(node), number, (uint64_t)status.st_size);
        read = feed_segment(disk, node, fd, status.st_size);
    }
    int error = errno;
    (void)close(fd);
    errno = error;
    return read;
}

static bool say_file(struct disk *disk, char *reason, const char *name, const char *what)
{
    (void)snprintf(reason, DISK_REASON_BYTES,
            "data directory %s: %s cannot be read (%s); check the disk, and the owner and mode of the file",
            disk->settings.path, name, what);
    return false;
}

static bool say_newer(struct disk *disk, char *reason, const char *name)
{
    (void)snprintf(reason, DISK_REASON_BYTES,
            "data directory %s: a newer lockd wrote %s; start that version",
            disk->settings.path, name);
    return false;
}

static bool replay_log(struct disk *disk, struct node *node, char *reason)
{
    for (uint32_t i = 0; i < disk->number_count; i++) {
        char name[DISK_NAME_BYTES];
        errno = 0;
        if (replay_segment(disk, node, disk->numbers[i]))
            continue;
        segment_name(name, disk->numbers[i]);
        if (!is_rot(errno))
            return say_file(disk, reason, name, strerror(errno));
        tell_line(disk->tell, TELL_WARN, "file-unreadable", "path=%s file=%s error=\"%s\"",
                disk->settings.path, name, strerror(errno));
        recovery_call_damaged(node_recovery(node));
    }
    return true;
}

/* Where the log begins; there is no such file while it begins with its first entry. */
static bool replay_begin(struct disk *disk, struct node *node, char *reason)
{
    disk->first_segment = 1;
    int fd = disk_open_file(disk, log_begin_name, 0);
    if (fd < 0)
        return errno == ENOENT || say_file(disk, reason, log_begin_name, strerror(errno));
    struct begin_block begin;
    ssize_t count = read_at(fd, disk->read_buffers, WAL_BLOCK_BYTES, 0);
    int error = errno;
    (void)close(fd);
    if (count < 0 && !is_rot(error))
        return say_file(disk, reason, log_begin_name, strerror(error));
    enum begin_finding finding = count < WAL_BLOCK_BYTES
                                         ? BEGIN_DAMAGED
                                         : log_begin_read(disk->read_buffers, &begin);
    if (finding == BEGIN_NEWER)
        return say_newer(disk, reason, log_begin_name);
    if (finding != BEGIN_GOOD) {
        tell_line(disk->tell, TELL_WARN, "file-unreadable",
                "path=%s file=%s error=\"it is damaged\"", disk->settings.path,
                log_begin_name);
        recovery_call_damaged(node_recovery(node));
        return true;
    }
    disk->first_segment = begin.begin.segment;
    node_begin_log(node, &begin);
    return true;
}

static enum snapshot_finding read_snapshot_header(
        struct disk *disk, const char *name, struct snapshot_header *header)
{
    int fd = open_snapshot(disk, name);
    ssize_t count = fd < 0 ? -1 : read_at(fd, disk->read_buffers, SNAPSHOT_BLOCK_BYTES, 0);
    if (fd >= 0)
        (void)close(fd);
    return count == SNAPSHOT_BLOCK_BYTES ? snapshot_read_header(disk->read_buffers, header)
                                         : SNAPSHOT_DAMAGED;
}

/*
 * The header of each snapshot says of which entry it is. What cannot be read is passed over.
 * But a directory that a newer lockd has used is left to that one.
 */
static bool offer_snapshots(struct disk *disk, struct node *node, char *reason)
{
    for (uint32_t i = 0; i < disk->snapshot_count; i++) {
        char name[DISK_NAME_BYTES];
        struct snapshot_header header;
        snapshot_name(name, disk->snapshots[i]);
        enum snapshot_finding finding = read_snapshot_header(disk, name, &header);
        if (finding == SNAPSHOT_NEWER)
            return say_newer(disk, reason, name);
        if (finding == SNAPSHOT_GOOD && header.last.index == disk->snapshots[i])
            node_offer_snapshot(node, &header);
        else
            tell_line(disk->tell, TELL_WARN, "snapshot-unreadable",
                    "path=%s file=%s: this snapshot is damaged, and is not used",
                    disk->settings.path, name);
    }
    return true;
}

/* Piece by piece: the header first. */
static bool feed_snapshot(
        struct disk *disk, struct node *node, int fd, const struct snapshot_header *header)
{
    size_t wanted = SNAPSHOT_BLOCK_BYTES;
    for (uint64_t at = 0; at < header->file_bytes; at += wanted) {
        if (at > 0)
            wanted = (size_t)u64_min(header->chunk_bytes, header->file_bytes - at);
        if (read_at(fd, disk->read_buffers, wanted, at) != (ssize_t)wanted ||
                !node_feed_snapshot(node, disk->read_buffers, wanted))
            return false;
    }
    return true;
}

static void load_snapshot(struct disk *disk, struct node *node)
{
    const struct snapshot_header *header;
    while ((header = node_next_snapshot(node)) != NULL) {
        char name[DISK_NAME_BYTES];
        snapshot_name(name, header->last.index);
        uint64_t index = header->last.index;
        int fd = open_snapshot(disk, name);
        bool loaded = fd >= 0 && feed_snapshot(disk, node, fd, header);
        if (fd >= 0)
            (void)close(fd);
        if (loaded) {
            tell_line(disk->tell, TELL_INFO, "snapshot-read", "path=%s index=%llu",
                    disk->settings.path, (unsigned long long)index);
            return;
        }
        tell_line(disk->tell, TELL_WARN, "snapshot-unreadable",
                "path=%s file=%s: this snapshot is damaged or does not fit into this node's limits, and is not used",
                disk->settings.path, name);
    }
}

bool disk_replay(struct disk *disk, struct node *node, char *reason)
{
    if (!replay_begin(disk, node, reason) || !list_files(disk, reason))
        return false;
    if (!offer_snapshots(disk, node, reason) || !replay_log(disk, node, reason))
        return false;
    load_snapshot(disk, node);
    return true;
}

/* ---- What was read becomes durable ---- */

static bool write_at(int fd, const unsigned char *bytes, size_t count, uint64_t offset)
{
    for (size_t at = 0; at < count;) {
        ssize_t more = pwrite(fd, bytes + at, count - at, (off_t)(offset + at));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0 || more % WAL_BLOCK_BYTES != 0) {
            errno = more < 0 ? errno : EIO;
            return false;
        }
        at += (size_t)more;
    }
    return true;
}

/* Of the tail, what is in one segment. */
static bool write_tail_again(struct disk *disk, struct tail *tail, int fd)
{
    uint64_t segment = tail->place.segment;
    while (tail->place.segment == segment && tail_left(tail) > 0) {
        uint64_t offset = tail->place.offset;
        ssize_t count = read_at(fd, disk->read_buffers,
                (size_t)u64_min(tail_left(tail), NODE_READ_BYTES_MAX), offset);
        if (count < 0)
            return false;
        size_t taken = count > 0 ? tail_take(tail, disk->read_buffers, (size_t)count) : 0;
        if (taken == 0) {
            errno = ESTALE;
            return false;
        }
        if (!write_at(fd, disk->read_buffers, taken, offset))
            return false;
    }
    return fdatasync(fd) == 0;
}

static bool settle_tail(struct disk *disk, struct tail *tail)
{
    char name[DISK_NAME_BYTES];
    while (tail_left(tail) > 0) {
        segment_name(name, tail->place.segment);
        int fd = disk_open_file(disk, name, 0);
        if (fd < 0)
            return false;
        bool settled =
                disk_lock_file(disk->tell, fd, name) && write_tail_again(disk, tail, fd);
        int error = errno;
        (void)close(fd);
        errno = error;
        if (!settled)
            return false;
    }
    errno = ESTALE;
    return tail_is_whole(tail);
}

bool disk_settle(struct disk *disk, struct node *node, char *reason)
{
    struct tail tail;
    tail_init(&tail, node_recovery(node));
    uint64_t segment = tail.place.segment;
    /* A segment may have got its name just before its maker ended. */
    if (fsync(disk->folder) == 0 && settle_tail(disk, &tail))
        return true;
    const char *error = errno == ESTALE ? "it changed while it was read" : strerror(errno);
    (void)snprintf(reason, DISK_REASON_BYTES,
            "data directory %s: the end of the log, from segment %llu on, cannot be made durable (%s); check the disk (dmesg), then start lockd again",
            disk->settings.path, (unsigned long long)segment, error);
    return false;
}
