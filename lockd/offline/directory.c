#include "offline/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/disk_snapshot.h"

static int say(char *why, const char *path, const char *what)
{
    (void)snprintf(why, OFFLINE_WHY_BYTES, "data directory %.300s: %s", path, what);
    return -1;
}

/* Nothing is in it but what a new file system has. */
static bool is_empty(int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    bool empty = listing != NULL;
    for (struct dirent *entry; empty && (entry = readdir(listing)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                strcmp(entry->d_name, "lost+found") == 0;
    if (listing != NULL)
        (void)closedir(listing);
    return empty;
}

/* A new directory is durable when its parent was synced. */
static bool sync_parent(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int parent = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = parent >= 0 && fsync(parent) == 0;
    if (parent >= 0)
        (void)close(parent);
    return synced;
}

static bool make_directory(const char *path)
{
    return mkdir(path, 0750) == 0 ? sync_parent(path) : errno == EEXIST;
}

int offline_new_directory(const char *path, char *why)
{
    if (!make_directory(path))
        return say(why, path, strerror(errno));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return say(why, path, strerror(errno));
    const char *wrong = NULL;
    if (flock(folder, LOCK_EX | LOCK_NB) != 0)
        wrong = "another process uses it; stop that process first";
    else if (!is_empty(folder))
        wrong = "it is not empty; move what is in it to another place, or name another directory with --data";
    if (wrong == NULL)
        return folder;
    (void)close(folder);
    return say(why, path, wrong);
}

static bool write_begin(int fd, const struct begin_block *begin)
{
    unsigned char block[WAL_BLOCK_BYTES];
    log_begin_write(block, begin);
    return offline_write_at(fd, block, sizeof block, 0) && fsync(fd) == 0;
}

static bool say_file(char *why, const char *name)
{
    (void)snprintf(why, OFFLINE_WHY_BYTES, "%s: %s", name, strerror(errno));
    return false;
}

static int create(int folder, const char *name)
{
    return openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
}

bool offline_fill_directory(
        int folder, struct offline_state *state, const struct begin_block *begin, char *why)
{
    char name[DISK_NAME_BYTES];
    char name_new[DISK_NAME_BYTES + sizeof ".new"];
    int fd = create(folder, log_begin_name);
    bool begun = fd >= 0 && write_begin(fd, begin) && fsync(folder) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!begun)
        return say_file(why, log_begin_name);
    snapshot_name(name, state->header.last.index);
    (void)snprintf(name_new, sizeof name_new, "%s.new", name);
    fd = create(folder, name_new);
    bool written = fd >= 0 && offline_write(state, fd);
    if (fd >= 0)
        (void)close(fd);
    if (written && renameat(folder, name_new, folder, name) == 0 && fsync(folder) == 0)
        return true;
    return say_file(why, name);
}
