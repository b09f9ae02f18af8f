#include "worlds/lockd.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "protocol/node_status.h"
#include "worlds/ports.h"

namespace server {

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

static words command(const std::string &binary, const words &flags)
{
    words all = {binary};
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
}

ended run(const words &flags)
{
    process::Scratch scratch;
    std::filesystem::path log = scratch.path() / "log";
    process::Program program(command(process::lockd_binary(), flags), log);
    int status = program.wait();
    return {status, process::read_file(log)};
}

std::map<std::string, std::string> contents(const std::filesystem::path &folder)
{
    std::map<std::string, std::string> found;
    for (const auto &entry : std::filesystem::directory_iterator(folder))
        found[entry.path().filename()] = process::read_file(entry.path());
    return found;
}

Lockd::Lockd(const words &flags, std::string binary)
        : program(command(binary, flags), scratch_.path() / "log")
{
}

std::string Lockd::said() const
{
    return process::read_file(scratch_.path() / "log");
}

bool Lockd::says(const std::string &part) const
{
    return process::wait_until([&] { return has(said(), part); }, std::chrono::seconds(10));
}

Single::Single(words more, std::string binary)
        : data(scratch.path() / "data"), port(process::free_ports(1)[0]),
          more_(std::move(more)), binary_(std::move(binary))
{
}

words Single::flags() const
{
    words all = {"--id", "1", "--cluster", "1=127.0.0.1:" + std::to_string(port), "--data",
            data, "--segment-size", "4MiB"};
    all.insert(all.end(), more_.begin(), more_.end());
    return all;
}

void Single::start()
{
    lockd = std::make_unique<Lockd>(flags(), binary_);
}

void Single::kill()
{
    lockd->program.signal(SIGKILL);
    EXPECT_EQ(lockd->program.wait(), 128 + SIGKILL) << lockd->said();
}

int Single::stop()
{
    lockd->program.signal(SIGTERM);
    return lockd->program.wait();
}

bool Single::leads() const
{
    return process::wait_until([&] {
        auto state = state_of(port);
        return state && state->role == ROLE_LEADER && state->condition == CONDITION_HEALTHY;
    });
}

} // namespace server
