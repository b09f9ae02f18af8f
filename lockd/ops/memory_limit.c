#include "ops/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    PATH_BYTES = MEMORY_LIMIT_SOURCE_BYTES,
    LINE_BYTES = 512,
};

/* Where a kind of control group is mounted, and the file of its limit. */
struct hierarchy {
    const char *mounted;
    const char *file;
};

static void take_least(struct memory_limit *limit, uint64_t bytes, const char *source)
{
    if (bytes >= limit->bytes)
        return;
    limit->bytes = bytes;
    (void)snprintf(limit->source, sizeof limit->source, "%s", source);
}

/* "max" and what is no number are no limit. */
static uint64_t read_bytes(const char *path)
{
    char text[32];
    uint64_t bytes = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return UINT64_MAX;
    if (fgets(text, sizeof text, file) != NULL && text[0] >= '0' && text[0] <= '9')
        bytes = strtoull(text, NULL, 10);
    (void)fclose(file);
    return bytes;
}

/*
 * The group at `path` and all above it. In a container the path may be that of the host,
 * where only the last directory of the walk exists: that is the container's own.
 */
static void walk_up(struct memory_limit *limit, const char *root,
        const struct hierarchy *hierarchy, const char *path)
{
    char group[LINE_BYTES];
    char file[PATH_BYTES];
    (void)snprintf(group, sizeof group, "%s", strcmp(path, "/") == 0 ? "" : path);
    for (;;) {
        int length = snprintf(file, sizeof file, "%s%s%s/%s", root, hierarchy->mounted,
                group, hierarchy->file);
        if (length > 0 && (size_t)length < sizeof file)
            take_least(limit, read_bytes(file), file);
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return;
        *slash = 0;
    }
}

/* Whether the list "cpu,memory" has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; *at != 0;) {
        size_t count = strcspn(at, ",");
        if (count == length && strncmp(at, word, length) == 0)
            return true;
        at += count + (at[count] == ',');
    }
    return false;
}

/* A line of /proc/self/cgroup: "4:memory:/path", or "0::/path" for version 2. */
static void take_group(struct memory_limit *limit, const char *root, char *line)
{
    static const struct hierarchy one = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"};
    static const struct hierarchy two[] = {
            {"/sys/fs/cgroup", "memory.max"},
            {"/sys/fs/cgroup", "memory.high"},
            {"/sys/fs/cgroup/unified", "memory.max"},
    };
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (path == NULL)
        return;
    *path++ = 0;
    controllers++;
    if (has_word(controllers, "memory"))
        walk_up(limit, root, &one, path);
    for (size_t i = 0; controllers[0] == 0 && i < sizeof two / sizeof two[0]; i++)
        walk_up(limit, root, &two[i], path);
}

static void take_groups(struct memory_limit *limit, const char *root)
{
    char path[PATH_BYTES];
    char line[LINE_BYTES];
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL)
        take_group(limit, root, line);
    (void)fclose(file);
}

void memory_limit_find(struct memory_limit *limit, const char *root)
{
    struct rlimit space;
    *limit = (struct memory_limit){.bytes = UINT64_MAX};
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
        take_least(limit, space.rlim_cur, "RLIMIT_AS");
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        take_least(limit, (uint64_t)pages * (uint64_t)page, "the memory of this machine");
    take_groups(limit, root);
}

void memory_limit_text(
        const struct memory_limit *limit, uint64_t plan, char *text, uint64_t text_bytes)
{
    (void)snprintf(text, text_bytes,
            "limit=%" PRIu64 "MiB plan=%" PRIu64
            "MiB: the memory limit (%s) is below what this node may need under load, and then the kernel ends it; raise the limit, or lower --connections, --sessions, --locks, --holds or --waits (see --plan)",
            limit->bytes >> 20, plan >> 20, limit->source);
}
