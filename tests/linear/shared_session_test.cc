/*
 * Without tokens, and with several processes that share a session: which release ended which
 * hold is open, so none of these histories is wrong. Each was called a violation once; the
 * comparison in brute_test.cc found them.
 */
#include <gtest/gtest.h>

#include <sstream>

#include "lockcheck/judge/judge.h"

using namespace linear;

namespace {

std::string line(const char *who, const char *op, const char *times, const char *more)
{
    bool of_session = std::string(op) == "open";
    return std::string("{") + who + R"(,"op":")" + op + R"(",)" +
           (of_session ? "" : R"("lock":"a",)") + times + R"(,"res":)" + more + "}\n";
}

std::string verdict(const char *fields, const std::string &lines)
{
    std::istringstream input(
            std::string(R"({"format":"lockhist/1","defaults":{"model":"mutex")") + fields +
            "}}\n" + lines);
    Judgement judgement = judge(read_history(input), Rules{});
    if (!judgement.violations.empty())
        return judgement.violations[0].rule;
    return judgement.undecided > 0 ? "undecided" : "valid";
}

} // namespace

/*
 * The first hold ran out. The first release came while others were under way, and ended one
 * of theirs.
 */
TEST(SharedSession, AReleaseThatOverlapsWithOthersNeedNotBeOfTheGrantBefore)
{
    const char *first = R"("proc":1,"session":2)";
    const char *second = R"("proc":2,"session":2)";
    const char *third = R"("proc":3,"session":2)";
    std::string all = line(first, "acquire", R"("call":0,"ret":5)", R"("ok","ttl":10)") +
                      line(first, "release", R"("call":20,"ret":80)", R"("ok")") +
                      line(second, "acquire", R"("call":24,"ret":42)", R"("ok")") +
                      line(third, "acquire", R"("call":28,"ret":37)", R"("ok")") +
                      line(third, "release", R"("call":40,"ret":90)", R"("ok")") +
                      line(second, "release", R"("call":60,"ret":88)", R"("not_owner")");
    EXPECT_EQ(verdict("", all), "valid");
    /* While a lease without an end makes one hold too many. */
    EXPECT_NE(verdict("", all.replace(all.find(R"(,"ttl":10)"), 9, "")), "valid");
}

/*
 * A wait that came to nothing may have held, and the release ended that. The grant before
 * had run out.
 */
TEST(SharedSession, AReleaseMayBeOfAWaitThatCameToNothing)
{
    const char *first = R"("proc":1,"session":2)";
    const char *second = R"("proc":2,"session":2)";
    const char *other = R"("proc":3,"session":3)";
    EXPECT_EQ(
            verdict("", line(first, "acquire", R"("call":0,"ret":5)", R"("ok","ttl":10)") +
                                line(other, "acquire", R"("call":16,"ret":18)", R"("ok")") +
                                line(other, "release", R"("call":19,"ret":20)", R"("ok")") +
                                line(second, "acquire", R"("call":21,"ret":40)",
                                        R"("timeout")") +
                                line(first, "release", R"("call":22,"ret":50)", R"("ok")")),
            "valid");
}

/*
 * One session's hold came and went with the session, before the other's began; both grants
 * were told later.
 */
TEST(SharedSession, AnotherGrantMayComeAndGoFirst)
{
    const char *first = R"("proc":6,"session":5)";
    const char *second = R"("proc":14,"session":27)";
    std::string all =
            /* A session that does two things at once */
            line(first, "acquire", R"("call":0,"ret":10)", R"("ok")") +
            line(first, "release", R"("call":10,"ret":20)", R"("ok")") +
            line(second, "open", R"("call":29,"ret":48)", R"("ok","ttl":32)") +
            line(second, "try", R"("call":55,"ret":118)", R"("ok")") +
            line(first, "try", R"("call":60,"ret":109)", R"("ok")") +
            line(first, "release", R"("call":160,"ret":175)", R"("ok")");
    EXPECT_EQ(verdict(R"(,"ttl":18)", all), "valid");
}

/* The renewal was of the one of two holds that had no lease of its own. */
TEST(SharedSession, ARenewalMayBeOfTheOtherHold)
{
    const char *first = R"("proc":9,"session":3)";
    const char *second = R"("proc":10,"session":3)";
    EXPECT_EQ(
            verdict("", line(first, "open", R"("call":0,"ret":9)", R"("ok","ttl":90)") +
                                line(first, "acquire", R"("call":9,"ret":29)", R"("ok")") +
                                line(second, "acquire", R"("call":10,"ret":28)",
                                        R"("ok","ttl":11)") +
                                line(first, "renew", R"("call":69,"ret":97)", R"("ok")")),
            "valid");
}

/* A release that was under way when the grant was asked for may have ended it at once. */
TEST(SharedSession, AReleaseOnItsWayMayEndTheNextHold)
{
    const char *first = R"("proc":1,"session":12)";
    const char *second = R"("proc":2,"session":12)";
    const char *third = R"("proc":3,"session":12)";
    const char *other = R"("proc":4,"session":14)";
    std::string all = line(first, "acquire", R"("call":0,"ret":10)", R"("ok")") +
                      line(second, "acquire", R"("call":2,"ret":12)", R"("ok")") +
                      line(first, "release", R"("call":20,"ret":90)", R"("ok")") +
                      line(second, "release", R"("call":22,"ret":80)", R"("ok")") +
                      line(third, "acquire", R"("call":40,"ret":50)", R"("ok")") +
                      line(other, "try", R"("call":60,"ret":70)", R"("ok")");
    EXPECT_EQ(verdict(R"(,"idempotent":true)", all), "valid");
    /* But not if both had returned. */
    size_t at = 0;
    while ((at = all.find(R"("ret":90)")) != std::string::npos ||
            (at = all.find(R"("ret":80)")) != std::string::npos)
        all.replace(at, 8, R"("ret":30)");
    EXPECT_EQ(verdict(R"(,"idempotent":true)", all), "exclusion");
}
