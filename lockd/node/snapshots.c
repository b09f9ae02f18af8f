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

void snapshots_configure(
        struct snapshots *snapshots, const unsigned char *body, uint32_t count)
{
    assert(count <= SNAPSHOT_CONFIGURATION_MAX);
    memcpy(snapshots->configuration, body, count);
    snapshots->configuration_bytes = count;
}

struct kept_snapshot *snapshots_newest(struct snapshots *snapshots)
{
    return snapshots->count == 0 ? NULL : &snapshots->kept[snapshots->count - 1];
}

const struct kept_snapshot *snapshots_older(const struct snapshots *snapshots)
{
    uint32_t count = snapshots->count;
    if (count == 0)
        return NULL;
    return &snapshots->kept[count == 1 ? 0 : count - 2];
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
    const struct kept_snapshot *newest = snapshots_newest(snapshots);
    assert(snapshots->count < NODE_SNAPSHOTS_MAX);
    assert(!newest || newest->last.index < header->last.index);
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

const struct kept_snapshot *snapshots_superfluous(const struct snapshots *snapshots)
{
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
