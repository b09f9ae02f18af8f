/*
 * Real lockd processes on loopback, for tests: started, killed, restarted, and gone at the
 * end whatever happened. Each cluster has ports and a directory of its own on a real disk.
 */
#ifndef PROCESS_NODES_H
#define PROCESS_NODES_H

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace process {

/* A directory that is removed with all that is in it. */
class Scratch {
public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    const std::filesystem::path &path() const
    {
        return path_;
    }

private:
    std::filesystem::path path_;
};

/* Ports of loopback that were free a moment ago. */
std::vector<int> free_ports(int count);

/* A program that was started; killed at the end if it still runs. */
class Program {
public:
    Program() = default;
    Program(const std::vector<std::string> &arguments, const std::filesystem::path &log);
    ~Program();
    Program(Program &&other) noexcept;
    Program &operator=(Program &&other) noexcept;
    Program(const Program &) = delete;
    Program &operator=(const Program &) = delete;

    bool running();
    void signal(int number);
    /* Its exit status (128 + signal if one ended it), or -1 if it runs on. */
    int wait(std::chrono::milliseconds most = std::chrono::seconds(10));
    pid_t pid() const
    {
        return pid_;
    }

private:
    pid_t pid_ = -1;
    int status_ = -1;
};

/* Until `done` says so; false if it did not in time. Looks every millisecond. */
bool wait_until(const std::function<bool()> &done,
        std::chrono::milliseconds most = std::chrono::seconds(20));

/* The binary that the build made. */
std::string lockd_binary();

class Cluster {
public:
    explicit Cluster(int nodes = 3, std::vector<std::string> more = {});
    ~Cluster();

    void start(int id);
    void start_all();
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
    std::vector<std::string> more_;
};

} // namespace process

#endif
