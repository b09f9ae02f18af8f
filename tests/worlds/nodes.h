/*
 * Real lockd processes on loopback, for tests: started, killed, restarted, and gone at the
 * end whatever happened. Each cluster has ports and a directory of its own on a real disk.
 */
#ifndef TESTS_WORLDS_NODES_H
#define TESTS_WORLDS_NODES_H

#include <filesystem>
#include <string>
#include <vector>

#include "worlds/program.h"

namespace process {

class Cluster {
public:
    explicit Cluster(int nodes = 3, std::vector<std::string> more = {});
    ~Cluster();

    void start(int id);
    void start_all();
    /* From its next start on, the node runs this program. */
    void run_program(int id, const std::string &binary)
    {
        binaries_.at(static_cast<size_t>(id - 1)) = binary;
    }
    /* From the next start on; what is given to the constructor goes before the default. */
    void set(const std::string &flag, const std::string &value);
    void kill(int id); /* kill -9, and it is gone */
    void kill_all();
    int stop(int id); /* SIGTERM; its exit status */
    Program &program(int id)
    {
        return programs_.at(static_cast<size_t>(id - 1));
    }
    int count() const
    {
        return static_cast<int>(ports_.size());
    }
    int port(int id) const
    {
        return ports_.at(static_cast<size_t>(id - 1));
    }
    std::string nodes() const; /* As --cluster and LOCKD_CLUSTER have it */
    std::string log(int id) const;
    std::filesystem::path data(int id) const;

    /* The node that leads and can serve, as the nodes themselves say; 0: none. */
    int leader() const;
    int wait_for_leader() const; /* Fails the test if there is none in time */

private:
    Scratch scratch_;
    std::vector<int> ports_;
    std::vector<Program> programs_;
    std::vector<std::string> binaries_;
    std::vector<std::string> more_;
};

} // namespace process

#endif
