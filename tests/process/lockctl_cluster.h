/* What the tests of lockctl share: its command line, and a cluster of one node. */
#ifndef TESTS_PROCESS_LOCKCTL_CLUSTER_H
#define TESTS_PROCESS_LOCKCTL_CLUSTER_H

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "worlds/commands.h"

namespace lockctl {

inline std::vector<std::string> words(
        const std::string &first, std::vector<std::string> more)
{
    std::vector<std::string> all = {process::lockctl_binary(), first};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

class OneNode : public testing::Test {
protected:
    process::Cluster cluster{1};
    process::Scratch runtime;

    void SetUp() override
    {
        setenv("LOCKD_CLUSTER", cluster.nodes().c_str(), 1);
        setenv("XDG_RUNTIME_DIR", runtime.path().c_str(), 1);
        cluster.start_all();
        ASSERT_NE(cluster.wait_for_leader(), 0);
    }

    void TearDown() override
    {
        unsetenv("LOCKD_CLUSTER");
        unsetenv("XDG_RUNTIME_DIR");
    }
};

class LockctlCluster : public OneNode {
protected:
    static process::Command shell(const std::string &lock, const std::string &script,
            std::vector<std::string> options = {})
    {
        options.insert(options.begin(), lock);
        options.insert(options.end(), {"--", "/bin/sh", "-c", script});
        return process::Command(words("run", options));
    }

    static bool is_free(const std::string &lock)
    {
        process::Command query(words("query", {lock, "--json"}));
        EXPECT_EQ(query.wait(), 0) << query.said();
        return query.said().find("\"held\":false") != std::string::npos;
    }
};

} // namespace lockctl

#endif
