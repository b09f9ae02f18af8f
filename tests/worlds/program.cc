#include "worlds/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace process {

namespace {

std::filesystem::path make_directory()
{
    const char *base = std::getenv("LOCKD_TEST_DIR");
    std::string pattern = std::string(base ? base : "/var/tmp") + "/lockd-test-XXXXXX";
    char *made = mkdtemp(pattern.data());
    if (!made)
        throw std::runtime_error("no directory for tests: " + pattern);
    return made;
}

} // namespace

Scratch::Scratch() : path_(make_directory()) {}

Scratch::~Scratch()
{
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Program::Program(
        const std::vector<std::string> &arguments, const std::filesystem::path &log)
{
    std::vector<char *> list;
    for (const std::string &argument : arguments)
        list.push_back(const_cast<char *>(argument.c_str()));
    list.push_back(nullptr);
    pid_t parent = getpid();
    pid_ = fork();
    if (pid_ != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* Never outlives the test. */
    if (getppid() != parent)
        _exit(127);
    int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    dup2(fd, 1);
    dup2(fd, 2);
    execv(list[0], list.data());
    _exit(127);
}

Program::~Program()
{
    if (running()) {
        signal(SIGKILL);
        wait();
    }
}

Program::Program(Program &&other) noexcept
        : pid_(std::exchange(other.pid_, -1)), status_(other.status_)
{
}

Program &Program::operator=(Program &&other) noexcept
{
    std::swap(pid_, other.pid_);
    std::swap(status_, other.status_);
    return *this;
}

bool Program::running()
{
    return pid_ > 0 && wait(std::chrono::milliseconds(0)) == -1;
}

void Program::signal(int number)
{
    if (pid_ > 0)
        ::kill(pid_, number);
}

int Program::wait(std::chrono::milliseconds most)
{
    if (pid_ <= 0)
        return status_;
    int raw = 0;
    bool ended = wait_until([&] { return waitpid(pid_, &raw, WNOHANG) == pid_; }, most);
    if (!ended)
        return -1;
    pid_ = -1;
    status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return status_;
}

bool wait_until(const std::function<bool()> &done, std::chrono::milliseconds most)
{
    auto end = std::chrono::steady_clock::now() + most;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

std::string lockd_binary()
{
    const char *given = std::getenv("LOCKD_BINARY");
    return given ? given : LOCKD_BINARY_PATH;
}

std::string read_file(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace process
