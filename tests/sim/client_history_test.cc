/* What clients saw is judged at the end of a life: a recorder that lies is caught. */
#include <gtest/gtest.h>

#include "base/units.h"
#include "sim/lives/life.h"

using namespace sim;

namespace {

using linear::Kind;
using linear::Operation;
using linear::Result;

/* What the clients of a life saw that is well and has not too little in it. */
linear::History lived(uint64_t seed)
{
    Life life(draw_plan(seed));
    life.run();
    EXPECT_TRUE(life.all_is_well());
    return life.history().whole(true);
}

std::vector<Operation *> grants_of(linear::History &history)
{
    std::vector<Operation *> grants;
    for (Operation &op : history.operations) {
        if (op.is_grant())
            grants.push_back(&op);
    }
    return grants;
}

core_call call_of(core_call_kind kind, uint64_t token = 0)
{
    static const unsigned char name[] = {'a'};
    core_call call{};
    call.kind = kind;
    call.name = {name, 1};
    call.ttl_ns = 2 * NS_PER_S;
    call.token = token;
    return call;
}

core_completion told(core_call_kind kind, enum status status, uint64_t token = 0)
{
    core_completion done{};
    done.kind = kind;
    done.status = status;
    done.token = token;
    return done;
}

/* A client with an open session, told so at 2. */
Scribe opened(ClientHistory &history, uint64_t session)
{
    Scribe scribe(history);
    Scribe::Ticket ticket = scribe.asked(call_of(CORE_OPEN), 1);
    scribe.session_is(session);
    scribe.told(ticket, told(CORE_OPEN, STATUS_OK), 2);
    return scribe;
}

void grant(Scribe &scribe, uint64_t token, uint64_t asked, uint64_t now)
{
    Scribe::Ticket ticket = scribe.asked(call_of(CORE_ACQUIRE), asked);
    scribe.told(ticket, told(CORE_ACQUIRE, STATUS_OK, token), now);
}

} // namespace

TEST(ClientHistory, OfALifeHasGrants)
{
    linear::History history = lived(3);
    EXPECT_GT(grants_of(history).size(), 10U);
    EXPECT_TRUE(breaches_of(history).empty());
}

/* A token that is told wrong */
TEST(ClientHistory, ATokenTwiceIsCaught)
{
    linear::History history = lived(3);
    std::vector<Operation *> grants = grants_of(history);
    grants.back()->token = *grants.front()->token;
    std::vector<std::string> breaches = breaches_of(history);
    ASSERT_FALSE(breaches.empty());
    EXPECT_EQ(breaches.front().rfind("linearizability: ", 0), 0U);
    EXPECT_NE(breaches.front().find("\n{\"format\":\"lockhist/1\""), std::string::npos);
}

/* Two at a time; and what excuses them */
TEST(ClientHistory, TwoHoldersAreCaught)
{
    ClientHistory history;
    Scribe alice = opened(history, 1);
    Scribe bob = opened(history, 2);
    grant(alice, 1, 10, 20);
    grant(bob, 2, 30, 40);
    EXPECT_FALSE(breaches_of(history.whole(true)).empty());
    EXPECT_TRUE(breaches_of(history.whole(false)).empty()) << "no lease was promised";
}

TEST(ClientHistory, AReleaseExcuses)
{
    ClientHistory history;
    Scribe alice = opened(history, 1);
    Scribe bob = opened(history, 2);
    grant(alice, 1, 10, 20);
    Scribe::Ticket release = alice.asked(call_of(CORE_RELEASE, 1), 21);
    grant(bob, 2, 30, 40);
    EXPECT_TRUE(breaches_of(history.whole(true)).empty()) << "it is under way";
    alice.told(release, told(CORE_RELEASE, STATUS_OK), 50);
    EXPECT_TRUE(breaches_of(history.whole(true)).empty());
}

/* The lease that a client believes in is a lease, however it came by it. */
TEST(ClientHistory, BeliefIsALease)
{
    ClientHistory history;
    Scribe alice = opened(history, 1);
    Scribe bob = opened(history, 2);
    grant(alice, 1, 10, 20);
    uint64_t late = 3 * NS_PER_S; /* Longer than a lease from the grant */
    bob.believes_until(late + NS_PER_S, late - NS_PER_S / 2);
    grant(bob, 2, late, late + 1);
    EXPECT_TRUE(breaches_of(history.whole(true)).empty());
    alice.believes_until(late + NS_PER_S, late - NS_PER_S / 2);
    EXPECT_FALSE(breaches_of(history.whole(true)).empty());
}

