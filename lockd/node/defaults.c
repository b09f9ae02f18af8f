/* The settings of a node that nothing says otherwise. */
#include "base/units.h"
#include "node/node.h"

static struct node_limits limits_default(void)
{
    return (struct node_limits){
            .connections_max = 4096,
            .connection_percent = 97,
            .client_output_bytes = 256 * KIB,
            .peer_output_bytes = 6 * MIB,
            .client_frame_bytes = FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX,
            .peer_frame_bytes = 1280 * KIB,
            .owed_max = 65536,
            .reads_max = 1024,
            .keepalives_max = 16384,
            .entry_body_max = ENTRY_BODY_MAX,
            .read_bytes = NODE_READ_BYTES_MAX,
            .apply_bytes = 256 * KIB,
            .entries_under_way = 2,
            .entries_far_max = 96,
    };
}

static struct snapshot_settings snapshot_default(void)
{
    return (struct snapshot_settings){
            .log_bytes = 64 * MIB,
            .every_ns = 3600 * NS_PER_S,
            .keep_bytes = 256 * MIB,
            .write_bytes_per_s = 8 * MIB,
            .send_bytes_per_s = 32 * MIB,
            .send_patience_ns = 60 * NS_PER_S,
            .items = 256,
            .chunk_bytes = SNAPSHOT_CHUNK_BYTES,
    };
}

void node_settings_default(struct node_settings *settings)
{
    *settings = (struct node_settings){
            .raft =
                    {
                            .heartbeat_ns = 50 * NS_PER_MS,
                            .election_min_ns = 250 * NS_PER_MS,
                            .election_max_ns = 500 * NS_PER_MS,
                            .close_delay_ns = 5 * NS_PER_MS,
                            .window = 128,
                            .window_bytes = 4 * (ENTRY_HEAD_BYTES + ENTRY_BODY_MAX),
                            .append_bytes_max = ENTRY_HEAD_BYTES + ENTRY_BODY_MAX,
                            .append_entries_max = RAFT_ENTRIES_MAX,
                            .recent_max = 2048,
                            .trail_max = 65536,
                            .reads_max = 256,
                    },
            .wal =
                    {
                            .segment_bytes = 64 * MIB,
                            .buffer_bytes = 6 * MIB,
                            .entry_body_max = ENTRY_BODY_MAX,
                            .writes_max = 2,
                            .segments_max = 65536,
                    },
            .limits = limits_default(),
            .snapshot = snapshot_default(),
            .scrub_bytes_per_s = MIB,
            .scrub_every_ns = 3600 * NS_PER_S,
            .priority = 1,
            .tick_ns = 100 * NS_PER_MS,
            .entry_spacing_ns = NS_PER_MS,
            .version = "",
            .versions = versions_known(),
    };
    settings->cluster = settings_default();
}
