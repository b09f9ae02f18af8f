/*
 * Layout of a node's report of itself.
 */
#include "protocol/report.h"

#include "protocol/settings.h"

static void walk_peer(struct wire *wire, struct report_peer *peer)
{
    wire_u8(wire, &peer->node);
    wire_bool(wire, &peer->connected);
    wire_u64(wire, &peer->match);
    wire_u64(wire, &peer->heard_ns);
    wire_require(wire, peer->node >= 1 && peer->node <= NODE_ID_MAX);
}

static void walk_log(struct wire *wire, struct report *report)
{
    wire_u64(wire, &report->cluster);
    wire_u64(wire, &report->term);
    wire_u64(wire, &report->commit);
    wire_u64(wire, &report->applied);
    wire_u64(wire, &report->last);
    wire_u64(wire, &report->durable);
    wire_u64(wire, &report->time);
    wire_u64(wire, &report->digest);
    wire_u64(wire, &report->uptime_ns);
}

static void walk_counts(struct wire *wire, struct report *report)
{
    wire_u32(wire, &report->sessions);
    wire_u32(wire, &report->locks);
    wire_u32(wire, &report->holds);
    wire_u32(wire, &report->waits);
    wire_u32(wire, &report->connections);
    wire_u64(wire, &report->requests);
    wire_u64(wire, &report->refused_busy);
    wire_u64(wire, &report->bad_frames);
    wire_u64(wire, &report->elections);
}

void wire_report(struct wire *wire, struct report *report)
{
    if (wire->mode == WIRE_READ)
        *report = (struct report){0};
    wire_u8(wire, &report->node);
    wire_u8(wire, &report->role);
    wire_u8(wire, &report->leader);
    wire_u8(wire, &report->trouble);
    wire_u64(wire, &report->missing);
    walk_log(wire, report);
    walk_counts(wire, report);
    wire_u8(wire, &report->peer_count);
    wire_require(wire, report->peer_count <= REPORT_PEERS_MAX);
    for (uint8_t i = 0; i < report->peer_count && !wire->failed; i++)
        walk_peer(wire, &report->peers[i]);
    wire_span(wire, &report->version, REPORT_TEXT_BYTES_MAX);
    wire_require(wire, report->node >= 1 && report->node <= NODE_ID_MAX);
    wire_require(wire, report->role <= ROLE_LEADER && report->leader <= NODE_ID_MAX);
    wire_require(wire, report->trouble <= TROUBLE_BEHIND);
}

void wire_bucket_count(struct wire *wire, uint16_t *count)
{
    wire_u16(wire, count);
}

void wire_bucket(struct wire *wire, struct report_bucket *bucket)
{
    wire_u16(wire, &bucket->bucket);
    wire_u64(wire, &bucket->count);
    wire_require(wire, bucket->count > 0);
}
