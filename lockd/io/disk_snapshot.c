#include "io/disk_snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "io/disk_file.h"

static const char prefix[] = "snapshot-";
const char log_begin_name[] = "log-begin";

enum {
    NUMBER_DIGITS = 20
};

/* While the log is being written, a write is begun only this often. */
static const uint64_t write_pause_ns = 2 * NS_PER_MS;

void snapshot_name(char *name, uint64_t number)
{
    int length = snprintf(name, DISK_NAME_BYTES, "%s%0*llu", prefix, NUMBER_DIGITS,
            (unsigned long long)number);
    assert(length > 0 && length < DISK_NAME_BYTES);
}

uint64_t snapshot_number(const char *name)
{
    size_t length = strlen(name);
    if (length != sizeof prefix - 1 + NUMBER_DIGITS ||
            strncmp(name, prefix, sizeof prefix - 1) != 0)
        return 0;
    const char *digits = name + sizeof prefix - 1;
    if (strspn(digits, "0123456789") != NUMBER_DIGITS)
        return 0;
    errno = 0;
    uint64_t number = strtoull(digits, NULL, 10);
    return errno == 0 ? number : 0;
}

static void name_final(char *name, const struct node_file *file)
{
    if (file->name == NODE_FILE_SEGMENT)
        segment_name(name, file->number);
    else if (file->name == NODE_FILE_BEGIN)
        (void)snprintf(name, DISK_NAME_BYTES, "%s", log_begin_name);
    else
        snapshot_name(name, file->number);
}

static void name_temporary(char *name, const struct node_file *file)
{
    if (file->name == NODE_FILE_RECEIVED)
        (void)snprintf(name, DISK_NAME_BYTES, "received-%0*llu.new", NUMBER_DIGITS,
                (unsigned long long)file->number);
    else if (file->name == NODE_FILE_BEGIN)
        (void)snprintf(name, DISK_NAME_BYTES, "%s.new", log_begin_name);
    else
        (void)snprintf(name, DISK_NAME_BYTES, "%s%0*llu.new", prefix, NUMBER_DIGITS,
                (unsigned long long)file->number);
}

