/*
 * Programs, directories and ports for tests with real processes: all gone at the end, whatever
 * happened.
 */
#ifndef TESTS_WORLDS_PROGRAM_H
#define TESTS_WORLDS_PROGRAM_H

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

/* All that a file holds. */
std::string read_file(const std::filesystem::path &path);

} // namespace process

#endif
