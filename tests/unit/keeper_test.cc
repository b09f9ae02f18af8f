#include "lockctl/keeper.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lockctl/hex.h"
#include "lockctl/nested.h"

namespace {

TEST(HexName, ComesBackAsItWas)
{
    std::string longest(LK_NAME_MAX, '\xff');
    for (const std::string &name :
            {std::string("build"), std::string("a b\n\"\\\x01"), longest}) {
        char text[HEX_TEXT_BYTES];
        char back[LK_NAME_MAX + 1];
        hex_text(name.c_str(), text);
        const char *end = hex_parse(text, back);
        ASSERT_NE(end, nullptr);
        EXPECT_EQ(*end, '\0');
        EXPECT_EQ(back, name);
    }
}

TEST(HexName, RefusesWhatIsNone)
{
    char back[LK_NAME_MAX + 1];
    std::string too_long;
    for (int i = 0; i <= LK_NAME_MAX; i++)
        too_long += "61";
    for (const std::string &text : {std::string(), std::string("6"), std::string("6g"),
                 std::string("g"), std::string("00"), std::string("6100"), too_long})
        EXPECT_EQ(hex_parse(text.c_str(), back), nullptr) << text;
}

keeper_card a_card(const std::string &name, uint64_t token)
{
    keeper_card card = {};
    card.token = token;
    card.cluster = UINT64_MAX;
    card.process = 4711;
    name.copy(card.name, LK_NAME_MAX);
    std::string("1=a:1,2=[::1]:2").copy(card.nodes, KEEPER_NODES_BYTES - 1);
    return card;
}

TEST(KeeperCard, ComesBackAsItWas)
{
    for (const std::string &nodes : {std::string("a, b"), std::string(),
                 std::string(KEEPER_NODES_BYTES - 1, 'x')}) {
        char text[KEEPER_CARD_BYTES];
        keeper_card card = a_card(std::string(LK_NAME_MAX, '\xff'), UINT64_MAX);
        keeper_card back = {};
        card.nodes[nodes.copy(card.nodes, KEEPER_NODES_BYTES - 1)] = '\0';
        keeper_card_text(&card, text);
        ASSERT_TRUE(keeper_card_parse(text, &back));
        EXPECT_EQ(back.token, card.token);
        EXPECT_EQ(back.cluster, card.cluster);
        EXPECT_EQ(back.process, card.process);
        EXPECT_STREQ(back.name, card.name);
        EXPECT_EQ(back.nodes, nodes);
    }
}

TEST(KeeperCard, RefusesWhatIsNotWhole)
{
    keeper_card card = {};
    for (const char *text : {"", "1", "1 ff", "1 ff 2", "1 ff 2 61", "1 ff 2 61 a:1",
                 "x ff 2 61 a:1\n", "1 ff 2 6 a:1\n", "1  ff 2 61 a:1\n", "-1 ff 2 61 a\n",
                 "1 ff 2  a:1\n"})
        EXPECT_FALSE(keeper_card_parse(text, &card)) << text;
}

/* Keepers here are in a folder of this test. */
class Keeper : public testing::Test {
protected:
    char folder[32] = "/tmp/lockctl-test-XXXXXX";

