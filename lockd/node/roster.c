/* The other members: see roster.h. */
#include "node/roster.h"

#include "base/hash.h"
#include "base/units.h"

enum {
    VERSION_HEARD_S = 10 /* Who does not know it is refused and told so more often. */
};

enum {
    PAGE_BYTES = 4096
};

static size_t whole_pages(size_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

void roster_carve(
        struct roster *roster, struct arena *arena, const struct node_settings *settings)
{
    const struct node_limits *limits = &settings->limits;
    size_t input_bytes = whole_pages(limits->peer_frame_bytes);
    size_t output_bytes = whole_pages(limits->peer_output_bytes);
    unsigned char *inputs =
            arena_take(arena, "node.peer_input", NODE_PEERS_MAX, input_bytes, PAGE_BYTES);
    unsigned char *outputs = arena_take(arena, "node.peer_output",
            (size_t)2 * NODE_PEERS_MAX, output_bytes, PAGE_BYTES);
    for (uint8_t i = 0; inputs && outputs && i < NODE_PEERS_MAX; i++) {
        struct peer *peer = &roster->peers[i];
        peer->input = inputs + i * input_bytes;
        peer->outputs[0] = outputs + (size_t)2 * i * output_bytes;
        peer->outputs[1] = peer->outputs[0] + output_bytes;
    }
}

void roster_init(struct roster *roster, const struct node_settings *settings)
{
    roster->self = settings->self;
    for (int i = 0; i < NODE_PEERS_MAX; i++) {
        roster->peers[i].conn = NO_CONN;
        roster->peers[i].waiting = NO_CONN;
    }
    const struct members *members = &settings->raft.members;
    roster->members_hash = hash_bytes(members->ids, members->count, 0);
}

struct peer *roster_find(struct roster *roster, uint8_t id)
{
    for (uint8_t i = 0; i < roster->top && id != 0; i++) {
        if (roster->peers[i].id == id)
            return &roster->peers[i];
    }
    return NULL;
}

const struct peer *roster_find_const(const struct roster *roster, uint8_t id)
{
    for (uint8_t i = 0; i < roster->top && id != 0; i++) {
        if (roster->peers[i].id == id)
            return &roster->peers[i];
    }
    return NULL;
}

static void clear(struct peer *peer)
{
    *peer = (struct peer){
            .conn = NO_CONN,
            .waiting = NO_CONN,
            .input = peer->input,
            .outputs = {peer->outputs[0], peer->outputs[1]},
    };
}

struct peer *roster_admit(struct roster *roster, uint8_t id)
{
    assert(id != 0 && id != roster->self);
    struct peer *peer = roster_find(roster, id);
    if (peer)
        return peer;
    for (int i = 0; i < NODE_PEERS_MAX; i++) {
        peer = &roster->peers[i];
        if (peer->id != 0)
            continue;
        clear(peer);
        peer->id = id;
        if (i >= roster->top)
            roster->top = (uint8_t)(i + 1);
        return peer;
    }
    return NULL;
}

/* Another directory under the same id is another member: nothing of the old one counts. */
static void adopt(struct peer *peer, const struct member *member)
{
    if (peer->incarnation != member->incarnation) {
        peer->refused.why = 0;
        peer->objected.why = 0;
        peer->clock_suspect = false;
    }
    if (peer->heard != member->incarnation)
        peer->versions = (struct versions){0};
    peer->member = true;
    peer->incarnation = member->incarnation;
    memcpy(peer->address, member->address, sizeof peer->address);
}

static void leave(struct roster *roster, struct peer *peer)
{
    peer->member = false;
    peer->incarnation = 0;
    if (peer->conn != NO_CONN || peer->waiting != NO_CONN || peer->dialing)
        return;
    clear(peer);
    while (roster->top > 0 && roster->peers[roster->top - 1].id == 0)
        roster->top--;
}

bool roster_adopt(struct roster *roster, const struct configuration *configuration)
{
    for (uint8_t i = 0; i < roster->top; i++) {
        struct peer *peer = &roster->peers[i];
        if (peer->id != 0 && !configuration_find(configuration, peer->id))
            leave(roster, peer);
    }
    bool all = true;
    for (uint8_t i = 0; i < configuration->count; i++) {
        const struct member *member = &configuration->members[i];
        if (member->id == roster->self)
            continue;
        struct peer *peer = roster_admit(roster, member->id);
        if (peer)
            adopt(peer, member);
        else
            all = false;
    }
    return all;
}

bool roster_is_outsider(const struct peer *peer)
{
    return !peer->member || (peer->incarnation != 0 && peer->incarnation != peer->heard);
}

static uint64_t heard_of(const struct roster *roster, uint8_t id)
{
    for (uint8_t i = 0; i < roster->top; i++) {
        if (roster->peers[i].id == id)
            return roster->peers[i].heard;
    }
    return 0;
}

void roster_tell(const struct roster *roster, uint64_t own, struct bootstrap *bootstrap)
{
    for (uint8_t i = 0; i < bootstrap->members.count; i++) {
        uint8_t id = bootstrap->members.ids[i];
        bootstrap->incarnations[i] = id == roster->self ? own : heard_of(roster, id);
    }
}

uint16_t roster_common_version(const struct roster *roster, struct versions own)
{
    uint16_t common = own.most;
    for (uint8_t i = 0; i < roster->top; i++) {
        uint16_t most = roster->peers[i].versions.most;
        if (most != 0 && most < common)
            common = most;
    }
    return common;
}

uint16_t roster_version_heard(const struct roster *roster, uint64_t now_ns)
{
    bool lately = now_ns - roster->version_heard_ns < VERSION_HEARD_S * NS_PER_S;
    return lately ? roster->version_heard : 0;
}

void roster_hear_version(struct roster *roster, uint16_t version, uint64_t now_ns)
{
    if (version < roster_version_heard(roster, now_ns))
        return;
    roster->version_heard = version;
    roster->version_heard_ns = now_ns;
}

void roster_check(const struct roster *roster)
{
    uint8_t top = 0;
    for (int i = 0; i < NODE_PEERS_MAX; i++) {
        const struct peer *peer = &roster->peers[i];
        if (peer->id != 0)
            top = (uint8_t)(i + 1);
        if (peer->id == 0)
            assert(peer->conn == NO_CONN && peer->waiting == NO_CONN && !peer->dialing);
        assert(peer->id != roster->self);
        if (peer->probe_ns != 0)
            assert(peer->conn != NO_CONN && peer->waiting != NO_CONN);
        if (peer->waiting != NO_CONN)
            assert(peer->waiting != peer->conn);
        for (int j = 0; j < i; j++) {
            assert(peer->id == 0 || roster->peers[j].id != peer->id);
            if (peer->conn != NO_CONN)
                assert(roster->peers[j].conn != peer->conn);
        }
    }
    assert(top == roster->top);
}
