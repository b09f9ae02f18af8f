/* How much disk a node takes: see node.h. */
#include "base/numbers.h"
#include "locks/snapshot.h"
#include "node/compactor.h"
#include "node/node.h"

/* A file with all records of the largest state, in chunks that are not quite full. */
static uint64_t snapshot_bytes(const struct node_settings *settings)
{
    uint64_t records = locks_snapshot_bytes_most(&settings->cluster);
    uint64_t chunk_bytes = settings->snapshot.chunk_bytes;
    uint64_t room = chunk_bytes - SNAPSHOT_CHUNK_HEAD_BYTES - LOCKS_SNAPSHOT_ROOM_MIN;
    return SNAPSHOT_BLOCK_BYTES + (records / room + 1) * chunk_bytes;
}

void node_plan_disk(const struct node_settings *settings, struct node_disk *disk)
{
    const struct snapshot_settings *snapshot = &settings->snapshot;
    disk->snapshot_bytes = snapshot_bytes(settings);
    disk->segment_bytes = settings->wal.segment_bytes;
    uint64_t due = u64_max(snapshot->log_bytes, 2 * disk->snapshot_bytes);
    disk->log_bytes = u64_max(
            COMPACTOR_SLOW_FACTOR * snapshot->keep_bytes, COMPACTOR_DUE_FACTOR * due);
    disk->bytes = disk->log_bytes + NODE_DISK_SNAPSHOTS * disk->snapshot_bytes +
                  NODE_DISK_SEGMENTS * disk->segment_bytes;
}
