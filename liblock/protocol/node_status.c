/*
 * Layout of a node's status.
 */
#include "protocol/node_status.h"

#include "protocol/request.h"
#include "protocol/settings.h"

static void walk_peer(struct wire *wire, struct node_status_peer *peer)
{
    wire_u8(wire, &peer->node);
    wire_bool(wire, &peer->connected);
    wire_u64(wire, &peer->match);
    wire_u64(wire, &peer->heard_ns);
    wire_require(wire, peer->node >= 1 && peer->node <= NODE_ID_MAX);
}

static void walk_log(struct wire *wire, struct node_status *status)
{
    wire_u64(wire, &status->cluster);
    wire_u64(wire, &status->term);
    wire_u64(wire, &status->commit);
    wire_u64(wire, &status->applied);
    wire_u64(wire, &status->last);
    wire_u64(wire, &status->durable);
    wire_u64(wire, &status->commit_heard);
    wire_u64(wire, &status->write_age_ns);
    wire_u32(wire, &status->segments);
    wire_u32(wire, &status->segments_max);
    wire_u64(wire, &status->log_first);
    wire_u64(wire, &status->snapshot);
    wire_u64(wire, &status->snapshot_bytes);
    wire_u64(wire, &status->snapshot_age_ns);
    wire_u64(wire, &status->snapshot_taken_ns);
    wire_u64(wire, &status->time);
    wire_u64(wire, &status->digest);
    wire_u64(wire, &status->uptime_ns);
}

static void walk_counts(struct wire *wire, struct node_status *status)
{
    wire_u32(wire, &status->sessions);
    wire_u32(wire, &status->locks);
    wire_u32(wire, &status->holds);
    wire_u32(wire, &status->waits);
    wire_u32(wire, &status->connections);
    wire_u64(wire, &status->requests);
    wire_u64(wire, &status->refused_busy);
    wire_u64(wire, &status->bad_frames);
    wire_u64(wire, &status->bad_reads);
    wire_u64(wire, &status->elections);
    wire_u64(wire, &status->lines_dropped);
}

static void walk_capacities(struct wire *wire, struct node_status *status)
{
    wire_u32(wire, &status->answers);
    wire_u32(wire, &status->name_blocks);
    wire_u32(wire, &status->sessions_max);
    wire_u32(wire, &status->locks_max);
    wire_u32(wire, &status->holds_max);
    wire_u32(wire, &status->waits_max);
    wire_u32(wire, &status->answers_max);
    wire_u32(wire, &status->name_blocks_max);
    wire_u32(wire, &status->connections_max);
}

static void walk_share(struct wire *wire, struct node_status_share *share)
{
    wire_u8(wire, &share->of);
    wire_u32(wire, &share->used);
    wire_u32(wire, &share->most);
    wire_span(wire, &share->who, LABEL_BYTES_MAX);
    wire_require(wire, (share->of == SHARE_NONE) == (share->who.count == 0));
}

static void walk_address_share(struct wire *wire, struct node_status_share *share)
{
    walk_share(wire, share);
    wire_require(wire, share->who.count == 0 || share->who.count == CLIENT_ADDRESS_BYTES);
}

void wire_node_status(struct wire *wire, struct node_status *status)
{
    if (wire->mode == WIRE_READ)
        *status = (struct node_status){0};
    wire_u8(wire, &status->node);
    wire_u8(wire, &status->role);
    wire_u8(wire, &status->leader);
    wire_u8(wire, &status->condition);
    wire_u64(wire, &status->missing);
    walk_log(wire, status);
    walk_counts(wire, status);
    walk_capacities(wire, status);
    walk_address_share(wire, &status->address_share);
    walk_share(wire, &status->label_share);
    walk_address_share(wire, &status->connection_share);
    wire_u8(wire, &status->peer_count);
    wire_require(wire, status->peer_count <= NODE_STATUS_PEERS_MAX);
    for (uint8_t i = 0; i < status->peer_count && !wire->failed; i++)
        walk_peer(wire, &status->peers[i]);
    wire_span(wire, &status->version, NODE_STATUS_VERSION_BYTES_MAX);
    wire_require(wire, status->node >= 1 && status->node <= NODE_ID_MAX);
    wire_require(wire, status->role <= ROLE_LEADER && status->leader <= NODE_ID_MAX);
}

void wire_bucket_count(struct wire *wire, uint16_t *count)
{
    wire_u16(wire, count);
}

void wire_bucket(struct wire *wire, struct node_status_bucket *bucket)
{
    wire_u16(wire, &bucket->bucket);
    wire_u64(wire, &bucket->count);
    wire_require(wire, bucket->count > 0);
}
