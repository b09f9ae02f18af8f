#include "lockctl/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "liblock.h"
#include "tool/fail.h"

enum {
    DISMISS_WAIT_MS = 5000
};

void keeper_line_text(char line[], const char *name, uint64_t token)
{
    int at = snprintf(line, KEEPER_LINE_BYTES, "%" PRIu64 " ", token);
    for (; *name != '\0'; name++)
        at += snprintf(
                line + at, KEEPER_LINE_BYTES - (size_t)at, "%02x", (unsigned char)*name);
    (void)snprintf(line + at, KEEPER_LINE_BYTES - (size_t)at, "\n");
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

bool keeper_line_parse(const char *line, char name[], uint64_t *token)
{
    char *at = NULL;
    *token = strtoull(line, &at, 10);
    if (at == line || *at != ' ')
        return false;
    size_t count = 0;
    for (at++; *at != '\n'; at += 2) {
        int high = hex_digit(at[0]);
        int low = high < 0 ? -1 : hex_digit(at[1]);
        if (low < 0 || count == LK_NAME_MAX)
            return false;
        name[count++] = (char)(high * 16 + low);
    }
    name[count] = '\0';
    return count > 0;
}

/* Only our own files: otherwise other users could make us signal any process. */
static bool open_folder(char path[], bool make)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/')
        (void)snprintf(path, KEEPER_PATH_BYTES - 16, "%s/lockctl", runtime);
    else
        (void)snprintf(
                path, KEEPER_PATH_BYTES - 16, "/tmp/lockctl-%u", (unsigned)geteuid());
    if (make && mkdir(path, 0700) < 0 && errno != EEXIST) {
        complain("cannot create %s: %s", path, strerror(errno));
        return false;
    }
    struct stat status;
    if (lstat(path, &status) < 0)
        return false;
    if (S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
            (status.st_mode & 022) == 0)
        return true;
    complain("%s is not a directory that only this user can write; remove it", path);
    return false;
}

bool keeper_announce(struct keeper *keeper, const char *name, uint64_t token)
{
    char folder[KEEPER_PATH_BYTES];
    char line[KEEPER_LINE_BYTES];
    keeper->file = -1;
    if (!open_folder(folder, true))
        return false;
    (void)snprintf(keeper->path, sizeof(keeper->path), "%.*s/%d", KEEPER_PATH_BYTES - 16,
            folder, (int)getpid());
    keeper->file = open(keeper->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    keeper_line_text(line, name, token);
    if (keeper->file < 0 || flock(keeper->file, LOCK_EX | LOCK_NB) < 0 ||
            ftruncate(keeper->file, 0) < 0 ||
            write(keeper->file, line, strlen(line)) != (ssize_t)strlen(line)) {
        complain("cannot write %s: %s", keeper->path, strerror(errno));
        return false;
    }
    return true;
}

void keeper_withdraw(struct keeper *keeper)
{
    if (keeper->file < 0)
        return;
    unlink(keeper->path);
    close(keeper->file);
    keeper->file = -1;
}

/* True when a living keeper of that lock holds the file. A left-over file is removed. */
static bool is_kept(int folder, const char *file_name, const char *name, uint64_t token)
{
    int file = openat(folder, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    char line[KEEPER_LINE_BYTES];
    char found[LK_NAME_MAX + 1];
    uint64_t found_token = 0;
    bool dead = flock(file, LOCK_SH | LOCK_NB) == 0;
    ssize_t count = read(file, line, sizeof(line) - 1);
    line[count > 0 ? count : 0] = '\0';
    if (dead && count > 0)
        unlinkat(folder, file_name, 0);
    close(file);
    return !dead && strchr(line, '\n') && keeper_line_parse(line, found, &found_token) &&
           strcmp(found, name) == 0 && (token == 0 || token == found_token);
}

/* The process of a file, by a descriptor that can never mean another process. */
static int open_process(int folder, const char *file_name, const char *name, uint64_t token)
{
    int pid = (int)strtol(file_name, NULL, 10);
    if (pid <= 1)
        return -1;
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process >= 0 && !is_kept(folder, file_name, name, token)) {
        close(process);
        return -1;
    }
    return process;
}

static bool dismiss(int process)
{
    struct pollfd polled = {process, POLLIN, 0};
    bool ended = syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0) == 0 &&
                 poll(&polled, 1, DISMISS_WAIT_MS) == 1;
    if (!ended)
        complain("the process that holds the lock did not exit within %d ms",
                DISMISS_WAIT_MS);
    close(process);
    return ended;
}

int keeper_dismiss(const char *name, uint64_t token)
{
    char path[KEEPER_PATH_BYTES];
    DIR *folder = open_folder(path, false) ? opendir(path) : NULL;
    int count = 0;
    for (struct dirent *entry; folder && count >= 0 && (entry = readdir(folder)) != NULL;) {
        int process = open_process(dirfd(folder), entry->d_name, name, token);
        if (process >= 0)
            count = dismiss(process) ? count + 1 : -1;
    }
    if (folder)
        closedir(folder);
    return count;
}
