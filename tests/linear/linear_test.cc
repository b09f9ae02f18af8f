/*
 * The checker's own tests: what is possible passes, and each kind of wrong is found by the
 * rule that is there for it. A random service makes long valid histories; one change to
 * such a history makes it wrong.
 */
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "lockcheck/judge/judge.h"

using namespace linear;

namespace {

Judgement judge_text(const std::string &lines, const std::string &header = "")
{
    std::string head =
            header.empty() ? R"({"format":"lockhist/1","defaults":{"ttl":1000}})" : header;
    std::istringstream input(head + "\n" + lines);
    return judge(read_history(input), Rules{});
}

std::string op(uint64_t proc, const char *kind, int64_t call, int64_t ret, const char *res,
        const std::string &more)
{
    std::ostringstream line;
    line << R"({"proc":)" << proc << R"(,"op":")" << kind << R"(","lock":"a","session":)"
         << proc << R"(,"call":)" << call << R"(,"ret":)";
    if (ret < 0)
        line << "null";
    else
        line << ret;
    line << R"(,"res":")" << res << '"' << (more.empty() ? "" : ",") << more << "}\n";
    return line.str();
}

std::string token(uint64_t value)
{
    return R"("token":)" + std::to_string(value);
}

bool violates(const Judgement &judgement, const std::string &rule)
{
    for (const Violation &violation : judgement.violations) {
        if (violation.rule == rule)
            return true;
    }
    return false;
}

} // namespace

TEST(Linear, OneAfterAnotherIsValid)
{
    Judgement judgement = judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                                     op(1, "release", 20, 30, "ok", token(1)) +
                                     op(2, "acquire", 5, 40, "ok", token(2)));
    EXPECT_TRUE(judgement.violations.empty());
    EXPECT_EQ(judgement.grants, 2u);
}

TEST(Linear, TwoHoldersAtOnceAreFound)
{
    Judgement judgement = judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                                     op(2, "acquire", 20, 30, "ok", token(2)));
    EXPECT_TRUE(violates(judgement, "exclusion"));
    EXPECT_TRUE(violates(judgement, "linearizability"));
}

TEST(Linear, ExpiryExplainsAGrantOnlyAfterTheLease)
{
    EXPECT_TRUE(judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                           op(2, "acquire", 20, 1001, "ok", token(2)))
                        .violations.empty());
    EXPECT_FALSE(judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                            op(2, "acquire", 20, 999, "ok", token(2)))
                         .violations.empty());
}

TEST(Linear, AnUnknownReleaseMayHaveHappened)
{
    EXPECT_TRUE(judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                           op(1, "release", 20, -1, "info", token(1)) +
                           op(2, "acquire", 30, 40, "ok", token(2)))
                        .violations.empty());
}

TEST(Linear, AnUnknownAcquireExplainsARefusedTry)
{
    EXPECT_TRUE(judge_text(
            op(1, "acquire", 0, -1, "info", "") + op(2, "try", 20, 30, "held", ""))
                        .violations.empty());
    EXPECT_TRUE(violates(judge_text(op(2, "try", 20, 30, "held", "")), "linearizability"));
}

/* The cancel of a wait takes back a grant that nobody heard of; others may have seen it. */
TEST(Linear, AWaitThatTimedOutMayHaveHeldUntilItReturned)
{
    for (const char *res : {"timeout", "expired"}) {
        std::string wait = op(1, "acquire", 0, 1000, res, "");
        EXPECT_TRUE(
                judge_text(wait + op(2, "try", 500, 510, "held", "")).violations.empty());
        EXPECT_FALSE(
                judge_text(wait + op(2, "try", 1500, 1510, "held", "")).violations.empty());
    }
}

