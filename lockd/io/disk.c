#include "io/disk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/numbers.h"
#include "io/disk_file.h"
#include "io/disk_maker.h"
#include "io/disk_snapshot.h"
#include "io/locked_memory.h"

enum {
    READ_TRIES_MAX = 100 /* That the kernel asks to make again */
};

void disk_close(struct disk *disk)
{
    for (uint32_t i = 0; i < DISK_FILES_MAX; i++) {
        if (disk->files[i].number != 0)
            (void)close(disk->files[i].fd);
        disk->files[i].number = 0;
    }
    snapshot_close(disk);
    if (disk->folder >= 0)
        (void)close(disk->folder);
    disk->folder = -1;
}

void disk_carve(struct disk *disk, struct arena *arena, uint32_t segments_max)
{
    disk->read_buffers = arena_take(
            arena, "reads of the log", NODE_READ_BUFFERS, NODE_READ_BYTES_MAX, 4096);
    disk->maker.zeros =
            arena_take(arena, "zeros for new segments", 1, DISK_FILL_BYTES, 4096);
    disk->other.buffer =
            arena_take(arena, "reads of snapshots", 1, SNAPSHOT_CHUNK_BYTES_MAX, 4096);
    disk->numbers = arena_take(arena, "segment numbers", segments_max,
            sizeof *disk->numbers, sizeof(uint64_t));
}

/* ---- Serving ---- */

/*
 * What a crash left: files with temporary names, segments before the beginning of the log,
 * and more snapshots than are kept.
 */
static bool is_left_over(const struct disk *disk, const char *name)
{
    size_t length = strlen(name);
    bool temporary = length > 4 && strcmp(name + length - 4, ".new") == 0;
    if (temporary)
        return strncmp(name, "segment-", 8) == 0 || strncmp(name, "snapshot-", 9) == 0 ||
               strncmp(name, "received-", 9) == 0 || strncmp(name, log_begin_name, 9) == 0;
    uint64_t segment = segment_number(name);
    if (segment != 0)
        return segment < disk->first_segment;
    uint64_t snapshot = snapshot_number(name);
    return snapshot != 0 && !node_has_snapshot(disk->turn->node, snapshot);
}

static void remove_leftovers(struct disk *disk)
{
    int copy = openat(disk->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (listing == NULL)
        return;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (is_left_over(disk, entry->d_name))
            (void)unlinkat(disk->folder, entry->d_name, 0);
    }
    (void)closedir(listing);
}

void disk_begin(struct disk *disk)
{
    uint64_t count = 0;
    const unsigned char *buffer = node_log_buffer(disk->turn->node, &count);
    /* The kernel only reads from it; struct iovec has no const. */
    struct iovec region = {.iov_base = (void *)(uintptr_t)buffer, .iov_len = count};
    int failed = -ENOMEM;
    if (locked_memory_is_ample(count))
        failed = io_uring_register_buffers(&disk->uring->ring, &region, 1);
    disk->registered = failed == 0;
    if (failed != 0)
        tell_line(disk->tell, TELL_INFO, "log-buffer-not-registered",
                "bytes=%llu error=\"%s\": the log buffer is not locked in memory, which is slightly slower; raise RLIMIT_MEMLOCK to twice this size (ulimit -l, LimitMEMLOCK=)",
                (unsigned long long)count, strerror(-failed));
    remove_leftovers(disk);
}

static bool syncs_after(const struct disk *disk)
{
    return disk->settings.sync_after || !disk->direct;
}

static void begin_write(struct disk *disk, uint32_t slot)
{
    struct disk_write *own = &disk->writes[slot];
    const struct wal_write *write = &own->write;
    bool after = syncs_after(disk);
    uring_reserve(disk->uring, 2);
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    if (disk->registered)
        io_uring_prep_write_fixed(sqe, own->file->fd, write->bytes, (unsigned)write->count,
                write->place.offset, 0);
    else
        io_uring_prep_write(sqe, own->file->fd, write->bytes, (unsigned)write->count,
                write->place.offset);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_LOG_WRITE, slot));
    if (!after) {
        sqe->rw_flags = RWF_DSYNC;
        return;
    }
    io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
    struct io_uring_sqe *sync = uring_next(disk->uring);
    io_uring_prep_fsync(sync, own->file->fd, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data64(sync, uring_tag(OP_LOG_SYNC, slot));
}

static void perform_write(struct disk *disk, const struct wal_write *write)
{
    uint32_t slot = 0;
    while (slot < NODE_WRITES_MAX && disk->writes[slot].file != NULL)
        slot++;
    assert(slot < NODE_WRITES_MAX);
    assert(write->count > 0 && write->count % WAL_BLOCK_BYTES == 0);
    struct disk_file *file = disk_use_file(disk, write->place.segment);
    disk->writes[slot] = (struct disk_write){
            .write = *write, .file = file, .synced = !syncs_after(disk)};
    disk->writes_under_way++;
    begin_write(disk, slot);
}

static void finish_write(struct disk *disk, struct disk_write *own)
{
    if (!own->written || !own->synced)
        return;
    own->file->users--;
    own->file = NULL;
    disk->writes_under_way--;
    turn_step(disk->turn, (struct node_event){.kind = NODE_WRITTEN, .id = own->write.id});
}

