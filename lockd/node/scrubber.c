/* Looks for damage: see scrubber.h. */
#include "node/scrubber.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

void scrubber_init(struct scrubber *scrubber, uint64_t now_ns)
{
    scrubber->begun_ns = now_ns;
    scrubber->next_ns = now_ns + scrubber->every_ns;
}

static void pace(struct scrubber *scrubber, uint64_t bytes)
{
    scrubber->next_ns = scrubber->times->now_ns + bytes * NS_PER_S / scrubber->bytes_per_s;
}

/* All was looked at. */
static void finish(struct scrubber *scrubber)
{
    MARK(scrubbed);
    scrubber->scrubs++;
    scrubber->in_snapshots = false;
    scrubber->place = (struct wal_place){0};
    scrubber->next_ns =
            u64_max(scrubber->times->now_ns, scrubber->begun_ns + scrubber->every_ns);
    scrubber->begun_ns = scrubber->next_ns;
}

/* ---- The log ---- */

static void look_at_log(struct scrubber *scrubber)
{
    uint64_t first = wal_begin(scrubber->wal).segment;
    struct wal_place *place = &scrubber->place;
    if (place->segment < first)
        *place = (struct wal_place){.segment = first};
    else if (place->offset >= wal_segment_end(scrubber->wal, place->segment))
        *place = (struct wal_place){.segment = place->segment + 1};
    if (wal_is_durable_at(scrubber->wal, *place)) {
        reader_scrub(scrubber->reader, *place);
        return;
    }
    scrubber->in_snapshots = true;
    scrubber->index = 0;
    scrubber->offset = 0;
}

/* A place that the log no longer has gives nothing. */
void scrubber_read(struct scrubber *scrubber, const struct reading *reading)
{
    const struct wal_walk *walk = &reading->walk;
    if (walk->place.segment == 0 || scrubber->reader->unreadable)
        return;
    scrubber->place = walk->place;
    scrubber->place.offset += walk->at;
    pace(scrubber, walk->count);
}

/* ---- Snapshots ---- */

static void look_at_next(struct scrubber *scrubber)
{
    const struct snapshots *snapshots = scrubber->snapshots;
    for (uint32_t i = 0; i < snapshots->count; i++) {
        const struct kept_snapshot *kept = &snapshots->kept[i];
        if (kept->last.index <= scrubber->index || kept->damaged)
            continue;
        const struct node_file file = {
                .action = NODE_FILE_READ,
                .name = NODE_FILE_SNAPSHOT,
                .number = kept->last.index,
                .count = SNAPSHOT_BLOCK_BYTES,
        };
        scrubber->index = kept->last.index;
        files_ask(scrubber->files, FILES_SCRUBBER, &file);
        return;
    }
    finish(scrubber);
}

static void look_at_snapshots(struct scrubber *scrubber)
{
    const struct kept_snapshot *kept = snapshots_find(scrubber->snapshots, scrubber->index);
    if (scrubber->offset == 0 || !kept) {
        look_at_next(scrubber);
        return;
    }
    const struct node_file file = {
            .action = NODE_FILE_READ,
            .name = NODE_FILE_SNAPSHOT,
            .number = scrubber->index,
            .offset = scrubber->offset,
            .count = u64_min(kept->chunk_bytes, kept->bytes - scrubber->offset),
    };
    files_ask(scrubber->files, FILES_SCRUBBER, &file);
}

void scrubber_done(struct scrubber *scrubber, const struct file_done *done)
{
    const struct kept_snapshot *kept =
            snapshots_find(scrubber->snapshots, done->file.number);
    scrubber->offset = 0;
    if (!kept || kept->damaged)
        return;
    if (done->failed || !snapshots_is_sound(done)) {
        snapshots_damaged(scrubber->snapshots, done->file.number);
        return;
    }
    uint64_t next = done->file.offset + done->file.count;
    scrubber->offset = next < kept->bytes ? next : 0;
    pace(scrubber, done->file.count);
}

/* ---- */

/* Something is under way, or the log must be mended first. */
static bool waits(const struct scrubber *scrubber)
{
    return scrubber->bytes_per_s == 0 || reader_is_scrubbing(scrubber->reader) ||
           scrubber->reader->unreadable || !files_is_idle(scrubber->files, FILES_SCRUBBER);
}

void scrubber_turn(struct scrubber *scrubber)
{
    if (scrubber->times->now_ns < scrubber->next_ns || waits(scrubber))
        return;
    if (scrubber->in_snapshots)
        look_at_snapshots(scrubber);
    else
        look_at_log(scrubber);
}

uint64_t scrubber_deadline(const struct scrubber *scrubber)
{
    uint64_t now_ns = scrubber->times->now_ns;
    if (now_ns < scrubber->next_ns)
        return scrubber->next_ns;
    return waits(scrubber) ? UINT64_MAX : now_ns;
}
