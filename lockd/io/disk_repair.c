#include "io/disk_repair.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/disk_file.h"
#include "io/disk_snapshot.h"

static const char repair_name[] = "repair";
static const char repair_name_new[] = "repair.new";

static void folder_name(char *name, uint32_t number)
{
    (void)snprintf(name, DISK_NAME_BYTES, "damaged-%u", number);
}

static bool say(const struct disk *disk, char *reason, const char *what, const char *why)
{
    (void)snprintf(reason, DISK_REASON_BYTES, "data directory %s: %s (%s)",
            disk->settings.path, what, why);
    return false;
}

/* ---- The file ---- */

static bool write_block(struct disk *disk, const struct repair_block *repair)
{
    int fd = disk_open_file(disk, repair_name_new, O_CREAT | O_TRUNC);
    if (fd < 0)
        return false;
    repair_write(disk->read_buffers, repair);
    bool written = pwrite(fd, disk->read_buffers, WAL_BLOCK_BYTES, 0) == WAL_BLOCK_BYTES &&
                   fdatasync(fd) == 0;
    int error = errno;
    (void)close(fd);
    errno = error;
    return written &&
           renameat(disk->folder, repair_name_new, disk->folder, repair_name) == 0 &&
           fsync(disk->folder) == 0;
}

/* What is not there says that nothing was given up. */
static bool read_block(struct disk *disk, struct repair_block *repair, char *reason)
{
    *repair = (struct repair_block){0};
    int fd = disk_open_file(disk, repair_name, 0);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return say(disk, reason, "the file repair cannot be read", strerror(errno));
    ssize_t count = pread(fd, disk->read_buffers, WAL_BLOCK_BYTES, 0);
    const char *why = count < 0 ? strerror(errno) : "it is damaged";
    (void)close(fd);
    enum repair_finding finding = REPAIR_DAMAGED;
    if (count == WAL_BLOCK_BYTES)
        finding = repair_read(disk->read_buffers, repair);
    if (finding == REPAIR_NEWER)
        why = "a newer lockd wrote it; start that version";
    return finding == REPAIR_GOOD ||
           say(disk, reason, "the file repair cannot be read", why);
}

/* ---- The files of the log ---- */

static bool is_of_log(const char *name)
{
    return segment_number(name) != 0 || snapshot_number(name) != 0 ||
           strcmp(name, log_begin_name) == 0;
}

/* Each name is gone from the list when it is moved, so the list is read anew until it is done. */
static bool move_some(struct disk *disk, int to, bool *moved)
{
    int copy = openat(disk->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    bool good = listing != NULL;
    *moved = false;
    for (struct dirent *entry = good ? readdir(listing) : NULL; good && entry != NULL;
            entry = readdir(listing)) {
        if (!is_of_log(entry->d_name))
            continue;
        good = renameat(disk->folder, entry->d_name, to, entry->d_name) == 0;
        *moved = true;
    }
    int error = errno;
    if (listing != NULL)
        (void)closedir(listing);
    errno = error;
    return good;
}

static bool move_all(struct disk *disk, const char *name)
{
    if (mkdirat(disk->folder, name, 0750) != 0 && errno != EEXIST)
        return false;
    int to = openat(disk->folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return false;
    bool more = true;
    bool good = true;
    while (good && more)
        good = move_some(disk, to, &more);
    good = good && fsync(to) == 0 && fsync(disk->folder) == 0;
    int error = errno;
    (void)close(to);
    errno = error;
    return good;
}

static bool finish(struct disk *disk, struct repair_block *repair, char *reason)
{
    char name[DISK_NAME_BYTES];
    folder_name(name, repair->folder);
    if (!move_all(disk, name))
        return say(disk, reason, "the files of the damaged log cannot be put aside",
                strerror(errno));
    repair->moving = false;
    return write_block(disk, repair) ||
           say(disk, reason, "the file repair cannot be written", strerror(errno));
}

/* ---- */

bool disk_resume_repair(struct disk *disk, struct repair_block *repair, char *reason)
{
    if (!read_block(disk, repair, reason))
        return false;
    return !repair->moving || finish(disk, repair, reason);
}

static uint32_t free_number(const struct disk *disk)
{
    struct stat status;
    char name[DISK_NAME_BYTES];
    uint32_t number = 0;
    do
        folder_name(name, ++number);
    while (fstatat(disk->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0);
    return number;
}

bool disk_give_up(struct disk *disk, struct repair_block *repair, char *reason)
{
    repair->folder = free_number(disk);
    repair->moving = true;
    if (!write_block(disk, repair))
        return say(disk, reason, "the file repair cannot be written", strerror(errno));
    return finish(disk, repair, reason);
}

void disk_end_repair(struct disk *disk)
{
    if (unlinkat(disk->folder, repair_name, 0) == 0)
        (void)fsync(disk->folder);
}
