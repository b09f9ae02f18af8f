/* Which members this node connects to: see dial.h. */
#include "node/dial.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

enum {
    DIAL_PAUSE_MS = 20,
    LATE_DIAL_MS = 100, /* The one with the larger id: after that time alone, and again */
};

/* A connection that this node made and whose other end has not said anything yet. */
static struct conn *unwelcomed(const struct dial *dial, const struct peer *peer)
{
    if (peer->conn == NO_CONN)
        return NULL;
    struct conn *conn = &dial->conns->slots[peer->conn];
    return conn->dialed && !conn->greeted && !conn->closing ? conn : NULL;
}

/* Not before: the smaller id first, as two that dial each other only get in the way. */
static uint64_t due_ns(const struct dial *dial, const struct peer *peer)
{
    if (dial->roster->self < peer->id)
        return peer->dial_ns;
    uint64_t alone_ns = u64_max(peer->alone_ns, dial->times->start_ns);
    return u64_max(peer->dial_ns, alone_ns + LATE_DIAL_MS * NS_PER_MS);
}

void dial_pause(const struct dial *dial, struct peer *peer, uint64_t pause_ns)
{
    if (dial->roster->self > peer->id)
        pause_ns = u64_max(pause_ns, LATE_DIAL_MS * NS_PER_MS);
    peer->dial_ns = u64_max(peer->dial_ns, dial->times->now_ns + pause_ns);
}

static bool may_dial(const struct dial *dial, const struct peer *peer)
{
    return peer->id != 0 && peer->member && peer->conn == NO_CONN &&
           peer->waiting == NO_CONN && !peer->dialing && !dial->stopping;
}

/* Where it is, or, every other time, where somebody else says that it is. */
static const char *next_address(struct peer *peer)
{
    peer->try_elsewhere = peer->elsewhere[0] != 0 && !peer->try_elsewhere;
    if (peer->try_elsewhere)
        return peer->elsewhere;
    return peer->address[0] != 0 ? peer->address : NULL;
}

/*
 * Turn end: connect to peers that are not reached. A peer that accepted the connection and
 * died before it said welcome leaves no trace, because nothing more is sent to it.
 */
void dial_turn(const struct dial *dial, struct node_effects *effects)
{
    for (uint8_t i = 0; i < dial->roster->top; i++) {
        struct peer *peer = &dial->roster->peers[i];
        struct conn *silent = unwelcomed(dial, peer);
        if (silent && dial->times->now_ns >= peer->welcome_ns) {
            MARK(peer_did_not_welcome);
            conn_close(dial->conns, silent);
        }
        if (!may_dial(dial, peer) || dial->times->now_ns < due_ns(dial, peer))
            continue;
        peer->dialing = true;
        dial_pause(dial, peer, DIAL_PAUSE_MS * NS_PER_MS);
        assert(effects->connect_count < NODE_PEERS_MAX);
        uint32_t at = effects->connect_count++;
        effects->connects[at] = peer->id;
        effects->connect_to[at] = next_address(peer);
    }
}

/* When a peer that is not reached is to be tried again. */
uint64_t dial_deadline(const struct dial *dial)
{
    uint64_t deadline_ns = UINT64_MAX;
    for (uint8_t i = 0; i < dial->roster->top && !dial->stopping; i++) {
        const struct peer *peer = &dial->roster->peers[i];
        if (unwelcomed(dial, peer))
            deadline_ns = u64_min(deadline_ns, peer->welcome_ns);
        if (may_dial(dial, peer))
            deadline_ns = u64_min(deadline_ns, due_ns(dial, peer));
    }
    return deadline_ns;
}

void dial_failed(const struct dial *dial, uint8_t id)
{
    struct peer *peer = roster_find(dial->roster, id);
    assert(peer);
    peer->dialing = false;
    dial_pause(dial, peer, DIAL_PAUSE_MS * NS_PER_MS);
}
