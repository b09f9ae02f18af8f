/* Changes of the members: see changes.h. */
#include "node/changes.h"

#include "base/address.h"
#include "base/mark.h"
#include "base/units.h"

enum {
    SAMPLE_MS = 250,
    NEAR_S = 2, /* A learner is promoted when it was near for so long. */
    GONE_S = 5, /* A learner that was silent for so long may be another one. */
};

static const struct configuration *newest(const struct changes *changes)
{
    return &changes->configurations->newest.is;
}

static uint64_t bit(uint8_t id)
{
    return UINT64_C(1) << id;
}

static uint64_t voters_of(const struct changes *changes)
{
    return configuration_ids(newest(changes), MEMBER_VOTER);
}

static bool is_settled(const struct changes *changes)
{
    return changes->configurations->newest.index <= raft_commit(changes->raft);
}

static struct member *place_of(struct configuration *configuration, uint8_t id)
{
    uint8_t at = 0;
    while (at < configuration->count && configuration->members[at].id != id)
        at++;
    return at < configuration->count ? &configuration->members[at] : NULL;
}

static void insert(struct configuration *configuration, const struct member *member)
{
    assert(configuration->count < (uint8_t)CONFIGURATION_MAX);
    uint8_t at = configuration->count;
    for (; at > 0 && configuration->members[at - 1].id > member->id; at--)
        configuration->members[at] = configuration->members[at - 1];
    configuration->members[at] = *member;
    configuration->count++;
}

static void take_out(struct configuration *configuration, uint8_t id)
{
    struct member *member = place_of(configuration, id);
    assert(member);
    configuration->count--;
    struct member *end = &configuration->members[configuration->count];
    for (; member < end; member++)
        member[0] = member[1];
}

static uint32_t count_of(const struct changes *changes, enum member_role role)
{
    uint32_t count = 0;
    for (uint8_t i = 0; i < newest(changes)->count; i++)
        count += newest(changes)->members[i].role == role;
    return count;
}

/* ---- By itself ---- */

/* Since when each member is not connected, as far as this leader knows. */
static void note_silence(struct changes *changes)
{
    for (uint8_t i = 0; i < newest(changes)->count; i++) {
        const struct member *member = &newest(changes)->members[i];
        uint64_t *since_ns = &changes->silent_since_ns[member->id];
        bool heard = member->id == changes->configurations->self ||
                     raft_peer_is_open(changes->raft, member->id);
        if (heard)
            *since_ns = 0;
        else if (*since_ns == 0)
            *since_ns = changes->times->now_ns;
    }
}

/* True: four times a second. */
static bool sample_commit(struct changes *changes)
{
    uint64_t now_ns = changes->times->now_ns;
    if (now_ns - changes->sampled_ns < SAMPLE_MS * NS_PER_MS)
        return false;
    /* It did not lead meanwhile, or had a change under way: silence is counted anew. */
    if (now_ns - changes->sampled_ns > (uint64_t)CHANGES_SAMPLES * SAMPLE_MS * NS_PER_MS)
        memset(changes->silent_since_ns, 0, sizeof changes->silent_since_ns);
    changes->sampled_ns = now_ns;
    for (int i = 1; i < CHANGES_SAMPLES; i++)
        changes->samples[i - 1] = changes->samples[i];
    changes->samples[CHANGES_SAMPLES - 1] = raft_commit(changes->raft);
    note_silence(changes);
    return true;
}

/* It has what was committed a second ago, and has had it for long enough. */
static bool has_caught_up(struct changes *changes, uint8_t id)
{
    bool near = raft_peer_is_open(changes->raft, id) &&
                raft_peer_match(changes->raft, id) > 0 &&
                raft_peer_match(changes->raft, id) >= changes->samples[0];
    uint64_t *since_ns = &changes->near_since_ns[id];
    if (!near) {
        *since_ns = 0;
        return false;
    }
    if (*since_ns == 0)
        *since_ns = changes->times->now_ns;
    return changes->times->now_ns - *since_ns >= NEAR_S * NS_PER_S;
}

static bool promote(struct changes *changes, struct member *member)
{
    uint64_t after = voters_of(changes) | bit(member->id);
    if (member->role != MEMBER_LEARNER || !has_caught_up(changes, member->id) ||
            raft_unheard(changes->raft, after) != 0)
        return false;
    MARK(learner_promoted);
    member->role = MEMBER_VOTER;
    return true;
}

