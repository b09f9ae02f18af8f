#include "io/disk_maker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "io/disk_file.h"

/* While the log is being written, a chunk of zeros is begun only this often. */
static const uint64_t chunk_pause_ns = 2 * NS_PER_MS;

static void begin(struct disk *disk, struct io_uring_sqe *sqe)
{
    assert(!disk->maker.under_way);
    disk->maker.under_way = true;
    io_uring_sqe_set_data64(sqe, uring_tag(OP_MAKE_SEGMENT, 0));
}

/* Remove what is half made. The node is told when that is done. */
static void give_up(struct disk *disk, const char *what, int error)
{
    struct disk_maker *maker = &disk->maker;
    if (maker->fd >= 0)
        (void)close(maker->fd);
    maker->fd = -1;
    if (!maker->said)
        tell_line(disk->tell, TELL_WARN, "segment-failed",
                "segment=%llu step=%s error=\"%s\": the next log segment cannot be created; free space in the data directory (lockd retries every second)",
                (unsigned long long)maker->number, what, strerror(error));
    maker->said = true;
    maker->state = MAKER_REMOVING;
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_unlinkat(sqe, disk->folder, maker->name_new, 0);
    begin(disk, sqe);
}

static void reserve(struct disk *disk)
{
    struct disk_maker *maker = &disk->maker;
    maker->state = MAKER_RESERVING;
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_fallocate(sqe, maker->fd, 0, 0, (off_t)disk->settings.segment_bytes);
    begin(disk, sqe);
}

/* Through the ring, like all that changes the file system: where it hangs, that hangs. */
static void start(struct disk *disk, uint64_t number)
{
    struct disk_maker *maker = &disk->maker;
    maker->number = number;
    maker->filled = 0;
    segment_name(maker->name, number);
    int length = snprintf(maker->name_new, sizeof maker->name_new, "%s.new", maker->name);
    assert(length > 0 && length < (int)sizeof maker->name_new);
    maker->state = MAKER_CREATING;
    int flags = O_RDWR | O_CLOEXEC | O_CREAT | O_TRUNC | (disk->direct ? O_DIRECT : 0);
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_openat(sqe, disk->folder, maker->name_new, flags, 0640);
    begin(disk, sqe);
}

/* The first file of all finds out whether the file system knows O_DIRECT. */
static int find_way_to_open(struct disk *disk, int32_t result)
{
    if (result != -EINVAL || !disk->direct)
        return result;
    int fd = disk_open_file(disk, disk->maker.name_new, O_CREAT | O_TRUNC);
    return fd < 0 ? -errno : fd;
}

static void fill(struct disk *disk)
{
    struct disk_maker *maker = &disk->maker;
    uint64_t count = disk->settings.segment_bytes - maker->filled;
    if (count > DISK_FILL_BYTES)
        count = DISK_FILL_BYTES;
    maker->chunk_ns = disk->turn->now_ns;
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_write(sqe, maker->fd, maker->zeros, (unsigned)count, maker->filled);
    begin(disk, sqe);
}

static void sync_descriptor(struct disk *disk, enum maker_state state, int fd)
{
    disk->maker.state = state;
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_fsync(sqe, fd, 0);
    begin(disk, sqe);
}

static void rename_file(struct disk *disk)
{
    struct disk_maker *maker = &disk->maker;
    maker->state = MAKER_RENAMING;
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_renameat(
            sqe, disk->folder, maker->name_new, disk->folder, maker->name, 0);
    begin(disk, sqe);
}

static void finish(struct disk *disk)
{
    struct disk_maker *maker = &disk->maker;
    disk_adopt(disk, maker->number, maker->fd);
    maker->fd = -1;
    maker->state = MAKER_IDLE;
    maker->said = false;
    maker->wanted = 0;
    tell_line(disk->tell, TELL_DEBUG, "segment-ready", "segment=%llu",
            (unsigned long long)maker->number);
    turn_step(disk->turn,
            (struct node_event){.kind = NODE_SEGMENT_READY, .id = maker->number});
}

