#include "core/core_nodes.h"

#include "base/mark.h"
#include "base/units.h"

/* A node that stays in trouble is worth a line now and then. */
#define NOTICE_AGAIN_NS (10 * NS_PER_S)

void nodes_init(struct nodes *nodes, const struct core_settings *settings)
{
    nodes->count = settings->node_count;
    for (uint32_t i = 0; i < nodes->count; i++)
        nodes->all[i].node = settings->nodes[i];
}

void nodes_notice(struct nodes *nodes, struct core_notice notice)
{
    if (nodes->notice_count == CORE_NOTICES_MAX)
        return; /* The shell fetches them after each step; this many are noise. */
    uint32_t at = (nodes->notice_begin + nodes->notice_count) % CORE_NOTICES_MAX;
    nodes->notices[at] = notice;
    nodes->notice_count++;
}

bool nodes_next_notice(struct nodes *nodes, struct core_notice *notice)
{
    if (nodes->notice_count == 0)
        return false;
    *notice = nodes->notices[nodes->notice_begin];
    nodes->notice_begin = (nodes->notice_begin + 1) % CORE_NOTICES_MAX;
    nodes->notice_count--;
    return true;
}

void nodes_trouble(struct nodes *nodes, struct core_notice trouble, uint64_t now_ns)
{
    struct known_node *node = &nodes->all[trouble.node];
    bool known = node->troubled && node->trouble.kind == trouble.kind &&
                 node->trouble.number == trouble.number &&
                 now_ns < node->noticed_ns + NOTICE_AGAIN_NS;
    node->troubled = true;
    node->trouble = trouble;
    node->trouble_ns = now_ns;
    if (trouble.kind == CORE_NOTICE_WRONG_CLUSTER)
        node->cluster = trouble.number;
    if (known)
        return;
    node->noticed_ns = now_ns;
    nodes_notice(nodes, trouble);
}

bool nodes_foreign(const struct nodes *nodes, uint32_t listed, uint64_t since_ns)
{
    uint32_t foreign = 0;
    for (uint32_t i = 0; i < nodes->count; i++) {
        const struct known_node *node = &nodes->all[i];
        enum core_notice_kind why = node->trouble.kind;
        bool tried = node->troubled && node->trouble_ns >= since_ns;
        /* It may be one of ours that was there a moment ago, or that waits for a leader. */
        bool ours = why == CORE_NOTICE_NO_LEADER || why == CORE_NOTICE_CLOSED ||
                    why == CORE_NOTICE_SILENT;
        if (!tried || ours)
            return false;
        foreign += i < listed && why == CORE_NOTICE_WRONG_CLUSTER;
    }
    return 2 * foreign > listed;
}

void nodes_tell_foreign(struct nodes *nodes, uint64_t cluster, uint64_t now_ns)
{
    for (uint32_t i = 0; i < nodes->count; i++) {
        uint64_t other = nodes->all[i].cluster;
        if (other != 0 && other != cluster)
            nodes_trouble(nodes, (struct core_notice){CORE_NOTICE_WRONG_CLUSTER, i, other},
                    now_ns);
    }
}

/* Its known address did not work when it was last tried. */
static bool is_unreachable(const struct known_node *node)
{
    enum core_notice_kind why = node->trouble.kind;
    return node->troubled &&
           (why == CORE_NOTICE_CONNECT_FAILED || why == CORE_NOTICE_WRONG_CLUSTER ||
                   why == CORE_NOTICE_REFUSED || why == CORE_NOTICE_VERSION);
}

/*
 * A node that is listed with that id, because this program reaches it by the listed
 * address, whatever address the nodes use. Or else a node with that address, or a new one
 * at the end.
 */
uint32_t nodes_find(struct nodes *nodes, uint8_t id, struct span address)
{
    for (uint32_t i = 0; i < nodes->count; i++) {
        if (nodes->all[i].node.id == id && !is_unreachable(&nodes->all[i]))
            return i;
    }
    for (uint32_t i = 0; i < nodes->count; i++) {
        const char *known = nodes->all[i].node.address;
        bool same = strlen(known) == address.count &&
                    memcmp(known, address.bytes, address.count) == 0;
        if (same)
            return i;
    }
    MARK(client_learns_node);
    uint32_t at = nodes->count < CORE_NODES_MAX ? nodes->count++ : CORE_NODES_MAX - 1;
    struct known_node *node = &nodes->all[at];
    *node = (struct known_node){.node = {.id = id}};
    memcpy(node->node.address, address.bytes, address.count);
    return at;
}

bool nodes_refused_lately(const struct nodes *nodes, uint32_t number, uint64_t now_ns)
{
    const struct known_node *known = &nodes->all[number];
    return known->troubled && known->trouble.kind == CORE_NOTICE_CONNECT_FAILED &&
           now_ns < known->trouble_ns + NS_PER_S / 2;
}