    void SetUp() override
    {
        ASSERT_NE(mkdtemp(folder), nullptr);
        setenv("XDG_RUNTIME_DIR", folder, 1);
    }
    void TearDown() override
    {
        unsetenv("XDG_RUNTIME_DIR");
        rmdir((std::string(folder) + "/lockctl").c_str());
        EXPECT_EQ(rmdir(folder), 0) << "a keeper left its file";
    }
    static int call(const keeper &kept, const char *file = nullptr)
    {
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        std::string path = std::string(getenv("XDG_RUNTIME_DIR")) + "/lockctl/" +
                           (file ? file : kept.file);
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        int caller = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        if (connect(caller, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0)
            return caller;
        close(caller);
        return -1;
    }
    static std::string hear(int caller)
    {
        char text[KEEPER_CARD_BYTES];
        ssize_t count = recv(caller, text, sizeof(text), 0);
        return std::string(text, count > 0 ? static_cast<size_t>(count) : 0);
    }
};

TEST_F(Keeper, TellsWhatItKeepsAndIsAsked)
{
    keeper kept;
    ASSERT_TRUE(keeper_prepare(&kept));
    char where[64];
    EXPECT_STREQ(getcwd(where, sizeof(where)), "/")
            << "a directory of its caller is in use";
    EXPECT_EQ(call(kept, std::to_string(getpid()).c_str()), -1) << "it keeps nothing yet";
    keeper_card card = a_card("build", 7);
    ASSERT_TRUE(keeper_publish(&kept, &card));
    EXPECT_EQ(kept.file, std::to_string(getpid()));
    int only_looks = call(kept);
    int asks = call(kept);
    ASSERT_GE(asks, 0);
    EXPECT_FALSE(keeper_asked(&kept));
    keeper_card heard = {};
    ASSERT_TRUE(keeper_card_parse(hear(only_looks).c_str(), &heard));
    EXPECT_EQ(heard.token, 7U);
    EXPECT_NE(hear(asks), "");
    close(only_looks);
    EXPECT_FALSE(keeper_asked(&kept));
    ASSERT_EQ(send(asks, "r", 1, 0), 1);
    EXPECT_TRUE(keeper_asked(&kept));
    keeper_withdraw(&kept, 73);
    EXPECT_EQ(hear(asks), std::string(1, static_cast<char>(73)));
    close(asks);
}

/* More callers than it has room for get nothing, and take nothing from those before them. */
TEST_F(Keeper, ManyCallersDoNotDisturb)
{
    keeper kept;
    keeper_card card = a_card("build", 7);
    ASSERT_TRUE(keeper_prepare(&kept));
    ASSERT_TRUE(keeper_publish(&kept, &card));
    int callers[KEEPER_CALLERS_MAX + 3];
    for (int &caller : callers)
        caller = call(kept);
    EXPECT_FALSE(keeper_asked(&kept));
    for (int i = 0; i < KEEPER_CALLERS_MAX + 3; i++)
        EXPECT_EQ(hear(callers[i]).empty(), i >= KEEPER_CALLERS_MAX) << i;
    for (int caller : callers)
        close(caller);
    EXPECT_FALSE(keeper_asked(&kept));
    int late = call(kept);
    EXPECT_FALSE(keeper_asked(&kept));
    EXPECT_NE(hear(late), "");
    close(late);
    keeper_withdraw(&kept, 0);
}

/* Two processes can have one id, in two pid namespaces that share the folder. */
TEST_F(Keeper, TakesAnotherNameWhereItsOwnIsTaken)
{
    keeper first;
    keeper second;
    keeper_card card = a_card("build", 7);
    ASSERT_TRUE(keeper_prepare(&first) && keeper_publish(&first, &card));
    ASSERT_TRUE(keeper_prepare(&second) && keeper_publish(&second, &card));
    EXPECT_STRNE(first.file, second.file);
    keeper_withdraw(&first, 0);
    int caller = call(second);
    EXPECT_GE(caller, 0);
    close(caller);
    keeper_withdraw(&second, 0);
}

TEST_F(Keeper, DoesNotTrustAFolderThatOthersCanWrite)
{
    std::string place = std::string(folder) + "/lockctl";
    keeper kept;
    ASSERT_EQ(mkdir(place.c_str(), 0700), 0);
    ASSERT_EQ(chmod(place.c_str(), 0777), 0);
    EXPECT_FALSE(keeper_prepare(&kept));
    keeper_withdraw(&kept, 0);
}

class Nested : public testing::Test {
protected:
    void SetUp() override
    {
        unsetenv("LOCKD_HELD");
    }
    void TearDown() override
    {
        unsetenv("LOCKD_HELD");
    }
};

TEST_F(Nested, FindsTheInnermostOfEachName)
{
    nested found = {};
    EXPECT_FALSE(nested_find("build", &found));
    nested outer = {5, 7};
    nested other = {5, 8};
    nested inner = {6, UINT64_MAX};
    nested_announce("build", &outer);
    nested_announce("a:b.c", &other);
    nested_announce("build", &inner);
    ASSERT_TRUE(nested_find("build", &found));
    EXPECT_EQ(found.cluster, 6U);
    EXPECT_EQ(found.token, UINT64_MAX);
    ASSERT_TRUE(nested_find("a:b.c", &found));
    EXPECT_EQ(found.token, 8U);
    EXPECT_FALSE(nested_find("buil", &found));
}

TEST_F(Nested, PassesOverWhatItCannotRead)
{
    nested found = {};
    for (const char *text :
            {"", ":", "::", "x", "5.7", "5.7.", "5.7.6", "5..61", ".7.61", "5.7.61x"}) {
        setenv("LOCKD_HELD", text, 1);
        EXPECT_FALSE(nested_find("a", &found)) << text;
    }
    setenv("LOCKD_HELD", "nonsense:5.7.61:more", 1);
    ASSERT_TRUE(nested_find("a", &found));
    EXPECT_EQ(found.token, 7U);
}

} // namespace