/* One of two held at the try, the other is the one whose token was seen. */
TEST(Linear, OfTwoUnknownAcquiresTheLaterMayBeTheOneThatWasSeen)
{
    std::string first = op(1, "acquire", 0, -1, "info", "");
    std::string tried = op(2, "try", 10, 20, "held", "");
    std::string grant = op(2, "acquire", 22, 24, "ok", token(8));
    std::string release = op(2, "release", 26, 28, "ok", token(8));
    std::string second = R"({"proc":3,"op":"acquire","lock":"a","session":1,"call":30,)"
                         R"("ret":null,"res":"info"})"
                         "\n";
    std::string seen = op(4, "query", 40, 50, "ok", R"("holder":1,"token":9)");
    std::string all = first + tried + grant + release + second + seen;
    EXPECT_TRUE(judge_text(all).violations.empty());
    EXPECT_FALSE(judge_text(tried + grant + release + second + seen).violations.empty());
}

/*
 * A client that is paused behind its request, beyond its lease, is told that the session is
 * over. What it had asked for was done before, mostly.
 */
TEST(Linear, WhatASessionAskedForBeforeItWasOverMayHaveBeenDone)
{
    std::string grant = R"({"proc":1,"op":"open","session":1,"call":0,"ret":1,)"
                        R"("res":"ok","ttl":1000})"
                        "\n" +
                        op(1, "acquire", 2, 10, "ok", token(1));
    std::string next = op(2, "acquire", 25, 50, "ok", token(2));
    std::string close =
            R"({"proc":1,"op":"close","session":1,"call":20,"ret":1500,"res":"expired"})"
            "\n";
    EXPECT_TRUE(judge_text(grant + op(1, "release", 20, 1500, "expired", token(1)) + next)
                        .violations.empty());
    EXPECT_TRUE(judge_text(grant + close + next).violations.empty());
    EXPECT_FALSE(judge_text(grant + op(1, "release", 60, 1500, "expired", token(1)) + next)
                         .violations.empty());
    std::string attempt = op(1, "try", 0, 1500, "expired", "");
    EXPECT_TRUE(
            judge_text(attempt + op(2, "try", 500, 510, "held", "")).violations.empty());
    EXPECT_FALSE(
            judge_text(attempt + op(2, "try", 1600, 1610, "held", "")).violations.empty());
}

/* A grant that could have been over long before it returned may as well have come last. */
TEST(Linear, WithoutTokensAGrantMayBeginLate)
{
    std::string header = R"({"format":"lockhist/1","defaults":{"model":"mutex"}})";
    std::string open =
            R"({"proc":1,"op":"open","session":1,"call":0,"ret":1,"res":"ok","ttl":100})"
            "\n";
    std::string history = open + op(2, "acquire", 1, -1, "info", "") +
                          op(1, "acquire", 2, 1000, "ok", "") +
                          op(3, "query", 900, 1010, "ok", R"("holder":2)") +
                          op(4, "query", 1100, 1110, "ok", R"("holder":1)");
    EXPECT_TRUE(judge_text(history, header).violations.empty());
}

/* What was over with its session holds nothing later. */
TEST(Linear, WithoutTokensADeadSessionExplainsNoRefusal)
{
    std::string header = R"({"format":"lockhist/1","defaults":{"model":"mutex"}})";
    std::string close = R"({"proc":5,"op":"close","session":1,"call":6,"ret":6,"res":"ok"})"
                        "\n";
    std::string grant = op(1, "acquire", 2, 12, "ok", "");
    EXPECT_TRUE(judge_text(grant + close + op(2, "try", 5, 10, "held", ""), header)
                        .violations.empty());
    EXPECT_TRUE(
            violates(judge_text(grant + close + op(2, "try", 9, 10, "held", ""), header),
                    "linearizability"));
}