/* Nobody is there who has its directory: it was not started yet, or is gone for a while. */
static bool is_vacant(const struct changes *changes, const struct member *member)
{
    uint64_t since_ns = changes->silent_since_ns[member->id];
    return member->incarnation == 0 ||
           (since_ns != 0 && changes->times->now_ns - since_ns >= GONE_S * NS_PER_S);
}

/*
 * A learner that was not started yet, or whose directory is blank again: a learner counts for
 * nothing, so it may be another one.
 */
static bool note_incarnation(const struct changes *changes, struct member *member)
{
    const struct newcomer *newcomer = doubt_newcomer(changes->doubts, member->id);
    if (member->role == MEMBER_VOTER || !newcomer ||
            newcomer->incarnation == member->incarnation || !is_vacant(changes, member) ||
            raft_peer_is_open(changes->raft, member->id))
        return false;
    MARK(learner_was_started);
    member->incarnation = newcomer->incarnation;
    return true;
}

/*
 * The setting says so: it was silent for that long, while this node led, and all other voters
 * are heard and have nearly all that is committed.
 */
static bool is_silent(const struct changes *changes, const struct member *member)
{
    uint64_t after_ns = changes->auto_replace_ns;
    uint64_t silent_since_ns = changes->silent_since_ns[member->id];
    if (after_ns == 0 || silent_since_ns == 0 ||
            changes->times->now_ns - silent_since_ns < after_ns)
        return false;
    for (uint8_t i = 0; i < newest(changes)->count; i++) {
        const struct member *other = &newest(changes)->members[i];
        bool counts = other->role == MEMBER_VOTER && other->id != member->id &&
                      other->id != changes->configurations->self;
        if (counts &&
                (!raft_peer_is_open(changes->raft, other->id) ||
                        raft_peer_match(changes->raft, other->id) < changes->samples[0]))
            return false;
    }
    return true;
}

/* The newest configuration, with the blank node `newcomer` in the place of what it was. */
static struct configuration replaced(
        const struct changes *changes, const struct newcomer *newcomer)
{
    struct configuration after = *newest(changes);
    struct member *member = place_of(&after, newcomer->id);
    assert(member);
    member->incarnation = newcomer->incarnation;
    if (member->role == MEMBER_VOTER)
        member->role = MEMBER_LEARNER;
    return after;
}

/*
 * A voter whose directory is lost, as its own node says or as its silence shows: the node that
 * is there instead joins as a new member, and answers for nothing that the old one promised.
 */
static bool is_lost(const struct changes *changes, const struct member *member,
        const struct newcomer *newcomer)
{
    bool given_up = newcomer->given_up != 0 && newcomer->given_up == member->incarnation;
    return given_up || is_silent(changes, member);
}

static bool replace_lost(struct changes *changes, struct configuration *after)
{
    for (uint8_t i = 0; i < newest(changes)->count; i++) {
        const struct member *member = &newest(changes)->members[i];
        const struct newcomer *newcomer = doubt_newcomer(changes->doubts, member->id);
        if (!newcomer || member->role != MEMBER_VOTER || member->incarnation == 0 ||
                newcomer->incarnation == member->incarnation ||
                member->id == changes->configurations->self ||
                !is_lost(changes, member, newcomer))
            continue;
        struct configuration next = replaced(changes, newcomer);
        uint64_t voters = configuration_ids(&next, MEMBER_VOTER);
        if (count_of(changes, MEMBER_LEARNER) >= LEARNERS_MAX ||
                raft_unheard(changes->raft, voters) != 0)
            continue;
        MARK(lost_voter_replaced);
        changes->replaces = newcomer->id;
        *after = next;
        return true;
    }
    return false;
}

/* The first learner that is further than the configuration has it. */
static bool improve(struct changes *changes, struct configuration *after)
{
    for (uint8_t i = 0; i < newest(changes)->count; i++) {
        if (newest(changes)->members[i].role == MEMBER_VOTER)
            continue;
        struct member member = newest(changes)->members[i];
        if (!note_incarnation(changes, &member) && !promote(changes, &member))
            continue;
        *after = *newest(changes);
        after->members[i] = member;
        return true;
    }
    return false;
}

/* This node may not change the members, or no longer: what it noted as leader is void. */
static void rest(struct changes *changes)
{
    if (!changes->able)
        return;
    changes->able = false;
    changes->wanted = false;
    memset(changes->near_since_ns, 0, sizeof changes->near_since_ns);
}

bool changes_next(struct changes *changes, struct configuration *after)
{
    if (!raft_may_reconfigure(changes->raft) || !raft_leads_applied(changes->raft)) {
        rest(changes);
        return false;
    }
    changes->able = true;
    changes->replaces = 0;
    bool looks = sample_commit(changes);
    if (!changes->wanted)
        return improve(changes, after) || (looks && replace_lost(changes, after));
    *after = changes->next;
    return true;
}