static void __attribute__((noreturn))
die_of_write(const struct disk *disk, const struct disk_write *own, const char *error)
{
    tell_fatal(disk->tell, "log-write-failed",
            "path=%s segment=%llu offset=%llu bytes=%llu error=\"%s\": a log write failed, so what is on the disk is unknown; check the disk, then restart lockd, which reads the log back",
            disk->settings.path, (unsigned long long)own->write.place.segment,
            (unsigned long long)own->write.place.offset,
            (unsigned long long)own->write.count, error);
}

void disk_written(struct disk *disk, const struct uring_done *done)
{
    struct disk_write *own = &disk->writes[uring_tag_slot(done->tag)];
    assert(own->file != NULL && !own->written);
    if (done->result < 0)
        die_of_write(disk, own, strerror(-done->result));
    if ((uint64_t)done->result != own->write.count)
        die_of_write(disk, own, "short write");
    own->written = true;
    finish_write(disk, own);
}

void disk_synced(struct disk *disk, const struct uring_done *done)
{
    struct disk_write *own = &disk->writes[uring_tag_slot(done->tag)];
    assert(own->file != NULL && !own->synced);
    if (done->result < 0)
        die_of_write(disk, own, strerror(-done->result));
    own->synced = true;
    finish_write(disk, own);
}

/* Of the read that is under way */
static unsigned char *read_buffer(const struct disk *disk)
{
    return disk->read_buffers + (size_t)disk->read.buffer * NODE_READ_BYTES_MAX;
}

static void begin_read(struct disk *disk)
{
    struct io_uring_sqe *sqe = uring_next(disk->uring);
    io_uring_prep_read(sqe, disk->read_file->fd, read_buffer(disk) + disk->read_bytes,
            (unsigned)(disk->read.count - disk->read_bytes),
            disk->read.place.offset + disk->read_bytes);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_LOG_READ, 0));
}

static void say_read_failed(struct disk *disk, int error)
{
    if (!disk->read_said)
        tell_line(disk->tell, TELL_ERROR, "log-read-failed",
                "path=%s segment=%llu offset=%llu error=\"%s\": a durable part of the log cannot be read; check the disk (dmesg, smartctl), and put the file back if it is missing",
                disk->settings.path, (unsigned long long)disk->read.place.segment,
                (unsigned long long)disk->read.place.offset, strerror(error));
    disk->read_said = true;
}

/* Whatever was read goes to the node; what it needs and does not get, it asks for again. */
static void finish_read(struct disk *disk)
{
    disk->reading = false;
    if (disk->read_file != NULL)
        disk->read_file->users--;
    turn_step(disk->turn,
            (struct node_event){.kind = NODE_READ,
                    .id = disk->read.id,
                    .bytes = read_buffer(disk),
                    .count = disk->read_bytes / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES});
}

static void perform_read(struct disk *disk, const struct node_read *read)
{
    assert(!disk->reading && read->count <= NODE_READ_BYTES_MAX);
    assert(read->buffer < NODE_READ_BUFFERS);
    assert(read->count % WAL_BLOCK_BYTES == 0 && read->place.offset % WAL_BLOCK_BYTES == 0);
    disk->reading = true;
    disk->read = *read;
    disk->read_bytes = 0;
    disk->read_tries = 0;
    disk->read_file = disk_find_file(disk, read->place.segment);
    if (disk->read_file != NULL) {
        begin_read(disk);
        return;
    }
    say_read_failed(disk, errno);
    disk->read_failed = true; /* No step may overwrite effects that are being performed. */
}

void disk_read(struct disk *disk, const struct uring_done *done)
{
    assert(disk->reading);
    bool again = (done->result == -EINTR || done->result == -EAGAIN) &&
                 ++disk->read_tries < READ_TRIES_MAX;
    if (done->result < 0 && !again)
        say_read_failed(disk, -done->result);
    if (done->result > 0) {
        disk->read_bytes += (size_t)done->result;
        disk->read_said = false;
    }
    /* Short but not at the file's end: a multiple of the block, continue after it. */
    bool is_more = done->result > 0 && disk->read_bytes < disk->read.count &&
                   disk->read_bytes % WAL_BLOCK_BYTES == 0;
    if (again || is_more)
        begin_read(disk);
    else
        finish_read(disk);
}

void disk_perform(struct disk *disk, const struct node_effects *effects)
{
    for (uint32_t i = 0; i < effects->write_count; i++)
        perform_write(disk, &effects->writes[i]);
    if (effects->read_wanted)
        perform_read(disk, &effects->read);
    if (effects->segment_wanted != 0)
        disk->maker.wanted = effects->segment_wanted;
    maker_go_on(disk);
    if (effects->file_wanted)
        snapshot_perform(disk, &effects->file);
    snapshot_go_on(disk);
}

void disk_time(struct disk *disk)
{
    snapshot_tell_failed(disk);
    if (!disk->read_failed)
        return;
    disk->read_failed = false;
    finish_read(disk);
}

uint64_t disk_deadline(const struct disk *disk)
{
    uint64_t deadline_ns = u64_min(maker_deadline(disk), snapshot_deadline(disk));
    return disk->read_failed ? 0 : deadline_ns;
}
