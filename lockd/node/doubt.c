/* Who the other end of a connection is: see doubt.h. */
#include "node/doubt.h"

#include "base/mark.h"
#include "base/units.h"

/* Of the member with that id; 0: there is none, or it is not known yet. */
static uint64_t member_incarnation(const struct doubts *doubts, uint8_t id)
{
    const struct member *member =
            configuration_find(&doubts->configurations->newest.is, id);
    return member ? member->incarnation : 0;
}

static bool is_fresh(const struct doubts *doubts, const struct newcomer *newcomer)
{
    return newcomer->id != 0 &&
           newcomer->instead_of == member_incarnation(doubts, newcomer->id) &&
           doubts->times->now_ns - newcomer->heard_ns < NEWCOMER_S * NS_PER_S;
}

/* The same one again, or in place of the one that was heard the longest ago. */
static void note_newcomer(struct doubts *doubts, const struct claim *claim)
{
    struct newcomer *place = &doubts->newcomers[0];
    for (int i = 0; i < NEWCOMERS_MAX; i++) {
        struct newcomer *newcomer = &doubts->newcomers[i];
        if (newcomer->id == claim->node) {
            place = newcomer;
            break;
        }
        if (newcomer->heard_ns < place->heard_ns)
            place = newcomer;
    }
    *place = (struct newcomer){
            .id = claim->node,
            .incarnation = claim->incarnation,
            .given_up = claim->given_up,
            .instead_of = member_incarnation(doubts, claim->node),
            .heard_ns = doubts->times->now_ns,
    };
}

const struct newcomer *doubt_newcomer(const struct doubts *doubts, uint8_t id)
{
    for (int i = 0; i < NEWCOMERS_MAX; i++) {
        if (doubts->newcomers[i].id == id && is_fresh(doubts, &doubts->newcomers[i]))
            return &doubts->newcomers[i];
    }
    return NULL;
}

/* Of a new cluster, like this node: both must have been told the same. */
static enum refusal doubt_founder(const struct doubts *doubts, const struct claim *claim)
{
    bool other = claim->members != 0 && claim->members != doubts->roster->members_hash;
    if (!other && configuration_find(&doubts->configurations->newest.is, claim->node))
        return (enum refusal)0;
    MARK(hello_other_members);
    return REFUSED_MEMBERS;
}

/* Does the configuration have this directory? `blank`: it has nothing on its disk. */
static bool has_it(const struct configuration *configuration, const struct claim *claim)
{
    const struct member *member = configuration_find(configuration, claim->node);
    if (!member)
        return false;
    if (member->incarnation == 0)
        return member->role == MEMBER_VOTER; /* Of a version that knew none. */
    return member->incarnation == claim->incarnation;
}

static bool is_settled(const struct doubts *doubts)
{
    return doubts->configurations->newest.index <= raft_commit(doubts->raft);
}

/* Of the same cluster, and no member as far as this node knows. */
static enum refusal doubt_outsider(const struct doubts *doubts, const struct claim *claim)
{
    const struct configurations *configurations = doubts->configurations;
    if (claim->configuration > configurations->newest.index &&
            claim->to_incarnation == wal_incarnation(doubts->wal)) {
        MARK(peer_knows_a_newer_configuration);
        return (enum refusal)0;
    }
    bool may_be_undone = !is_settled(doubts) && configurations->before.index > 0;
    if (may_be_undone && has_it(&configurations->before.is, claim))
        return (enum refusal)0;
    if (configurations->newest.index <= 1) {
        MARK(hello_other_directory); /* Nobody was removed yet. */
        return REFUSED_DIRECTORY;
    }
    MARK(removed_member_refused);
    return REFUSED_REMOVED;
}

enum refusal doubt_claim(struct doubts *doubts, const struct claim *claim)
{
    const struct configuration *newest = &doubts->configurations->newest.is;
    uint64_t own = wal_cluster(doubts->wal);
    uint64_t known = own != 0 ? own : doubts->cluster_before;
    if (claim->cluster != 0 && known != 0 && claim->cluster != known) {
        MARK(hello_other_cluster);
        return REFUSED_CLUSTER;
    }
    if (own == 0)
        return claim->cluster == 0 ? doubt_founder(doubts, claim) : (enum refusal)0;
    if (has_it(newest, claim))
        return (enum refusal)0;
    if (claim->cluster != 0)
        return doubt_outsider(doubts, claim);
    note_newcomer(doubts, claim);
    const struct member *member = configuration_find(newest, claim->node);
    if (member && member->incarnation != 0) {
        MARK(hello_other_directory);
        return REFUSED_DIRECTORY;
    }
    MARK(newcomer_waits);
    return REFUSED_NOT_MEMBER;
}

bool doubt_is_removed(const struct doubts *doubts, const struct peer *peer)
{
    const struct configurations *configurations = doubts->configurations;
    return roster_is_outsider(peer) && is_settled(doubts) &&
           wal_cluster(doubts->wal) != 0 &&
           peer->configuration < configurations->newest.index;
}