uint8_t changes_proposed(struct changes *changes)
{
    changes->wanted = false;
    return changes->replaces;
}

bool changes_handover(struct changes *changes, struct raft_event *event)
{
    if (!changes->handover_wanted)
        return false;
    changes->handover_wanted = false;
    *event = (struct raft_event){.kind = RAFT_TRANSFER, .peer = changes->handover_to};
    return raft_takes_proposals(changes->raft);
}

uint64_t changes_removed_at(const struct changes *changes, uint64_t applied)
{
    const struct configurations *configurations = changes->configurations;
    uint64_t index = configurations->newest.index;
    bool joining = index < raft_commit_heard(changes->raft);
    bool is_member = configurations_self(configurations) != NULL;
    return index <= applied && !joining && !is_member ? index : 0;
}

/* ---- What an operator asks ---- */

static void name(
        struct sentence *sentence, const char *before, uint8_t id, const char *after)
{
    sentence_add(sentence, before);
    sentence_add_nodes(sentence, bit(id));
    sentence_add(sentence, after);
}

/* It is so in the newest configuration: done once that is committed. */
static enum admin_result is_so(const struct changes *changes, uint8_t id, const char *what,
        struct sentence *sentence)
{
    name(sentence, "", id, what);
    if (is_settled(changes))
        return ADMIN_DONE;
    sentence_add(sentence, ", once it is committed");
    return ADMIN_UNDER_WAY;
}

static enum admin_result catches_up(
        const struct changes *changes, uint8_t id, struct sentence *sentence)
{
    name(sentence, "", id, " is a learner and has ");
    sentence_add_u64(sentence, raft_peer_match(changes->raft, id));
    sentence_add(sentence, " of ");
    sentence_add_u64(sentence, raft_commit(changes->raft));
    sentence_add(sentence, raft_peer_is_open(changes->raft, id)
                                   ? " entries"
                                   : " entries, but it is not connected: start it");
    return ADMIN_UNDER_WAY;
}

/*
 * Propose `after` in this turn, if a majority of its voters is heard. The next answer says
 * how far it is.
 */
static enum admin_result change(struct changes *changes, const struct configuration *after,
        struct sentence *sentence)
{
    uint64_t voters = configuration_ids(after, MEMBER_VOTER);
    uint64_t unheard = raft_unheard(changes->raft, voters);
    bool same_voters = voters == voters_of(changes);
    if (voters == 0) {
        sentence_add(sentence, "a cluster needs a voter: this is the last one");
        return ADMIN_NEVER;
    }
    if (!raft_may_reconfigure(changes->raft) || changes->wanted) {
        sentence_add(sentence, "another change of the members is not committed yet");
        return ADMIN_UNDER_WAY;
    }
    if (unheard != 0 && !same_voters) {
        MARK(change_would_stop_the_cluster);
        sentence_add(
                sentence, "too few of the voters that there would be are heard: start ");
        sentence_add_nodes(sentence, unheard);
        sentence_add(sentence, " first");
        return ADMIN_NOT_NOW;
    }
    assert(configuration_follows(newest(changes), after));
    changes->next = *after;
    changes->wanted = true;
    sentence_add(sentence, "the change is being written");
    return ADMIN_UNDER_WAY;
}

/* False: it is no address, or another member's. */
static bool take_address(const struct changes *changes, const struct admin_request *request,
        char *address, struct sentence *sentence)
{
    struct address parsed;
    const char *why = "it is too long";
    char text[ADDRESS_TEXT_BYTES] = "";
    static_assert(sizeof text >= ADDRESS_BYTES_MAX, "");
    bool good = address_parse((const char *)request->text.bytes, request->text.count,
                        &parsed, &why) &&
                address_text(&parsed, text) < ADDRESS_BYTES_MAX;
    if (!good) {
        sentence_add(sentence, "the address must be host:port: ");
        sentence_add(sentence, why);
        return false;
    }
    for (uint8_t i = 0; i < newest(changes)->count; i++) {
        const struct member *other = &newest(changes)->members[i];
        if (other->id == request->node || strcmp(other->address, text) != 0)
            continue;
        name(sentence, "that is the address of ", other->id, "");
        return false;
    }
    memcpy(address, text, ADDRESS_BYTES_MAX); /* Zeros behind the text */
    return true;
}

/*
 * For one learner more that is to be promoted. Those that stay learners do not count: they
 * must not keep a lost voter from being replaced.
 */
