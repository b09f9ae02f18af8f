#include "process/nodes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <utility>

#include "liblock.h"

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

std::vector<int> free_ports(int count)
{
    std::vector<int> sockets;
    std::vector<int> ports;
    for (int i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        bool good = bind(fd, reinterpret_cast<sockaddr *>(&address), size) == 0 &&
                    getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) == 0;
        EXPECT_TRUE(good);
        ports.push_back(ntohs(address.sin_port));
        sockets.push_back(fd);
    }
    for (int fd : sockets)
        close(fd);
    return ports;
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

Cluster::Cluster(int nodes, std::vector<std::string> more)
        : ports_(free_ports(nodes)), programs_(static_cast<size_t>(nodes)),
          more_(std::move(more))
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
    std::vector<std::string> arguments = {lockd_binary(), "--id", std::to_string(id),
            "--cluster", nodes(), "--data", data(id).string(), "--segment-size", "8MiB"};
    arguments.insert(arguments.end(), more_.begin(), more_.end());
    program(id) = Program(arguments, scratch_.path() / ("log" + std::to_string(id)));
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
    std::ifstream file(scratch_.path() / ("log" + std::to_string(id)));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

int Cluster::leader() const
{
    lk_options options = LK_OPTIONS_INIT;
    std::string list = nodes();
    options.nodes = list.c_str();
    options.flags = LK_NO_SESSION;
    lk_client *client = nullptr;
    if (lk_open(&options, &client) != LK_OK)
        return 0;
    int found = 0;
    uint64_t term = 0;
    auto status = std::make_unique<lk_node_status>();
    for (uint32_t number = 0; number < lk_node_count(client); number++) {
        if (lk_node_status(client, number, 200 * LK_MILLISECOND, status.get()) != LK_OK)
            continue;
        bool serves = status->role == LK_LEADER && status->trouble == LK_TROUBLE_NONE;
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
