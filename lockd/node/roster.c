/* The other members: see roster.h. */
#include "node/roster.h"

#include "base/hash.h"
#include "base/units.h"

enum {
    VERSION_HEARD_S = 10 /* Who does not know it is refused and told so more often. */
};

void roster_carve(
        struct roster *roster, struct arena *arena, const struct node_settings *settings)
{
    const struct node_limits *limits = &settings->limits;
    roster->count = (uint8_t)(settings->member_count - 1);
    for (uint8_t i = 0; i < roster->count; i++) {
        struct peer *peer = &roster->peers[i];
        peer->input =
                arena_take(arena, "node.peer_input", 1, limits->peer_frame_bytes, 4096);
        peer->outputs[0] =
                arena_take(arena, "node.peer_output", 1, limits->peer_output_bytes, 4096);
        peer->outputs[1] =
                arena_take(arena, "node.peer_output", 1, limits->peer_output_bytes, 4096);
    }
}

void roster_init(struct roster *roster, const struct node_settings *settings)
{
    roster->self = settings->self;
    uint8_t at = 0;
    for (uint8_t i = 0; i < settings->member_count; i++) {
        uint8_t id = settings->members[i].id;
        if (id == settings->self)
            continue;
        roster->peers[at].id = id;
        roster->peers[at].conn = NO_CONN;
        roster->peers[at].waiting = NO_CONN;
        at++;
    }
    assert(at == roster->count);
    const struct members *members = &settings->raft.members;
    roster->members_hash = hash_bytes(members->ids, members->count, 0);
}

struct peer *roster_find(struct roster *roster, uint8_t id)
{
    for (uint8_t i = 0; i < roster->count; i++) {
        if (roster->peers[i].id == id)
            return &roster->peers[i];
    }
    return NULL;
}

void roster_learn(struct roster *roster, const struct bootstrap *bootstrap)
{
    for (uint8_t i = 0; i < bootstrap->members.count; i++) {
        struct peer *peer = roster_find(roster, bootstrap->members.ids[i]);
        if (peer && bootstrap->incarnations[i] != 0)
            peer->incarnation = bootstrap->incarnations[i];
    }
}

static uint64_t heard_of(const struct roster *roster, uint8_t id)
{
    for (uint8_t i = 0; i < roster->count; i++) {
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
    for (uint8_t i = 0; i < roster->count; i++) {
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
    assert(roster->count < MEMBERS_MAX);
    for (uint8_t i = 0; i < roster->count; i++) {
        const struct peer *peer = &roster->peers[i];
        assert(peer->id != 0 && peer->id != roster->self);
        if (peer->probe_ns != 0)
            assert(peer->conn != NO_CONN && peer->waiting != NO_CONN);
        if (peer->waiting != NO_CONN)
            assert(peer->waiting != peer->conn);
        for (uint8_t j = 0; j < i; j++) {
            assert(roster->peers[j].id != peer->id);
            if (peer->conn != NO_CONN)
                assert(roster->peers[j].conn != peer->conn);
        }
    }
}