static void finish_in_vain(struct disk *disk)
{
    struct disk_maker *maker = &disk->maker;
    maker->state = MAKER_IDLE;
    maker->wanted = 0;
    turn_step(disk->turn,
            (struct node_event){.kind = NODE_SEGMENT_FAILED, .id = maker->number});
}

void maker_go_on(struct disk *disk)
{
    struct disk_maker *maker = &disk->maker;
    uint64_t now = disk->turn->now_ns;
    if (maker->under_way)
        return;
    if (maker->state == MAKER_IDLE && maker->wanted != 0)
        start(disk, maker->wanted);
    else if (maker->state == MAKER_FILLING &&
             (disk->writes_under_way == 0 || now >= maker->chunk_ns + chunk_pause_ns))
        fill(disk);
}

static const char *name_step(enum maker_state state)
{
    static const char *const names[] = {
            [MAKER_IDLE] = "none",
            [MAKER_CREATING] = "create",
            [MAKER_RESERVING] = "reserve",
            [MAKER_FILLING] = "fill",
            [MAKER_SYNCING] = "sync",
            [MAKER_RENAMING] = "rename",
            [MAKER_SYNCING_FOLDER] = "sync-folder",
            [MAKER_REMOVING] = "remove",
    };
    return names[state];
}

static void take_result(struct disk *disk, int32_t result)
{
    struct disk_maker *maker = &disk->maker;
    switch (maker->state) {
    case MAKER_CREATING:
        maker->fd = result;
        reserve(disk);
        break;
    case MAKER_RESERVING:
        maker->state = MAKER_FILLING;
        break;
    case MAKER_FILLING:
        maker->filled += (uint64_t)result;
        if (maker->filled == disk->settings.segment_bytes)
            sync_descriptor(disk, MAKER_SYNCING, maker->fd);
        break;
    case MAKER_SYNCING:
        rename_file(disk);
        break;
    case MAKER_RENAMING:
        sync_descriptor(disk, MAKER_SYNCING_FOLDER, disk->folder);
        break;
    case MAKER_SYNCING_FOLDER:
        finish(disk);
        break;
    case MAKER_REMOVING:
        finish_in_vain(disk);
        break;
    case MAKER_IDLE:
        assert(maker->state != MAKER_IDLE);
        break;
    }
}

/* Not every file system can reserve space; then filling finds out whether there is any. */
static bool is_failure(const struct disk_maker *maker, int32_t result)
{
    if (maker->state == MAKER_REMOVING)
        return false;
    if (maker->state == MAKER_RESERVING)
        return result < 0 && result != -EOPNOTSUPP && result != -EINTR;
    if (maker->state == MAKER_FILLING)
        return result <= 0 || result % WAL_BLOCK_BYTES != 0;
    return result < 0;
}

void maker_done(struct disk *disk, const struct uring_done *done)
{
    struct disk_maker *maker = &disk->maker;
    int32_t result = done->result;
    maker->under_way = false;
    if (maker->state == MAKER_CREATING)
        result = find_way_to_open(disk, result);
    if (!is_failure(maker, result)) {
        take_result(disk, result);
        return;
    }
    /*
     * Renamed already, but its folder is not synced: the name may or may not survive a
     * crash.
     */
    if (maker->state == MAKER_SYNCING_FOLDER)
        tell_fatal(disk->tell, "folder-sync-failed",
                "path=%s error=\"%s\": the data directory cannot be synced; replace the disk, then start lockd on a good copy of the directory",
                disk->settings.path, strerror(-result));
    give_up(disk, name_step(maker->state), result < 0 ? -result : ENOSPC);
}

uint64_t maker_deadline(const struct disk *disk)
{
    const struct disk_maker *maker = &disk->maker;
    if (!maker->under_way && maker->state == MAKER_FILLING)
        return maker->chunk_ns + chunk_pause_ns;
    return UINT64_MAX;
}
