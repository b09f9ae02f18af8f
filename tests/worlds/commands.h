/* lockctl and lockbench as the build made them, run and read by tests. */
#ifndef TESTS_WORLDS_COMMANDS_H
#define TESTS_WORLDS_COMMANDS_H

#include <filesystem>
#include <string>
#include <vector>

#include "worlds/nodes.h"

namespace process {

/* The binaries that the build made, or those that the environment names. */
std::string lockctl_binary();
std::string lockbench_binary();

/* The number that follows this label; 0: the text does not have it. */
inline uint64_t number_behind(const std::string &text, const std::string &label)
{
    size_t at = text.find(label);
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + label.size()));
}

/* A command under way; what it says on stdout and stderr goes to one file. */
class Command {
public:
    Command(const std::vector<std::string> &arguments)
            : log_(scratch_.path() / "log"), program_(arguments, log_)
    {
    }
    Program &program()
    {
        return program_;
    }
    std::string said() const
    {
        return read_file(log_);
    }
    /* Its exit code, -1 if it does not end. */
    int wait(std::chrono::milliseconds most = std::chrono::seconds(30))
    {
        return program_.wait(most);
    }
    bool wait_for(const std::string &text)
    {
        return wait_until([&] { return said().find(text) != std::string::npos; });
    }

private:
    Scratch scratch_;
    std::filesystem::path log_;
    Program program_;
};

} // namespace process

#endif