static bool has_room(const struct changes *changes, struct sentence *sentence)
{
    if (count_of(changes, MEMBER_LEARNER) < LEARNERS_MAX)
        return true;
    sentence_add(sentence,
            "there are two learners already; wait until they are promoted, or remove one");
    return false;
}

/* For one member more. All that are to be voters, and are not yet, have their place. */
static enum admin_result may_add(
        const struct changes *changes, enum member_role role, struct sentence *sentence)
{
    uint32_t learners = count_of(changes, MEMBER_LEARNER);
    if (role == MEMBER_LEARNER &&
            count_of(changes, MEMBER_VOTER) + learners >= MEMBERS_MAX) {
        sentence_add(sentence,
                learners == 0
                        ? "a cluster has at most 7 voters"
                        : "a cluster has at most 7 voters, and those that are learners now are to be voters");
        return ADMIN_NEVER;
    }
    if (learners + count_of(changes, MEMBER_OBSERVER) < LEARNERS_MAX)
        return ADMIN_DONE;
    sentence_add(sentence,
            "there are two learners already; wait until they are promoted, or remove one");
    return ADMIN_NOT_NOW;
}

static enum admin_result add(struct changes *changes, const struct admin_request *request,
        struct sentence *sentence)
{
    struct member member = {.id = request->node, .priority = PRIORITY_DEFAULT};
    bool stays = (request->flags & ADMIN_FLAG_LEARNER) != 0;
    member.role = stays ? MEMBER_OBSERVER : MEMBER_LEARNER;
    if (!take_address(changes, request, member.address, sentence))
        return ADMIN_NEVER;
    const struct member *known = configuration_find(newest(changes), request->node);
    if (known && strcmp(known->address, member.address) != 0) {
        name(sentence, "", known->id, " is a member already, at ");
        sentence_add(sentence, known->address);
        return ADMIN_NEVER;
    }
    if (known && known->role == MEMBER_LEARNER)
        return catches_up(changes, known->id, sentence);
    if (known)
        return is_so(changes, known->id, " is a member", sentence);
    enum admin_result may = may_add(changes, (enum member_role)member.role, sentence);
    if (may != ADMIN_DONE)
        return may;
    const struct newcomer *newcomer = doubt_newcomer(changes->doubts, member.id);
    member.incarnation = newcomer ? newcomer->incarnation : 0;
    struct configuration after = *newest(changes);
    insert(&after, &member);
    return change(changes, &after, sentence);
}

/* This leader is to be a member no more: another one leads first. */
static enum admin_result hand_over(struct changes *changes, struct sentence *sentence)
{
    if (raft_successor(changes->raft) == RAFT_SUCCESSOR_NONE) {
        sentence_add(sentence, "it leads, and no other voter could take over now");
        return ADMIN_NOT_NOW;
    }
    changes->handover_wanted = true;
    changes->handover_to = 0;
    name(sentence, "", changes->configurations->self, " leads and hands over first");
    return ADMIN_UNDER_WAY;
}

static enum admin_result remove_member(struct changes *changes,
        const struct admin_request *request, struct sentence *sentence)
{
    const struct member *known = configuration_find(newest(changes), request->node);
    if (!known)
        return is_so(changes, request->node, " is no member", sentence);
    struct configuration after = *newest(changes);
    take_out(&after, request->node);
    bool leads = request->node == changes->configurations->self;
    if (leads && configuration_ids(&after, MEMBER_VOTER) != 0)
        return hand_over(changes, sentence);
    return change(changes, &after, sentence);
}

/* The new one is known already: a learner is noted by itself, but not where it is. */
static enum admin_result settle_replaced(struct changes *changes,
        const struct admin_request *request, const struct member *known,
        struct sentence *sentence)
{
    struct configuration after = *newest(changes);
    struct member *member = place_of(&after, known->id);
    assert(member);
    if (request->text.count > 0 &&
            !take_address(changes, request, member->address, sentence))
        return ADMIN_NEVER;
    if (strcmp(known->address, member->address) != 0)
        return change(changes, &after, sentence);
    if (known->role == MEMBER_LEARNER)
        return catches_up(changes, known->id, sentence);
    return is_so(changes, known->id, " is replaced", sentence);
}