/* Of holds that are alike, the one ends whose session does. */
TEST(Linear, TheDeathOfASessionEndsItsOwnPermits)
{
    std::string header =
            R"({"format":"lockhist/1","defaults":{"model":"semaphore","permits":3}})";
    EXPECT_TRUE(judge_text(op(1, "acquire", 5, 7, "ok", token(2)) +
                                   op(3, "acquire", 7, 12, "ok", token(4)) +
                                   op(1, "release", 11, -1, "info", token(2)) +
                                   op(3, "renew", 13, 16, "expired", token(4)) +
                                   op(4, "try", 18, 33, "held", R"("permits":3)"),
            header)
                        .violations.empty());
}

TEST(Linear, TokensThatDoNotGrowAreFound)
{
    Judgement judgement = judge_text(op(1, "acquire", 0, 10, "ok", token(5)) +
                                     op(1, "release", 20, 30, "ok", token(5)) +
                                     op(2, "acquire", 40, 50, "ok", token(4)));
    EXPECT_TRUE(violates(judgement, "token-order"));
    judgement = judge_text(op(1, "acquire", 0, 10, "ok", token(5)) +
                           op(1, "release", 20, 30, "ok", token(5)) +
                           op(2, "acquire", 25, 50, "ok", token(5)));
    EXPECT_TRUE(violates(judgement, "token-unique"));
}

TEST(Linear, AReleaseOfAnOvertakenTokenIsFound)
{
    Judgement judgement = judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                                     op(2, "acquire", 20, 1500, "ok", token(2)) +
                                     op(1, "release", 1600, 1700, "ok", token(1)));
    EXPECT_TRUE(violates(judgement, "overtaken"));
}

TEST(Linear, AGrantToADeadSessionIsFound)
{
    Judgement judgement = judge_text(op(1, "acquire", 0, 10, "ok", token(1)) +
                                     op(1, "release", 1500, 1600, "expired", token(1)) +
                                     op(1, "acquire", 1700, 1800, "ok", token(2)));
    EXPECT_TRUE(violates(judgement, "session-death"));
}

TEST(Linear, ABeliefBeyondTheLeaseIsFound)
{
    Judgement judgement =
            judge_text(op(1, "acquire", 0, 10, "ok", token(1) + R"(,"deadline":1011)"));
    EXPECT_TRUE(violates(judgement, "lease-deadline"));
}

TEST(Linear, QueueOrderIsCheckedWhereAsked)
{
    std::string lines = op(9, "acquire", 0, 10, "ok", token(1)) +
                        op(1, "acquire", 11, 300, "ok", token(3) + R"(,"queued":20)") +
                        op(2, "acquire", 30, 200, "ok", token(2) + R"(,"queued":40)") +
                        op(9, "release", 100, 110, "ok", token(1)) +
                        op(2, "release", 210, 220, "ok", token(2));
    EXPECT_TRUE(judge_text(lines).violations.empty());
    EXPECT_TRUE(violates(
            judge_text(lines, R"({"format":"lockhist/1","defaults":{"fifo":true}})"),
            "fifo"));
}

TEST(Linear, SemaphoresAndReadersShare)
{
    const char *semaphore =
            R"({"format":"lockhist/1","defaults":{"model":"semaphore","permits":2}})";
    std::string two = op(1, "acquire", 0, 10, "ok", token(1)) +
                      op(2, "acquire", 20, 30, "ok", token(2));
    EXPECT_TRUE(judge_text(two, semaphore).violations.empty());
    EXPECT_FALSE(judge_text(two + op(3, "acquire", 40, 50, "ok", token(3)), semaphore)
                         .violations.empty());
    const char *readers = R"({"format":"lockhist/1","defaults":{"model":"rwlock"}})";
    std::string shared = op(1, "acquire", 0, 10, "ok", token(1) + R"(,"mode":"s")") +
                         op(2, "acquire", 20, 30, "ok", token(2) + R"(,"mode":"s")");
    EXPECT_TRUE(judge_text(shared, readers).violations.empty());
    EXPECT_FALSE(judge_text(shared + op(3, "acquire", 40, 50, "ok", token(3)), readers)
                         .violations.empty());
}

