/* lockd --check: what it says of the settings and of the machine. */
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>

#include "worlds/lockd.h"

using server::ended;
using server::has;
using server::run;

namespace {

struct Trial : testing::Test {
    /* After these shell commands; what it prints. */
    ended check_after(const std::string &commands)
    {
        std::filesystem::path log = scratch.path() / "log";
        process::Program program({"/bin/sh", "-c",
                                         commands + "; exec " + process::lockd_binary() +
                                                 " --check --dev " + data},
                log);
        int status = program.wait();
        return {status, process::read_file(log)};
    }

    process::Scratch scratch;
    std::string data = scratch.path() / "new" / "data";
};

/* io_uring_setup is refused, as by the seccomp profile of a container. */
bool forbid_io_uring()
{
    struct sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

} // namespace

TEST_F(Trial, SaysOfEachThingThatItIsWellAndLeavesNothing)
{
    ended got = run({"--dev", data, "--check"});
    EXPECT_EQ(got.status, 0) << got.said;
    for (const char *thing :
            {"settings", "files", "memlock", "memory", "ring", "disk", "clock"})
        EXPECT_TRUE(has("\n" + got.said, std::string("\n") + thing + " ")) << got.said;
    EXPECT_FALSE(has(got.said, " problem ")) << got.said;
    EXPECT_TRUE(has(got.said, "durable write p50 ")) << got.said;
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST_F(Trial, WarnsOfLimitsBelowThePlan)
{
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer reserves more than the limit that is tried";
#endif
    ended got = check_after("ulimit -n 300; ulimit -v 1500000");
    EXPECT_EQ(got.status, 0) << "a warning is no problem\n" << got.said;
    EXPECT_TRUE(has(got.said, "files     warning  connections=236 wanted=4096"))
            << got.said;
    EXPECT_TRUE(has(got.said, "memory    warning  limit=1464MiB plan=")) << got.said;
    EXPECT_TRUE(has(got.said, "RLIMIT_AS")) << got.said;
}

TEST_F(Trial, TooFewFilesAreAProblem)
{
    ended got = check_after("ulimit -n 60");
    EXPECT_EQ(got.status, 1) << got.said;
    EXPECT_TRUE(has(got.said, "files     problem  limit=60: too few")) << got.said;
}

TEST_F(Trial, DataInMemoryAreAProblem)
{
    struct statfs system;
    if (statfs("/dev/shm", &system) != 0 || system.f_type != TMPFS_MAGIC)
        GTEST_SKIP() << "no tmpfs";
    ended got = run({"--id", "1", "--cluster", "1=127.0.0.1:1", "--data",
            "/dev/shm/lockd-test/data", "--check"});
    EXPECT_EQ(got.status, 1) << got.said;
    EXPECT_TRUE(has(got.said, "disk      problem  /dev/shm is in memory")) << got.said;
}

TEST_F(Trial, NamesWhoForbidsTheRing)
{
    std::filesystem::path log = scratch.path() / "log";
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        std::string lockd = process::lockd_binary();
        if (freopen(log.c_str(), "w", stdout) == nullptr || !forbid_io_uring())
            _exit(99);
        execl(lockd.c_str(), "lockd", "--check", "--dev", data.c_str(), nullptr);
        _exit(99);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    std::string said = process::read_file(log);
    EXPECT_EQ(WEXITSTATUS(status), 1) << said;
    EXPECT_TRUE(has(said, "ring      problem  io_uring cannot be used")) << said;
    EXPECT_TRUE(has(said, "io_uring_setup, io_uring_enter and io_uring_register")) << said;
    EXPECT_TRUE(has(said, "disk      warning  not tried without a ring")) << said;
}
