#include "offline/survivor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/disk_file.h"
#include "io/disk_snapshot.h"
#include "offline/replay.h"

enum {
    FEED_BYTES = 1024 * 1024,
    ROOM_FIRST = 1024,
};

/* ---- Files ---- */

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* `*numbers` has room for a power of two; false: there is no memory. */
static bool add_number(uint64_t **numbers, uint32_t *count, uint64_t number)
{
    bool full = (*count & (*count - 1)) == 0;
    size_t room = *count == 0 ? 1 : (size_t)*count * 2;
    uint64_t *grown = full ? realloc(*numbers, room * sizeof **numbers) : *numbers;
    if (grown == NULL)
        return false;
    *numbers = grown;
    grown[(*count)++] = number;
    return true;
}

static bool note_file(struct survivor *survivor, const char *name)
{
    uint64_t segment = segment_number(name);
    uint64_t snapshot = snapshot_number(name);
    bool old = survivor->has_begin && segment < survivor->begin.begin.segment;
    if (segment != 0 && !old &&
            !add_number(&survivor->segments, &survivor->segment_count, segment))
        return false;
    return snapshot == 0 ||
           add_number(&survivor->snapshots, &survivor->snapshot_count, snapshot);
}

static const char *list_files(struct survivor *survivor)
{
    int copy = openat(survivor->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL)
        return strerror(errno);
    bool noted = true;
    for (struct dirent *entry; noted && (entry = readdir(listing)) != NULL;)
        noted = note_file(survivor, entry->d_name);
    (void)closedir(listing);
    if (survivor->segment_count > 0)
        qsort(survivor->segments, survivor->segment_count, sizeof survivor->segments[0],
                compare_numbers);
    if (survivor->snapshot_count > 0)
        qsort(survivor->snapshots, survivor->snapshot_count, sizeof survivor->snapshots[0],
                compare_numbers);
    return noted ? NULL : strerror(ENOMEM);
}

