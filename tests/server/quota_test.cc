/*
 * One machine that takes without end leaves something to others: sessions of the cluster,
 * and connections of a node. Loopback has many addresses, which stand for machines here.
 */
#include <gtest/gtest.h>

#include <vector>

#include "protocol/status.h"
#include "worlds/lockd.h"

using server::Single;
using server::Talker;

namespace {

constexpr const char *greedy = "127.0.0.1";
constexpr const char *modest = "127.0.0.2";

/* The first answer of a node that serves; nothing if the connection ended. */
std::optional<struct answer> open(Talker &talker, const std::string &label)
{
    std::optional<struct answer> said;
    process::wait_until([&] {
        said = talker.open(label);
        return !said || said->status != STATUS_NOT_LEADER;
    });
    return said;
}

} // namespace

TEST(Quota, AnAddressLeavesSessionsToOthers)
{
    Single single({"--sessions", "40", "--address-share", "50"});
    single.start();
    ASSERT_TRUE(single.leads());
    Talker many(single.port, greedy);
    ASSERT_TRUE(many.hello());
    for (int i = 0; i < 20; i++) {
        auto said = open(many, "greedy");
        ASSERT_TRUE(said);
        ASSERT_EQ(said->status, STATUS_OK) << i << ", detail " << int{said->detail};
    }
    Talker again(single.port, greedy);
    ASSERT_TRUE(again.hello());
    auto refused = open(again, "another label");
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, STATUS_LIMIT);
    EXPECT_EQ(refused->detail, LIMIT_ADDRESS_SESSIONS);
    Talker one(single.port, modest);
    ASSERT_TRUE(one.hello());
    auto granted = open(one, "modest");
    ASSERT_TRUE(granted);
    EXPECT_EQ(granted->status, STATUS_OK);

    /* The address is in the log: a restart counts the same. */
    single.kill();
    single.start();
    /* Its status is nearly-full, so it does not count as healthy. */
    ASSERT_TRUE(single.lockd->says("this node leads"));
    Talker later(single.port, greedy);
    ASSERT_TRUE(later.hello());
    auto still = open(later, "greedy");
    ASSERT_TRUE(still);
    EXPECT_EQ(still->detail, LIMIT_ADDRESS_SESSIONS);
}

TEST(Quota, AnAddressLeavesConnectionsToOthers)
{
    Single single({"--connections", "40", "--connection-share", "50"});
    single.start();
    ASSERT_TRUE(single.lockd->says("this node leads"));
    std::vector<Talker> many;
    bool met = false;
    for (int i = 0; i < 40 && !met; i++) {
        many.emplace_back(single.port, greedy);
        ASSERT_TRUE(many.back().hello());
        met = !many.back().open("").has_value();
    }
    EXPECT_TRUE(met) << "a connection too many is closed when it asks for something";
    EXPECT_TRUE(single.lockd->says(" address-full from=127.0.0.1:"))
            << single.lockd->said();
    Talker one(single.port, modest);
    ASSERT_TRUE(one.hello());
    EXPECT_TRUE(one.open("").has_value());
    EXPECT_TRUE(server::state_of(single.port)) << "the status gets in from anywhere";
}