/* `number`: the incarnation that is to go. */
static enum admin_result replace(struct changes *changes,
        const struct admin_request *request, struct sentence *sentence)
{
    const struct member *known = configuration_find(newest(changes), request->node);
    if (!known) {
        name(sentence, "", request->node, " is no member: use lockctl members add");
        return ADMIN_NEVER;
    }
    bool gone = request->number != 0 && known->incarnation != request->number;
    if (gone)
        return settle_replaced(changes, request, known, sentence);
    if (known->id == changes->configurations->self)
        return hand_over(changes, sentence);
    const struct newcomer *newcomer = doubt_newcomer(changes->doubts, known->id);
    if (!newcomer || newcomer->incarnation == known->incarnation) {
        name(sentence, "the new machine is not heard: start lockd there as ", known->id,
                ", with an empty data directory and a --cluster that names a member");
        return ADMIN_NOT_NOW;
    }
    if (known->role == MEMBER_VOTER && !has_room(changes, sentence))
        return ADMIN_NOT_NOW;
    struct configuration after = replaced(changes, newcomer);
    struct member *place = place_of(&after, known->id);
    assert(place);
    if (request->text.count > 0 &&
            !take_address(changes, request, place->address, sentence))
        return ADMIN_NEVER;
    return change(changes, &after, sentence);
}

static enum admin_result move(struct changes *changes, const struct admin_request *request,
        struct sentence *sentence)
{
    struct configuration after = *newest(changes);
    struct member *member = place_of(&after, request->node);
    char before[ADDRESS_BYTES_MAX];
    if (!member) {
        name(sentence, "", request->node, " is no member");
        return ADMIN_NEVER;
    }
    memcpy(before, member->address, sizeof before);
    if (!take_address(changes, request, member->address, sentence))
        return ADMIN_NEVER;
    if (strcmp(before, member->address) == 0)
        return is_so(changes, request->node, " has this address", sentence);
    return change(changes, &after, sentence);
}

/* A learner that was to stay one is promoted like others: when it has caught up. */
static enum admin_result promote_observer(struct changes *changes,
        const struct admin_request *request, struct sentence *sentence)
{
    struct configuration after = *newest(changes);
    struct member *member = place_of(&after, request->node);
    if (!member) {
        name(sentence, "", request->node, " is no member");
        return ADMIN_NEVER;
    }
    if (member->role == MEMBER_LEARNER)
        return catches_up(changes, member->id, sentence);
    if (member->role == MEMBER_VOTER)
        return is_so(changes, member->id, " is a voter", sentence);
    if (count_of(changes, MEMBER_VOTER) + count_of(changes, MEMBER_LEARNER) >=
            MEMBERS_MAX) {
        sentence_add(sentence, "a cluster has at most 7 voters");
        return ADMIN_NEVER;
    }
    if (!has_room(changes, sentence))
        return ADMIN_NOT_NOW;
    member->role = MEMBER_LEARNER;
    return change(changes, &after, sentence);
}

/* `number`: who is to lead no more. */
static enum admin_result transfer(struct changes *changes,
        const struct admin_request *request, struct sentence *sentence)
{
    uint8_t self = changes->configurations->self;
    bool done = request->node != 0 ? request->node == self : request->number != self;
    if (done) {
        name(sentence, "", self, " leads");
        return ADMIN_DONE;
    }
    if (request->node != 0 && (voters_of(changes) & bit(request->node)) == 0) {
        name(sentence, "", request->node, " is no voter");
        return ADMIN_NEVER;
    }
    if (request->node != 0 && !raft_peer_is_open(changes->raft, request->node)) {
        name(sentence, "", request->node, " is not connected");
        return ADMIN_NOT_NOW;
    }
    enum admin_result result = hand_over(changes, sentence);
    changes->handover_to = request->node;
    return result;
}

enum admin_result changes_ask(struct changes *changes, const struct admin_request *request,
        struct sentence *sentence)
{
    if (request->node == 0 && request->kind != ADMIN_MEMBERS &&
            request->kind != ADMIN_TRANSFER) {
        sentence_add(sentence, "the request names no node");
        return ADMIN_NEVER;
    }
    switch (request->kind) {
    case ADMIN_MEMBERS_ADD:
        return add(changes, request, sentence);
    case ADMIN_MEMBERS_REMOVE:
        return remove_member(changes, request, sentence);
    case ADMIN_MEMBERS_REPLACE:
        return replace(changes, request, sentence);
    case ADMIN_MEMBERS_MOVE:
        return move(changes, request, sentence);
    case ADMIN_MEMBERS_PROMOTE:
        return promote_observer(changes, request, sentence);
    case ADMIN_TRANSFER:
        return transfer(changes, request, sentence);
    default:
        sentence_add(sentence, is_settled(changes)
                                       ? "no change of the members is under way"
                                       : "a change of the members is not committed yet");
        return ADMIN_DONE;
    }
}
