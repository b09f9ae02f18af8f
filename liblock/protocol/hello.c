/*
 * Layouts of the frames that open, end or turn a connection.
 */
#include "protocol/hello.h"

#include "protocol/settings.h"

static bool is_node(uint8_t node)
{
    return node >= 1 && node <= NODE_ID_MAX;
}

struct hello hello_of_client(uint64_t cluster)
{
    return (struct hello){
            .role = HELLO_CLIENT, .cluster = cluster, .versions = versions_known()};
}

void wire_hello_head(struct wire *wire, struct hello *hello)
{
    wire_u8(wire, &hello->role);
    wire_versions(wire, &hello->versions);
    wire_u64(wire, &hello->features);
}

void wire_hello(struct wire *wire, struct hello *hello)
{
    wire_hello_head(wire, hello);
    wire_u8(wire, &hello->node);
    wire_u8(wire, &hello->to);
    wire_u64(wire, &hello->cluster);
    wire_u64(wire, &hello->members);
    if (hello->role == HELLO_PEER) {
        wire_u64(wire, &hello->incarnation);
        wire_u64(wire, &hello->run);
        wire_u64(wire, &hello->dial);
        wire_u16(wire, &hello->cluster_version);
        wire_u64(wire, &hello->configuration);
        wire_u8(wire, &hello->to_role);
        wire_u64(wire, &hello->to_incarnation);
        wire_u64(wire, &hello->given_up);
        wire_require(wire, is_node(hello->node) && is_node(hello->to));
    } else {
        wire_require(wire, hello->role == HELLO_CLIENT);
        wire_require(wire, hello->node == 0 && hello->to == 0 && hello->members == 0);
    }
}

/*
 * Without a leader there is no address. A leader without an address is the node that sends
 * this.
 */
static void require_leader(struct wire *wire, uint8_t leader, struct span address)
{
    wire_require(wire, leader <= NODE_ID_MAX);
    wire_require(wire, leader != 0 || address.count == 0);
}

void wire_welcome(struct wire *wire, struct welcome *welcome)
{
    wire_u8(wire, &welcome->node);
    wire_u8(wire, &welcome->leader);
    wire_u64(wire, &welcome->cluster);
    wire_u64(wire, &welcome->term);
    wire_span(wire, &welcome->leader_address, ADDRESS_BYTES_MAX);
    wire_u64(wire, &welcome->ttl_min_ns);
    wire_u64(wire, &welcome->ttl_max_ns);
    wire_versions(wire, &welcome->versions);
    wire_u64(wire, &welcome->features);
    wire_require(wire, welcome->ttl_min_ns <= welcome->ttl_max_ns);
    wire_require(wire, is_node(welcome->node));
    require_leader(wire, welcome->leader, welcome->leader_address);
}

void wire_peer_welcome(struct wire *wire, struct peer_welcome *welcome)
{
    wire_u8(wire, &welcome->node);
    wire_u64(wire, &welcome->cluster);
    wire_u64(wire, &welcome->incarnation);
    wire_u64(wire, &welcome->run);
    wire_u64(wire, &welcome->dial);
    wire_u16(wire, &welcome->cluster_version);
    wire_u64(wire, &welcome->configuration);
    wire_u8(wire, &welcome->to_role);
    wire_u64(wire, &welcome->to_incarnation);
    wire_versions(wire, &welcome->versions);
    wire_u64(wire, &welcome->features);
    wire_u64(wire, &welcome->given_up);
    wire_require(wire, is_node(welcome->node));
}

void wire_refused(struct wire *wire, struct refused *refused)
{
    wire_u8(wire, &refused->why);
    wire_u64(wire, &refused->cluster);
    wire_u16(wire, &refused->cluster_version);
    wire_u16(wire, &refused->versions.least);
    wire_u16(wire, &refused->versions.most);
    wire_u64(wire, &refused->index);
    wire_require(wire, refused->why != 0);
}

void wire_leader(struct wire *wire, struct leader *leader)
{
    wire_u8(wire, &leader->leader);
    wire_u64(wire, &leader->term);
    wire_span(wire, &leader->address, ADDRESS_BYTES_MAX);
    require_leader(wire, leader->leader, leader->address);
}
