/* The examples do what they say. */
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "worlds/nodes.h"

namespace {

class CapiExamples : public testing::Test {
protected:
    static void SetUpTestSuite()
    {
        cluster = new process::Cluster(1);
        cluster->start_all();
        cluster->wait_for_leader();
    }

    static void TearDownTestSuite()
    {
        delete cluster;
        cluster = nullptr;
    }

    /* What the example prints; it must succeed. */
    static std::string run(
            const std::string &name, const std::string &folder = EXAMPLES_PATH)
    {
        std::string command =
                "LOCKD_CLUSTER=" + cluster->nodes() + " " + folder + name + " 2>&1";
        FILE *pipe = popen(command.c_str(), "r");
        std::string output;
        std::array<char, 4096> part;
        while (fgets(part.data(), part.size(), pipe) != nullptr)
            output += part.data();
        EXPECT_EQ(pclose(pipe), 0) << output;
        return output;
    }

    static bool has(const std::string &text, const std::string &part)
    {
        return text.find(part) != std::string::npos;
    }

    static process::Cluster *cluster;
};

process::Cluster *CapiExamples::cluster;

TEST_F(CapiExamples, FirstLock)
{
    std::string output = run("first_lock");
    EXPECT_TRUE(has(output, "build is ours, token ")) << output;
    EXPECT_TRUE(has(output, "given back: done")) << output;
}

TEST_F(CapiExamples, EventLoop)
{
    EXPECT_EQ(run("event_loop"), "100 of 100 locks were ours and given back\n");
}

TEST_F(CapiExamples, Fencing)
{
    EXPECT_EQ(run("fencing"), "bob: accepted, alice: refused, content: by bob\n");
}

TEST_F(CapiExamples, Loss)
{
    std::string output = run("loss");
    EXPECT_LT(output.find("suspended: "), output.find("lost: ")) << output;
    EXPECT_TRUE(has(output, "stopped working: yes")) << output;
}

TEST_F(CapiExamples, WhoHolds)
{
    EXPECT_TRUE(has(run("who_holds"), ": leader, healthy\n"));
}

TEST_F(CapiExamples, OfTheManPages)
{
    std::string output = run(MAN_EXAMPLES_PATH, "");
    EXPECT_TRUE(has(output, "liblock:\nbuilding under token ")) << output;
    EXPECT_TRUE(has(output, "lk_check:\nstep 0\nstep 1\nstep 2\n")) << output;
    EXPECT_TRUE(has(output, "lk_acquire_async:\ndone\n")) << output;
    EXPECT_TRUE(has(output, "lk_test_lose:\nlost\n")) << output;
}

} // namespace