/* Of a hold that was entered twice only the second release ends it. */
TEST(ClientHistory, OnlyTheLastReleaseCounts)
{
    ClientHistory history;
    Scribe alice = opened(history, 1);
    Scribe bob = opened(history, 2);
    grant(alice, 1, 10, 11);
    grant(alice, 1, 12, 13);
    size_t before = history.whole(true).operations.size();
    Scribe::Ticket first = alice.asked(call_of(CORE_RELEASE, 1), 14);
    alice.told(first, told(CORE_RELEASE, STATUS_OK), 15);
    EXPECT_EQ(history.whole(true).operations.size(), before)
            << "one entry of two: not in it";
    grant(bob, 2, 20, 21);
    EXPECT_FALSE(breaches_of(history.whole(true)).empty());
}

/* The last release ends nothing if an earlier one has no answer: it may have been done first. */
TEST(ClientHistory, TheLastReleaseIsUnknownWhileAnEarlierOneIsUnderWay)
{
    for (bool answered : {true, false}) {
        ClientHistory history;
        Scribe alice = opened(history, 1);
        grant(alice, 1, 10, 11);
        grant(alice, 1, 12, 13);
        Scribe::Ticket first = alice.asked(call_of(CORE_RELEASE, 1), 14);
        if (answered)
            alice.told(first, told(CORE_RELEASE, STATUS_OK), 15);
        Scribe::Ticket last = alice.asked(call_of(CORE_RELEASE, 1), 16);
        alice.told(last, told(CORE_RELEASE, STATUS_OK), 17);
        Result result = history.whole(true).operations[last].result;
        EXPECT_EQ(result, answered ? Result::ok : Result::info);
    }
}

/* A release says nothing certain while the hold may be entered once more. */
TEST(ClientHistory, AReleaseAmidAnEntryIsUnknown)
{
    ClientHistory history;
    Scribe alice = opened(history, 1);
    grant(alice, 1, 10, 11);
    core_call again = call_of(CORE_ACQUIRE);
    again.reentrant = true;
    Scribe::Ticket entry = alice.asked(again, 12);
    Scribe::Ticket release = alice.asked(call_of(CORE_RELEASE, 1), 13);
    alice.told(release, told(CORE_RELEASE, STATUS_OK), 14);
    alice.told(entry, told(CORE_ACQUIRE, STATUS_OK, 1), 15);
    linear::History whole = history.whole(true);
    EXPECT_EQ(whole.operations[release].result, Result::info);
    EXPECT_EQ(whole.operations[entry].result, Result::ok);
    EXPECT_TRUE(breaches_of(whole).empty());
}

/* Whoever closes what the cluster has already ended must not be told OK. */
TEST(ClientHistory, ACloseAfterTheEndIsNotOk)
{
    for (enum status status : {STATUS_OK, STATUS_LOST}) {
        ClientHistory history;
        Scribe alice = opened(history, 1);
        Scribe bob = opened(history, 2);
        alice.believes_until(2 * NS_PER_S, 10);
        grant(alice, 1, 20, 21);
        grant(bob, 2, 3 * NS_PER_S, 4 * NS_PER_S);
        Scribe::Ticket close = alice.asked(call_of(CORE_CLOSE), 5 * NS_PER_S);
        alice.told(close, told(CORE_CLOSE, status), 6 * NS_PER_S);
        linear::History whole = history.whole(true);
        bool lost = status == STATUS_LOST;
        EXPECT_EQ(whole.operations[close].result, lost ? Result::info : Result::ok);
        EXPECT_EQ(breaches_of(whole).empty(), lost);
    }
}

/* What a session held is given up in steps, after the answer to its close. */
TEST(ClientHistory, AHoldMayBeSeenAfterTheClose)
{
    ClientHistory history;
    Scribe alice = opened(history, 1);
    Scribe bob = opened(history, 2);
    grant(alice, 1, 20, 21);
    struct lock_view view {};
    view.session = 1;
    view.token = 1;
    bob.found("a", 22, 23, view);
    EXPECT_EQ(history.whole(true).operations.size(), 4U);
    alice.believes_until(2 * NS_PER_S, 24);
    Scribe::Ticket close = alice.asked(call_of(CORE_CLOSE), 30);
    alice.told(close, told(CORE_CLOSE, STATUS_OK), 31);
    bob.found("a", 32, 33, view);
    linear::History whole = history.whole(true);
    EXPECT_TRUE(breaches_of(whole).empty());
    view.token = 2;
    bob.found("a", 24, 25, view);
    EXPECT_FALSE(breaches_of(history.whole(true)).empty());
}
