/* What `lockctl status` says of a cluster of real nodes, for the tests of conditions. */
#ifndef TESTS_PROCESS_STATUS_READING_H
#define TESTS_PROCESS_STATUS_READING_H

#include <gtest/gtest.h>

#include <string>

#include "worlds/commands.h"

namespace process {

/* One reading of `lockctl status`. */
struct Reading {
    int code = -1;
    std::string said;

    bool has(const std::string &part) const
    {
        return said.find(part) != std::string::npos;
    }
};

/* Of the nodes of a list, as --cluster has it. */
inline Reading read_status_of(
        const std::string &list, const std::string &more = "--connect=1s")
{
    Command command({lockctl_binary(), "status", "--cluster", list, more});
    Reading reading;
    reading.code = command.wait();
    reading.said = command.said();
    return reading;
}

inline Reading read_status(const Cluster &cluster, const std::string &more = "--connect=1s")
{
    return read_status_of(cluster.nodes(), more);
}

/* The whole line about one node. */
inline std::string line_at(int port, int id, const std::string &sentence)
{
    return "node " + std::to_string(id) + " at 127.0.0.1:" + std::to_string(port) + " " +
           sentence + "\n";
}

inline std::string line(const Cluster &cluster, int id, const std::string &sentence)
{
    return line_at(cluster.port(id), id, sentence);
}

/* In a few seconds it prints that line and exits so. */
inline void expect_status(const std::string &list, const std::string &wanted, int code,
        std::chrono::seconds most = std::chrono::seconds(20))
{
    Reading reading;
    EXPECT_TRUE(wait_until(
            [&] {
                reading = read_status_of(list);
                return reading.has(wanted) && reading.code == code;
            },
            most))
            << "wanted: " << wanted << ", exit " << code << "; the last was exit "
            << reading.code << ":\n"
            << reading.said;
}

inline void expect_line(
        const Cluster &cluster, int id, const std::string &sentence, int code)
{
    expect_status(cluster.nodes(), line(cluster, id, sentence), code);
}

/* All is well, and then there is no line below the table. */
inline void expect_healthy(const Cluster &cluster)
{
    Reading reading;
    EXPECT_TRUE(wait_until([&] { return (reading = read_status(cluster)).code == 0; }))
            << reading.said;
    EXPECT_FALSE(reading.has("node 1 at ")) << reading.said;
}

/* Acquires and releases for the log, by this many callers at a time. */
inline void load(
        const Cluster &cluster, const std::string &time, const std::string &inflight)
{
    Command command({lockbench_binary(), "--cluster", cluster.nodes(), "--warmup", "0s",
            "--time", time, "--inflight", inflight, "--connections", "1"});
    EXPECT_EQ(command.wait(std::chrono::seconds(60)), 0) << command.said();
}

} // namespace process

#endif
