/* Where the members are, told among nodes: see whereabouts.h. */
#include "node/whereabouts.h"

#include <string.h>

#include "base/mark.h"

static bool is_up(const struct whereabouts *whereabouts, const struct peer *peer)
{
    if (peer->conn == NO_CONN)
        return false;
    const struct conn *conn = conn_at(whereabouts->conns, peer->conn);
    return conn->role == CONN_PEER && conn->greeted && !conn->closing;
}

/* False: its connection has no room now. */
static bool tell(struct whereabouts *whereabouts, struct peer *peer)
{
    struct conn *conn = conn_at(whereabouts->conns, peer->conn);
    struct member_places places = {
            .index = whereabouts->configurations->newest.index,
            .configuration = whereabouts->configurations->newest.is,
    };
    if (conn_room(conn) < FRAME_HEAD_BYTES + MEMBER_PLACES_BYTES_MAX)
        return false;
    struct wire wire = conn_begin(conn, MEMBER_PLACES_BYTES_MAX);
    wire_member_places(&wire, &places);
    conn_end(whereabouts->conns, conn, FRAME_PEER_MEMBERS, &wire);
    peer->places_told = places.index;
    return true;
}

static bool tell_all(struct whereabouts *whereabouts, uint64_t newest)
{
    bool all = true;
    for (uint8_t i = 0; i < whereabouts->roster->top; i++) {
        struct peer *peer = &whereabouts->roster->peers[i];
        bool knows = peer->configuration >= newest || peer->places_told >= newest;
        if (!knows && is_up(whereabouts, peer) && !tell(whereabouts, peer))
            all = false;
    }
    return all;
}

/* Nearly always there is nothing to tell. */
void whereabouts_turn(struct whereabouts *whereabouts)
{
    uint64_t newest = whereabouts->configurations->newest.index;
    struct roster *roster = whereabouts->roster;
    if (whereabouts->told == newest && !roster->came_up)
        return;
    roster->came_up = false;
    whereabouts->told = tell_all(whereabouts, newest) ? newest : 0;
}

void whereabouts_frame(
        struct whereabouts *whereabouts, struct conn *conn, const struct frame *frame)
{
    struct member_places places;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_member_places(&wire, &places);
    if (wire.failed) { /* What a later version adds behind is left alone. */
        conn_nonsense(whereabouts->conns, conn, 100 + FRAME_PEER_MEMBERS);
        return;
    }
    if (places.index <= whereabouts->configurations->newest.index)
        return;
    for (uint8_t i = 0; i < places.configuration.count; i++) {
        const struct member *member = &places.configuration.members[i];
        struct peer *peer = roster_find(whereabouts->roster, member->id);
        if (!peer || strcmp(peer->address, member->address) == 0)
            continue;
        MARK(member_is_elsewhere);
        memcpy(peer->elsewhere, member->address, sizeof peer->elsewhere);
    }
}
