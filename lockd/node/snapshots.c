/* Which snapshots there are: see snapshots.h. */
#include "node/snapshots.h"

#include <assert.h>
#include <string.h>

#include "base/numbers.h"

enum {
    KEPT = 2 /* The newest, and one to fall back to */
};

void snapshots_applied(struct snapshots *snapshots, const struct entry_head *head)
{
    assert(head->id.index > snapshots->applied.index);
    snapshots->applied = head->id;
    snapshots->applied_sum = head->sum;
}

void snapshots_configure(struct snapshots *snapshots, uint64_t index,
        const struct configuration *configuration)
{
    assert(index > snapshots->configuration.index);
    snapshots->configuration.index = index;
    snapshots->configuration.is = *configuration;
}

bool snapshots_read_cluster(
        const struct snapshot_header *header, struct cluster_record *cluster)
{
    struct wire wire = wire_reader(header->configuration, header->configuration_bytes);
    wire_cluster_record(&wire, cluster);
    return !wire.failed && cluster->index <= header->last.index;
}

void snapshots_write_cluster(const struct snapshots *snapshots,
        const struct cluster_settings *settings, struct snapshot_header *header)
{
    struct cluster_record cluster = {
            .settings = *settings,
            .index = snapshots->configuration.index,
            .configuration = snapshots->configuration.is,
    };
    struct wire wire = wire_writer(header->configuration, sizeof header->configuration);
    wire_cluster_record(&wire, &cluster);
    assert(!wire.failed);
    header->configuration_bytes = (uint32_t)wire.at;
}

/* The last one that is sound, of those before `end`; NULL: there is none. */
static const struct kept_snapshot *last_sound(
        const struct snapshots *snapshots, uint32_t end)
{
    for (uint32_t i = end; i > 0; i--) {
        if (!snapshots->kept[i - 1].damaged)
            return &snapshots->kept[i - 1];
    }
    return NULL;
}

struct kept_snapshot *snapshots_newest(struct snapshots *snapshots)
{
    const struct kept_snapshot *newest = last_sound(snapshots, snapshots->count);
    return newest ? &snapshots->kept[newest - snapshots->kept] : NULL;
}

const struct kept_snapshot *snapshots_older(const struct snapshots *snapshots)
{
    const struct kept_snapshot *newest = last_sound(snapshots, snapshots->count);
    if (!newest)
        return NULL;
    const struct kept_snapshot *older =
            last_sound(snapshots, (uint32_t)(newest - snapshots->kept));
    return older ? older : newest;
}

uint64_t snapshots_last(const struct snapshots *snapshots)
{
    uint32_t count = snapshots->count;
    return count == 0 ? 0 : snapshots->kept[count - 1].last.index;
}

void snapshots_damaged(struct snapshots *snapshots, uint64_t index)
{
    struct kept_snapshot *kept = snapshots_find(snapshots, index);
    assert(kept);
    kept->damaged = true;
    snapshots->damaged = true;
}

bool snapshots_is_sound(const struct file_done *done)
{
    if (done->file.offset > 0) {
        struct snapshot_chunk chunk;
        return snapshot_read_chunk(done->bytes, done->count, &chunk) &&
               chunk.index == done->file.number;
    }
    struct snapshot_header header;
    return done->count >= SNAPSHOT_BLOCK_BYTES &&
           snapshot_read_header(done->bytes, &header) == SNAPSHOT_GOOD &&
           header.last.index == done->file.number;
}

struct kept_snapshot *snapshots_find(struct snapshots *snapshots, uint64_t index)
{
    for (uint32_t i = 0; i < snapshots->count; i++) {
        if (snapshots->kept[i].last.index == index)
            return &snapshots->kept[i];
    }
    return NULL;
}

void snapshots_add(struct snapshots *snapshots, const struct snapshot_header *header)
{
    assert(snapshots->count < NODE_SNAPSHOTS_MAX);
    assert(snapshots_last(snapshots) < header->last.index);
    snapshots->kept[snapshots->count++] = (struct kept_snapshot){
            .last = header->last,
            .last_sum = header->last_sum,
            .bytes = header->file_bytes,
            .chunk_bytes = header->chunk_bytes,
            .wall_ns = header->wall_ns,
    };
}

uint64_t snapshots_due_bytes(
        const struct snapshots *snapshots, const struct snapshot_settings *settings)
{
    bool any = snapshots->count > 0;
    uint64_t twice = any ? 2 * snapshots->kept[snapshots->count - 1].bytes : 0;
    return u64_max(settings->log_bytes, twice);
}

bool snapshots_have_place(const struct snapshots *snapshots)
{
    return snapshots->count <= KEPT;
}

/* A damaged one goes first, but not the last that there is: it may be read in part. */
const struct kept_snapshot *snapshots_superfluous(const struct snapshots *snapshots)
{
    for (uint32_t i = 0; i + 1 < snapshots->count; i++) {
        const struct kept_snapshot *kept = &snapshots->kept[i];
        if (kept->damaged && kept->pinned == 0)
            return kept;
    }
    if (snapshots->count <= KEPT)
        return NULL;
    for (uint32_t i = 0; i + 1 < snapshots->count; i++) {
        if (snapshots->kept[i].pinned == 0)
            return &snapshots->kept[i];
    }
    return NULL;
}

void snapshots_remove(struct snapshots *snapshots, uint64_t index)
{
    const struct kept_snapshot *gone = snapshots_find(snapshots, index);
    assert(gone && gone->pinned == 0);
    size_t at = (size_t)(gone - snapshots->kept);
    snapshots->count--;
    memmove(&snapshots->kept[at], &snapshots->kept[at + 1],
            (snapshots->count - at) * sizeof snapshots->kept[0]);
}

void snapshots_check(const struct snapshots *snapshots)
{
    assert(snapshots->count <= NODE_SNAPSHOTS_MAX);
    for (uint32_t i = 1; i < snapshots->count; i++)
        assert(snapshots->kept[i - 1].last.index < snapshots->kept[i].last.index);
    if (snapshots->count > 0)
        assert(snapshots->kept[snapshots->count - 1].last.index <=
                snapshots->applied.index);
}
