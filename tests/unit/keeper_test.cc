#include "lockctl/keeper.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "liblock.h"

namespace {

TEST(KeeperLine, ComesBackAsItWas)
{
    std::string longest(LK_NAME_MAX, '\xff');
    for (const std::string &name :
            {std::string("build"), std::string("a b\n\"\\\x01"), longest}) {
        char line[KEEPER_LINE_BYTES];
        char back[LK_NAME_MAX + 1];
        uint64_t token = 0;
        keeper_line_text(line, name.c_str(), UINT64_MAX);
        ASSERT_TRUE(keeper_line_parse(line, back, &token));
        EXPECT_EQ(back, name);
        EXPECT_EQ(token, UINT64_MAX);
    }
}

TEST(KeeperLine, RefusesWhatIsNotWhole)
{
    char back[LK_NAME_MAX + 1];
    uint64_t token = 0;
    std::string too_long = "1 ";
    for (int i = 0; i <= LK_NAME_MAX; i++)
        too_long += "61";
    too_long += "\n";
    for (const std::string &line : {std::string(), std::string("1"), std::string("1 \n"),
                 std::string("1 6\n"), std::string("1 61"), std::string("x 61\n"),
                 std::string("1 6g\n"), std::string("1  61\n"), too_long})
        EXPECT_FALSE(keeper_line_parse(line.c_str(), back, &token)) << line;
}

/* Keepers here are children that wait for SIGTERM, in a folder of this test. */
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

    pid_t keep(const char *name, uint64_t token)
    {
        int ready[2];
        EXPECT_EQ(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGTERM);
            sigprocmask(SIG_BLOCK, &set, nullptr);
            struct keeper keeper;
            bool good = keeper_announce(&keeper, name, token);
            (void)!write(ready[1], "", 1);
            int signal = 0;
            sigwait(&set, &signal);
            keeper_withdraw(&keeper);
            _exit(good && signal == SIGTERM ? 0 : 1);
        }
        char byte;
        EXPECT_EQ(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
    }

    static int exit_of(pid_t pid)
    {
        int status = -1;
        waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
};

TEST_F(Keeper, IsFoundByNameAndToken)
{
    EXPECT_EQ(keeper_dismiss("build", 0), 0);
    pid_t build = keep("build", 7);
    pid_t deploy = keep("deploy", 8);
    EXPECT_EQ(keeper_dismiss("buil", 0), 0);
    EXPECT_EQ(keeper_dismiss("build", 8), 0);
    EXPECT_EQ(keeper_dismiss("build", 7), 1);
    EXPECT_EQ(exit_of(build), 0);
    EXPECT_EQ(keeper_dismiss("build", 7), 0);
    EXPECT_EQ(keeper_dismiss("deploy", 0), 1);
    EXPECT_EQ(exit_of(deploy), 0);
}

TEST_F(Keeper, DeadOneIsNotSignalledAndCleared)
{
    pid_t pid = keep("build", 7);
    kill(pid, SIGKILL);
    exit_of(pid);
    /* Its process id is another's now: ours. Dismissing it would end this test. */
    std::string left = std::string(folder) + "/lockctl/";
    ASSERT_EQ(rename((left + std::to_string(pid)).c_str(),
                      (left + std::to_string(getpid())).c_str()),
            0);
    EXPECT_EQ(keeper_dismiss("build", 0), 0);
}

TEST_F(Keeper, FolderOfOthersIsRefused)
{
    std::string path = std::string(folder) + "/lockctl";
    ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
    ASSERT_EQ(chmod(path.c_str(), 0777), 0);
    struct keeper keeper;
    testing::internal::CaptureStderr();
    EXPECT_FALSE(keeper_announce(&keeper, "build", 1));
    EXPECT_NE(testing::internal::GetCapturedStderr().find("only this user"),
            std::string::npos);
}

} // namespace