TEST(Linear, MalformedLinesAreRefusedWithTheirNumber)
{
    const char *bad[] = {"{", "[]", R"({"proc":1})",
            R"({"proc":1,"op":"acquire","lock":"a","session":1,"call":1.5,"ret":2,"res":"ok"})",
            R"({"proc":1,"op":"acquire","lock":"a","session":1,"call":3,"ret":2,"res":"ok"})",
            R"({"proc":1,"op":"open","session":1,"call":1,"ret":2,"res":"held"})",
            R"({"proc":1,"op":"acquire","lock":"a","session":1,"call":1,"ret":2,"res":"ok"})",
            R"({"proc":1,"op":"open","session":1,"call":1,"ret":2,"res":"ok","color":3})"};
    for (const char *line : bad) {
        try {
            judge_text(line);
            FAIL() << line;
        } catch (const Malformed &error) {
            EXPECT_EQ(std::string(error.what()).rfind("line 2: ", 0), 0u) << line;
        }
    }
}

namespace {

/* A service that keeps its promises, and clients whose answers are sometimes lost. */
std::vector<std::string> random_history(uint32_t seed, int steps)
{
    std::mt19937 dice(seed);
    auto roll = [&](int n) {
        return static_cast<int>(dice() % static_cast<unsigned>(n));
    };
    std::vector<std::string> lines;
    int64_t now = 0;
    uint64_t next_token = 1;
    uint64_t holder = 0;
    uint64_t held_token = 0;
    std::vector<std::pair<uint64_t, int64_t>> queue;
    auto hand_on = [&] {
        holder = 0;
        if (queue.empty())
            return;
        auto [session, call] = queue.front();
        queue.erase(queue.begin());
        holder = session;
        held_token = next_token++;
        lines.push_back(
                op(session, "acquire", call, now + 1 + roll(3), "ok", token(held_token)));
        now += 4;
    };
    uint64_t session = 0;
    for (int i = 0; i < steps; i++) {
        now += 1 + roll(5);
        session++;
        if (holder == 0) {
            holder = session;
            held_token = next_token++;
            lines.push_back(op(session, "acquire", now, now + 3, "ok", token(held_token)));
            now += 3;
        } else if (roll(3) == 0) {
            lines.push_back(op(session, "try", now, now + 2, "held", ""));
        } else if (roll(3) == 0 && queue.size() < 6) {
            queue.push_back({session, now});
        } else {
            bool lost = roll(4) == 0;
            lines.push_back(op(holder, "release", now, lost ? -1 : now + 1,
                    lost ? "info" : "ok", token(held_token)));
            now += 2;
            hand_on();
        }
    }
    return lines;
}

std::string join(const std::vector<std::string> &lines)
{
    std::string all;
    for (const std::string &line : lines)
        all += line;
    return all;
}

const char *const no_expiry = R"({"format":"lockhist/1","global_tokens":true})";

} // namespace

TEST(Linear, RandomValidHistoriesPass)
{
    for (uint32_t seed = 0; seed < 50; seed++)
        EXPECT_TRUE(
                judge_text(join(random_history(seed, 300)), no_expiry).violations.empty())
                << "seed " << seed;
}

/* Take one accepted release away: the next grant cannot be explained any more. */
TEST(Linear, AMissingReleaseIsFound)
{
    for (uint32_t seed = 0; seed < 50; seed++) {
        std::vector<std::string> lines = random_history(seed, 300);
        for (size_t i = lines.size() / 2; i < lines.size() - 20; i++) {
            bool release = lines[i].find(R"("release")") != std::string::npos &&
                           lines[i].find(R"("ok")") != std::string::npos;
            if (!release)
                continue;
            lines.erase(lines.begin() + static_cast<ptrdiff_t>(i));
            break;
        }
        EXPECT_FALSE(judge_text(join(lines), no_expiry).violations.empty())
                << "seed " << seed;
    }
}
