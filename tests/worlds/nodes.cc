#include "worlds/nodes.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <utility>

#include "liblock.h"
#include "worlds/ports.h"

namespace process {

Cluster::Cluster(int nodes, std::vector<std::string> more)
        : ports_(free_ports(nodes)), programs_(static_cast<size_t>(nodes)),
          binaries_(static_cast<size_t>(nodes), lockd_binary()), more_(std::move(more))
{
}

Cluster::~Cluster()
{
    kill_all();
    if (testing::Test::HasFailure()) {
        for (int id = 1; id <= count(); id++)
            fprintf(stderr, "---- log of node %d\n%s", id, log(id).c_str());
    }
}

std::string Cluster::nodes() const
{
    std::ostringstream text;
    for (int id = 1; id <= count(); id++)
        text << (id > 1 ? "," : "") << id << "=127.0.0.1:" << port(id);
    return text.str();
}

std::filesystem::path Cluster::data(int id) const
{
    return scratch_.path() / ("n" + std::to_string(id));
}

void Cluster::start(int id)
{
    const std::string &binary = binaries_.at(static_cast<size_t>(id - 1));
    std::vector<std::string> arguments = {binary, "--id", std::to_string(id), "--cluster",
            nodes(), "--data", data(id).string()};
    if (std::find(more_.begin(), more_.end(), "--segment-size") == more_.end())
        arguments.insert(arguments.end(), {"--segment-size", "8MiB"});
    arguments.insert(arguments.end(), more_.begin(), more_.end());
    program(id) = Program(arguments, scratch_.path() / ("log" + std::to_string(id)));
}

void Cluster::set(const std::string &flag, const std::string &value)
{
    auto at = std::find(more_.begin(), more_.end(), flag);
    if (at != more_.end())
        *(at + 1) = value;
    else
        more_.insert(more_.end(), {flag, value});
}

void Cluster::start_all()
{
    for (int id = 1; id <= count(); id++)
        start(id);
}

void Cluster::kill(int id)
{
    if (!program(id).running())
        return;
    program(id).signal(SIGKILL);
    program(id).wait();
}

void Cluster::kill_all()
{
    for (int id = 1; id <= count(); id++)
        program(id).signal(SIGKILL);
    for (int id = 1; id <= count(); id++)
        kill(id);
}

int Cluster::stop(int id)
{
    program(id).signal(SIGTERM);
    return program(id).wait();
}

std::string Cluster::log(int id) const
{
    return read_file(scratch_.path() / ("log" + std::to_string(id)));
}

int Cluster::leader() const
{
    lk_options options = LK_OPTIONS_INIT;
    std::string list = nodes();
    options.nodes = list.c_str();
    options.flags = LK_FLAG_NO_SESSION;
    lk_client *client = nullptr;
    if (lk_open(&options, &client) != LK_OK)
        return 0;
    int found = 0;
    uint64_t term = 0;
    auto status = std::make_unique<lk_node_status>();
    for (uint32_t number = 0; number < lk_node_count(client); number++) {
        if (lk_query_status(client, number, 200 * LK_MILLISECOND, status.get()) != LK_OK)
            continue;
        bool well = status->condition == LK_CONDITION_HEALTHY ||
                    status->condition == LK_CONDITION_UPGRADE_OPEN;
        bool serves = status->role == LK_ROLE_LEADER && well;
        if (serves && status->applied == status->commit && status->term > term) {
            term = status->term;
            found = status->node;
        }
    }
    lk_close(client);
    return found;
}

int Cluster::wait_for_leader() const
{
    int found = 0;
    EXPECT_TRUE(wait_until([&] { return (found = leader()) != 0; })) << "no leader";
    return found;
}

} // namespace process
