/*
 * The list of all processes is read from /proc/PID/stat, which every kernel has; the list of
 * children in /proc/PID/task/PID/children is optional.
 */
#include "lockctl/descendants.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct process {
    pid_t pid;
    pid_t parent;
    pid_t group;
    uid_t user;
    bool dead; /* It ended, and its parent has not asked for its status yet. */
    bool below;
};

struct processes {
    struct process *list;
    size_t count;
    size_t room;
};

/* "PID (NAME) STATE PARENT GROUP ...", where NAME may hold anything. */
static bool read_process(int proc, const char *name, struct process *process)
{
    char path[300];
    char text[512];
    (void)snprintf(path, sizeof(path), "%s/stat", name);
    int file = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t count = read(file, text, sizeof(text) - 1);
    struct stat status;
    bool owned = fstat(file, &status) == 0;
    close(file);
    text[count > 0 ? count : 0] = '\0';
    const char *behind = strrchr(text, ')');
    if (!behind || strlen(behind) < 5 || !owned)
        return false;
    char *end = NULL;
    long parent = strtol(behind + 4, &end, 10);
    *process = (struct process){.pid = (pid_t)strtol(name, NULL, 10),
            .parent = (pid_t)parent,
            .group = (pid_t)strtol(end, NULL, 10),
            .user = status.st_uid,
            .dead = behind[2] == 'Z' || behind[2] == 'X'};
    return true;
}

static bool add(struct processes *all, const struct process *process)
{
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 256;
        struct process *list = realloc(all->list, room * sizeof(*list));
        if (!list)
            return false;
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = *process;
    return true;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *left = a;
    const struct process *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

static void read_all(struct processes *all)
{
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
        struct process process;
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                read_process(dirfd(proc), entry->d_name, &process) && !add(all, &process))
            break;
    }
    if (proc)
        closedir(proc);
    if (all->count > 0)
        qsort(all->list, all->count, sizeof(*all->list), by_pid);
}

static bool parent_is_below(const struct processes *all, const struct process *process)
{
    struct process key = {.pid = process->parent};
    const struct process *parent =
            bsearch(&key, all->list, all->count, sizeof(key), by_pid);
    return parent && parent->below;
}

static bool belongs(const struct processes *all, const struct process *process,
        const struct descendants *below)
{
    return process->parent == below->root ||
           (below->group > 0 && process->group == below->group) ||
           parent_is_below(all, process);
}

/* Each pass goes one generation further; most trees have few. */
static void mark_below(struct processes *all, const struct descendants *below)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < all->count; i++) {
            struct process *process = &all->list[i];
            if (process->below || !belongs(all, process, below))
                continue;
            process->below = true;
            more = true;
        }
    }
}

struct survivors descendants_kill(const struct descendants *below)
{
    struct survivors alive = {0};
    struct processes all = {0};
    /* First what needs no search. */
    if (below->group > 0)
        kill(-below->group, SIGKILL);
    read_all(&all);
    mark_below(&all, below);
    for (size_t i = 0; i < all.count; i++) {
        const struct process *process = &all.list[i];
        if (!process->below || process->dead || process->pid == below->spare ||
                process->pid == getpid())
            continue;
        bool refused = kill(process->pid, SIGKILL) < 0 && errno == EPERM;
        alive.count++;
        if (alive.refused)
            continue;
        alive.pid = process->pid;
        alive.user = process->user;
        alive.refused = refused;
    }
    free(all.list);
    return alive;
}

struct survivors descendants_end(const struct descendants *below, int most_ms)
{
    struct survivors alive = descendants_kill(below);
    for (int i = 0; i < most_ms && alive.count > 0 && !alive.refused; i++) {
        poll(NULL, 0, 1);
        alive = descendants_kill(below);
    }
    return alive;
}