static const char *read_begin(struct survivor *survivor)
{
    unsigned char block[WAL_BLOCK_BYTES];
    int fd = openat(survivor->folder, log_begin_name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? NULL : strerror(errno);
    ptrdiff_t count = offline_read_at(fd, block, sizeof block, 0);
    (void)close(fd);
    enum begin_finding finding = count == (ptrdiff_t)sizeof block
                                         ? log_begin_read(block, &survivor->begin)
                                         : BEGIN_DAMAGED;
    if (finding == BEGIN_NEWER)
        return "a newer lockd wrote its file log-begin: use that version";
    if (finding == BEGIN_DAMAGED)
        return "its file log-begin is damaged, so nobody knows where its log begins";
    survivor->has_begin = true;
    return NULL;
}

/* ---- The log, with somebody to take its items ---- */

struct reader {
    struct survivor *survivor;
    void *memory;
    size_t bytes;
    struct recovery *recovery;
    unsigned char *buffer;
    const char *why;
    /* Takes one item; false: `why` says what is wrong. */
    bool (*take)(struct reader *reader, const struct recovery_item *item);
};

static void reader_close(struct reader *reader)
{
    free(reader->buffer);
    if (reader->memory != NULL)
        (void)munmap(reader->memory, reader->bytes);
}

static bool reader_open(struct reader *reader, struct survivor *survivor)
{
    uint64_t first = survivor->has_begin ? survivor->begin.begin.segment : 1;
    uint32_t count = survivor->segment_count;
    uint64_t last = count > 0 ? survivor->segments[count - 1] : first;
    const struct wal_settings settings = {
            .segments_max =
                    last - first < UINT16_MAX ? (uint32_t)(last - first) + 2 : count + 2};
    struct arena arena;
    arena_init(&arena, NULL, 0);
    (void)recovery_carve(&arena, &settings);
    reader->survivor = survivor;
    reader->bytes = arena_used_bytes(&arena);
    reader->buffer = malloc(FEED_BYTES);
    void *memory = mmap(NULL, reader->bytes, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || reader->buffer == NULL)
        return false;
    reader->memory = memory;
    arena_init(&arena, memory, reader->bytes);
    reader->recovery = recovery_carve(&arena, &settings);
    recovery_init(reader->recovery, &settings);
    if (survivor->has_begin)
        recovery_begin_as(reader->recovery, &survivor->begin);
    return true;
}

static bool take_items(struct reader *reader)
{
    struct recovery_item item;
    bool taken = true;
    while (recovery_next(reader->recovery, &item))
        taken = taken && reader->take(reader, &item);
    return taken;
}

/* What cannot be read counts as damaged: recovery learns the size, and gets less. */
static bool read_segment(struct reader *reader, uint64_t number)
{
    char name[DISK_NAME_BYTES];
    struct stat status;
    segment_name(name, number);
    int fd = openat(reader->survivor->folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        reader->why = strerror(errno);
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    recovery_begin_segment(reader->recovery, number, (uint64_t)status.st_size);
    bool taken = true;
    for (uint64_t at = 0; taken;) {
        ptrdiff_t count = offline_read_at(fd, reader->buffer, FEED_BYTES, at);
        size_t whole = count < 0 ? 0 : (size_t)count / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
        if (whole == 0)
            break;
        recovery_feed(reader->recovery, reader->buffer, whole);
        taken = take_items(reader);
        at += whole;
    }
    (void)close(fd);
    return taken;
}

static const char *read_log(struct survivor *survivor,
        bool (*take)(struct reader *reader, const struct recovery_item *item))
{
    struct reader reader = {.take = take};
    bool read = reader_open(&reader, survivor);
    if (!read)
        reader.why = strerror(ENOMEM);
    for (uint32_t i = 0; read && i < survivor->segment_count; i++)
        read = read_segment(&reader, survivor->segments[i]);
    if (read)
        survivor->found = recovery_decide(reader.recovery);
    reader_close(&reader);
    return read ? NULL : reader.why;
}

/* ---- First: which entries it has ---- */

static bool grow(struct survivor *survivor)
{
    uint64_t room = survivor->sum_room == 0 ? ROOM_FIRST : 2 * survivor->sum_room;
    uint64_t *grown = realloc(survivor->sums, room * sizeof *grown);
    if (grown == NULL)
        return false;
    survivor->sums = grown;
    survivor->sum_room = room;
    return true;
}

static bool note_item(struct reader *reader, const struct recovery_item *item)
{
    struct survivor *survivor = reader->survivor;
    if (item->kind == RECOVERY_TRUNCATE && item->from >= survivor->first &&
            item->from - survivor->first < survivor->sum_count)
        survivor->sum_count = item->from - survivor->first;
    if (item->kind != RECOVERY_ENTRY)
        return true;
    uint64_t index = item->head.id.index;
    if (survivor->sum_count == 0)
        survivor->first = index;
    survivor->sum_count = index - survivor->first;
    if (survivor->sum_count == survivor->sum_room && !grow(survivor)) {
        reader->why = strerror(ENOMEM);
        return false;
    }
    survivor->sums[survivor->sum_count++] = item->head.sum;
    return true;
}

static bool has_entry(const struct survivor *survivor, uint64_t index, uint64_t sum)
{
    return index >= survivor->first && index - survivor->first < survivor->sum_count &&
           survivor->sums[index - survivor->first] == sum;
}

/* ---- The snapshot that belongs to it ---- */

static bool belongs(const struct survivor *survivor, const struct snapshot_header *header)
{
    const struct log_begin *begin = &survivor->begin.begin;
    bool is_begin = survivor->has_begin && header->last.index == begin->before.index &&
                    header->last_sum == begin->sum;
    return is_begin || has_entry(survivor, header->last.index, header->last_sum);
}

static bool try_snapshot(struct survivor *survivor, uint64_t index, struct versions known)
{
    char name[DISK_NAME_BYTES];
    snapshot_name(name, index);
    int fd = openat(survivor->folder, name, O_RDONLY | O_CLOEXEC);
    const char *why = fd < 0 ? strerror(errno) : offline_load(&survivor->state, fd, known);
    if (fd >= 0)
        (void)close(fd);
    if (why == NULL && belongs(survivor, &survivor->state.header)) {
        survivor->snapshot = index;
        return true;
    }
    offline_drop(&survivor->state);
    return false;
}

static const char *load_snapshot(struct survivor *survivor, struct versions known)
{
    for (uint32_t i = survivor->snapshot_count; i > 0; i--) {
        if (try_snapshot(survivor, survivor->snapshots[i - 1], known))
            return NULL;
    }
    survivor->state = (struct offline_state){0};
    return survivor->has_begin ? "no snapshot in it belongs to its log and can be read"
                               : NULL;
}

/* ---- Second: what they do ---- */

static bool apply_item(struct reader *reader, const struct recovery_item *item)
{
    struct survivor *survivor = reader->survivor;
    struct offline_state *state = &survivor->state;
    if (item->kind != RECOVERY_ENTRY ||
            item->head.id.index != state->header.last.index + 1 ||
            !has_entry(survivor, item->head.id.index, item->head.sum))
        return true;
    if (offline_apply(state, &item->head, item->entry + ENTRY_HEAD_BYTES))
        return true;
    reader->why =
            "an entry of its log cannot be applied by this lockd: use the version that wrote it";
    return false;
}

static const char *read_all(struct survivor *survivor, struct versions known)
{
    const char *why = read_begin(survivor);
    if (why == NULL)
        why = list_files(survivor);
    if (why == NULL)
        why = read_log(survivor, note_item);
    if (why == NULL)
        why = load_snapshot(survivor, known);
    return why == NULL ? read_log(survivor, apply_item) : why;
}

const char *survivor_read(
        struct survivor *survivor, const char *path, struct versions known)
{
    *survivor = (struct survivor){.folder = -1};
    survivor->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (survivor->folder < 0)
        return strerror(errno);
    if (flock(survivor->folder, LOCK_SH | LOCK_NB) != 0)
        return "a lockd that runs uses it: stop that process first";
    return read_all(survivor, known);
}

void survivor_drop(struct survivor *survivor)
{
    offline_drop(&survivor->state);
    free(survivor->segments);
    free(survivor->snapshots);
    free(survivor->sums);
    if (survivor->folder >= 0)
        (void)close(survivor->folder);
}
