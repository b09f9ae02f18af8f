#include "io/disk_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/disk_lock.h"

static const char prefix[] = "segment-";
enum {
    NUMBER_DIGITS = 12
};

void segment_name(char *name, uint64_t number)
{
    int length = snprintf(name, DISK_NAME_BYTES, "%s%0*llu", prefix, NUMBER_DIGITS,
            (unsigned long long)number);
    assert(length > 0 && length < DISK_NAME_BYTES);
}

uint64_t segment_number(const char *name)
{
    uint64_t number = 0;
    size_t length = strlen(name);
    if (length < sizeof prefix - 1 + NUMBER_DIGITS || length > sizeof prefix - 1 + 19 ||
            strncmp(name, prefix, sizeof prefix - 1) != 0)
        return 0;
    for (const char *at = name + sizeof prefix - 1; *at != 0; at++) {
        if (*at < '0' || *at > '9')
            return 0;
        number = number * 10 + (uint64_t)(*at - '0');
    }
    return number;
}

int disk_open_file(struct disk *disk, const char *name, int flags)
{
    int all = O_RDWR | O_CLOEXEC | flags;
    int fd = openat(disk->folder, name, disk->direct ? all | O_DIRECT : all, 0640);
    if (fd >= 0 || errno != EINVAL || !disk->direct)
        return fd;
    fd = openat(disk->folder, name, all, 0640);
    if (fd < 0)
        return fd;
    disk->direct = false;
    tell_line(disk->tell, TELL_WARN, "no-direct-io",
            "path=%s: this file system does not support O_DIRECT; lockd writes through the page cache and syncs, which is slower",
            disk->settings.path);
    return fd;
}

static struct disk_file *find_room(struct disk *disk)
{
    struct disk_file *oldest = NULL;
    for (uint32_t i = 0; i < DISK_FILES_MAX; i++) {
        struct disk_file *file = &disk->files[i];
        if (file->number == 0)
            return file;
        if (file->users == 0 && (oldest == NULL || file->used < oldest->used))
            oldest = file;
    }
    assert(oldest != NULL);
    (void)close(oldest->fd);
    return oldest;
}

void disk_adopt(struct disk *disk, uint64_t number, int fd)
{
    struct disk_file *file = find_room(disk);
    *file = (struct disk_file){.number = number, .fd = fd, .used = ++disk->use_count};
    file->locked = disk_try_lock_file(fd);
}

/*
 * A file that was closed here a moment ago may still have its lock, and so may whoever
 * copies the directory: it is tried again with the next operation.
 */
static void lock_again(const struct disk *disk, struct disk_file *file)
{
    if (file->locked)
        return;
    file->locked = disk_try_lock_file(file->fd);
    if (!file->locked)
        tell_line(disk->tell, TELL_DEBUG, "segment-not-locked", "segment=%llu error=\"%s\"",
                (unsigned long long)file->number, strerror(errno));
}

static struct disk_file *find_open(struct disk *disk, uint64_t number)
{
    for (uint32_t i = 0; i < DISK_FILES_MAX; i++) {
        if (disk->files[i].number == number)
            return &disk->files[i];
    }
    return NULL;
}

void disk_forget_file(struct disk *disk, uint64_t number)
{
    struct disk_file *file = find_open(disk, number);
    if (file == NULL || file->users > 0)
        return;
    (void)close(file->fd);
    file->number = 0;
}

struct disk_file *disk_find_file(struct disk *disk, uint64_t number)
{
    char name[DISK_NAME_BYTES];
    struct disk_file *file = find_open(disk, number);
    if (file == NULL) {
        segment_name(name, number);
        int fd = disk_open_file(disk, name, 0);
        if (fd < 0)
            return NULL;
        disk_adopt(disk, number, fd);
        file = find_open(disk, number);
        assert(file != NULL);
    }
    file->users++;
    file->used = ++disk->use_count;
    lock_again(disk, file);
    return file;
}

struct disk_file *disk_use_file(struct disk *disk, uint64_t number)
{
    struct disk_file *file = disk_find_file(disk, number);
    if (file == NULL)
        tell_fatal(disk->tell, "segment-lost",
                "path=%s segment=%llu error=\"%s\": the log segment that is written now cannot be opened; put the file back, or replace this node",
                disk->settings.path, (unsigned long long)number, strerror(errno));
    return file;
}