/* The descriptor of a temporary file: one for each name. */
static int *writing(struct disk *disk, const struct node_file *file)
{
    assert((int)file->name < (int)DISK_TEMPORARY_MAX);
    return &disk->other.writing[file->name];
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void snapshot_close(struct disk *disk)
{
    for (int i = 0; i < DISK_TEMPORARY_MAX; i++)
        close_one(&disk->other.writing[i]);
    close_one(&disk->other.reading);
}

/* ---- Ends ---- */

static void finish(struct disk *disk, bool failed)
{
    struct disk_other *other = &disk->other;
    other->step = OTHER_IDLE;
    bool read = other->file.action == NODE_FILE_READ;
    turn_step(disk->turn, (struct node_event){.kind = NODE_FILE_DONE,
                                  .id = other->file.id,
                                  .failed = failed,
                                  .bytes = read ? other->buffer : NULL,
                                  .count = read && !failed ? other->done : 0});
}

static const char *name_action(enum node_file_action action)
{
    static const char *const names[] = {
            [NODE_FILE_CREATE] = "create",
            [NODE_FILE_WRITE] = "write",
            [NODE_FILE_PUBLISH] = "publish",
            [NODE_FILE_DISCARD] = "discard",
            [NODE_FILE_READ] = "read",
            [NODE_FILE_REMOVE] = "remove",
    };
    return names[action];
}

static void say_failed(struct disk *disk, int error)
{
    char name[DISK_NAME_BYTES];
    const struct node_file *file = &disk->other.file;
    name_final(name, file);
    if (!disk->other.said)
        tell_line(disk->tell, TELL_WARN, "file-failed",
                "path=%s file=%s step=%s error=\"%s\": lockd tries again later; check the disk, and whether it is full",
                disk->settings.path, name, name_action(file->action), strerror(error));
    disk->other.said = true;
}

/* While effects are performed no step may follow: the node learns it in the next turn. */
static void fail_later(struct disk *disk, int error)
{
    say_failed(disk, error);
    disk->other.step = OTHER_FAILED;
}

void snapshot_tell_failed(struct disk *disk)
{
    if (disk->other.step == OTHER_FAILED)
        finish(disk, true);
}

/* ---- Begins ---- */

static struct io_uring_sqe *next(struct disk *disk, enum other_step step)
{
    disk->other.step = step;
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    return sqe;
}

static void tag(struct io_uring_sqe *sqe)
{
    io_uring_sqe_set_data64(sqe, uring_tag(OP_FILE, 0));
}

static void write_more(struct disk *disk)
{
    struct disk_other *other = &disk->other;
    other->written_ns = disk->turn->now_ns;
    struct io_uring_sqe *sqe = next(disk, OTHER_WRITING);
    io_uring_prep_write(sqe, *writing(disk, &other->file), other->file.bytes + other->done,
            (unsigned)(other->file.count - other->done), other->file.offset + other->done);
    tag(sqe);
}

static void read_more(struct disk *disk)
{
    struct disk_other *other = &disk->other;
    struct io_uring_sqe *sqe = next(disk, OTHER_READING);
    io_uring_prep_read(sqe, other->reading, other->buffer + other->done,
            (unsigned)(other->file.count - other->done), other->file.offset + other->done);
    tag(sqe);
}

static void unlink_name(struct disk *disk)
{
    struct io_uring_sqe *sqe = next(disk, OTHER_UNLINKING);
    io_uring_prep_unlinkat(sqe, disk->folder, disk->other.name, 0);
    tag(sqe);
}

static void sync_file(struct disk *disk, enum other_step step, int fd)
{
    struct io_uring_sqe *sqe = next(disk, step);
    io_uring_prep_fsync(sqe, fd, 0);
    tag(sqe);
}

static void rename_file(struct disk *disk)
{
    struct disk_other *other = &disk->other;
    name_temporary(other->name, &other->file);
    name_final(other->name_to, &other->file);
    struct io_uring_sqe *sqe = next(disk, OTHER_RENAMING);
    io_uring_prep_renameat(sqe, disk->folder, other->name, disk->folder, other->name_to, 0);
    tag(sqe);
}

/*
 * Always a new file: a write that an earlier process has begun must not go into it, nor a
 * write of a file that was given up.
 */
static bool create(struct disk *disk)
{
    struct disk_other *other = &disk->other;
    int *fd = writing(disk, &other->file);
    close_one(fd);
    name_temporary(other->name, &other->file);
    (void)unlinkat(disk->folder, other->name, 0);
    *fd = disk_open_file(disk, other->name, O_CREAT | O_EXCL);
    return *fd >= 0;
}

static bool open_for_reading(struct disk *disk)
{
    struct disk_other *other = &disk->other;
    if (other->reading >= 0 && other->reading_number == other->file.number)
        return true;
    close_one(&other->reading);
    name_final(other->name, &other->file);
    other->reading = disk_open_file(disk, other->name, 0);
    other->reading_number = other->file.number;
    return other->reading >= 0;
}

static void begin_remove(struct disk *disk)
{
    struct disk_other *other = &disk->other;
    if (other->file.name == NODE_FILE_SEGMENT)
        disk_forget_file(disk, other->file.number);
    else if (other->reading >= 0 && other->reading_number == other->file.number)
        close_one(&other->reading);
    name_final(other->name, &other->file);
    unlink_name(disk);
}

static void begin_read(struct disk *disk)
{
    assert(disk->other.file.count <= SNAPSHOT_CHUNK_BYTES_MAX);
    if (open_for_reading(disk))
        read_more(disk);
    else
        fail_later(disk, errno);
}

void snapshot_perform(struct disk *disk, const struct node_file *file)
{
    struct disk_other *other = &disk->other;
    assert(other->step == OTHER_IDLE);
    other->file = *file;
    other->done = 0;
    switch (file->action) {
    case NODE_FILE_CREATE:
        other->step = OTHER_TO_WRITE;
        if (!create(disk))
            fail_later(disk, errno);
        break;
    case NODE_FILE_WRITE:
        other->step = OTHER_TO_WRITE;
        break;
    case NODE_FILE_PUBLISH:
        sync_file(disk, OTHER_SYNCING, *writing(disk, file));
        break;
    case NODE_FILE_DISCARD:
        close_one(writing(disk, file));
        name_temporary(other->name, file);
        unlink_name(disk);
        break;
    case NODE_FILE_READ:
        begin_read(disk);
        break;
    case NODE_FILE_REMOVE:
        begin_remove(disk);
        break;
    }
}

static uint64_t may_write_ns(const struct disk *disk)
{
    bool busy = disk->writes_under_way > 0;
    return busy ? disk->other.written_ns + write_pause_ns : 0;
}

void snapshot_go_on(struct disk *disk)
{
    if (disk->other.step == OTHER_TO_WRITE && disk->turn->now_ns >= may_write_ns(disk))
        write_more(disk);
}

/* ---- Completions ---- */

static void on_moved(struct disk *disk, int32_t result)
{
    struct disk_other *other = &disk->other;
    bool ok = result > 0 && result % WAL_BLOCK_BYTES == 0;
    if (!ok) {
        say_failed(disk, result < 0 ? -result : EIO);
        finish(disk, true);
        return;
    }
    other->done += (size_t)result;
    if (other->done == other->file.count)
        finish(disk, false);
    else if (other->step == OTHER_WRITING)
        write_more(disk);
    else
        read_more(disk);
}

static void on_step(struct disk *disk, int32_t result)
{
    struct disk_other *other = &disk->other;
    switch (other->step) {
    case OTHER_WRITING:
    case OTHER_READING:
        on_moved(disk, result);
        return;
    case OTHER_SYNCING:
        rename_file(disk);
        return;
    case OTHER_RENAMING:
        close_one(writing(disk, &other->file));
        sync_file(disk, OTHER_SYNCING_FOLDER, disk->folder);
        return;
    case OTHER_SYNCING_FOLDER:
    case OTHER_UNLINKING:
        finish(disk, false);
        return;
    case OTHER_IDLE:
    case OTHER_TO_WRITE:
    case OTHER_FAILED:
        break;
    }
    assert(other->step == OTHER_UNLINKING);
}

void snapshot_op_done(struct disk *disk, const struct uring_done *done)
{
    struct disk_other *other = &disk->other;
    int32_t result = done->result;
    bool gone = other->step == OTHER_UNLINKING && result == -ENOENT;
    bool again = result == -EINTR || result == -EAGAIN;
    if (again && other->step == OTHER_WRITING) {
        write_more(disk);
    } else if (again && other->step == OTHER_READING) {
        read_more(disk);
    } else if (result >= 0 || gone) {
        other->said = other->said && result >= 0 && other->step == OTHER_READING;
        on_step(disk, result);
    } else if (other->step == OTHER_SYNCING_FOLDER) {
        /* It is renamed, and the name may or may not survive a crash. */
        tell_fatal(disk->tell, "folder-sync-failed",
                "path=%s error=\"%s\": the data directory cannot be synced; replace the disk, then start lockd on a good copy of the directory",
                disk->settings.path, strerror(-result));
    } else {
        say_failed(disk, -result);
        finish(disk, true);
    }
}

uint64_t snapshot_deadline(const struct disk *disk)
{
    if (disk->other.step == OTHER_FAILED)
        return 0;
    return disk->other.step == OTHER_TO_WRITE ? may_write_ns(disk) : UINT64_MAX;
}
