/*
 * A holder that is stopped or killed, as a real process: somebody else gets the lock in time,
 * and the holder does not believe in it any more, though nobody could tell it.
 *
 * What the holder believed, its own record of lk_check() says; whether the takeover was in
 * time, when the waiter was granted.
 */
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

#include "liblock.h"
#include "process/holder_view.h"
#include "worlds/nodes.h"

namespace {

constexpr uint64_t ttl_ns = LK_SECOND;

/* The holder's program and what it shows. */
class Holder {
public:
    explicit Holder(const process::Cluster &cluster)
    {
        std::string path = scratch_.path() / "view";
        int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        bool sized = ftruncate(fd, sizeof(HolderView)) == 0;
        void *memory = mmap(
                nullptr, sizeof(HolderView), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (!sized || memory == MAP_FAILED)
            throw std::runtime_error("no view of the holder");
        view_ = new (memory) HolderView{};
        program_ = process::Program({HOLDER_PATH, cluster.nodes(),
                                            std::to_string(ttl_ns / LK_MILLISECOND), path},
                scratch_.path() / "log");
    }
    ~Holder()
    {
        munmap(view_, sizeof(HolderView));
    }
    const HolderView &view() const
    {
        return *view_;
    }
    bool asks_on() const /* Some more times, from now on */
    {
        uint64_t before = view_->checks;
        return process::wait_until([&] { return view_->checks > before + 10; });
    }
    process::Program &program()
    {
        return program_;
    }

private:
    process::Scratch scratch_;
    HolderView *view_ = nullptr;
    process::Program program_;
};

/* Who waits for the lock meanwhile, and when it came. */
struct Taken {
    lk_grant grant{};
    uint64_t at_ns = 0;
};

Taken take(const process::Cluster &cluster)
{
    lk_options options = LK_OPTIONS_INIT;
    std::string nodes = cluster.nodes();
    options.nodes = nodes.c_str();
    lk_client *client = nullptr;
    Taken taken;
    EXPECT_EQ(lk_open(&options, &client), LK_OK) << lk_last_error();
    if (client) {
        EXPECT_EQ(lk_acquire(lk_client_session(client), "build", 5, 30 * LK_SECOND,
                          &taken.grant),
                LK_OK)
                << lk_last_error();
        taken.at_ns = boot_time_ns();
        lk_close(client);
    }
    return taken;
}

/*
 * Not before the lease can have ended, counted from the last keepalive, which was at most a
 * third of the ttl before; and within the bound of a takeover, with a second for a machine
 * that has more to do.
 */
void expect_in_time(uint64_t gone_ns, const Taken &taken)
{
    EXPECT_GE(taken.at_ns - gone_ns, ttl_ns * 6 / 10);
    EXPECT_LE(taken.at_ns - gone_ns, ttl_ns * 101 / 100 + 200 * LK_MILLISECOND + LK_SECOND);
}

} // namespace

TEST(Takeover, G4_G5_StoppedHolderKnowsWhenItWakes)
{
    process::Cluster cluster;
    cluster.start_all();
    cluster.wait_for_leader();
    Holder alice(cluster);
    ASSERT_TRUE(process::wait_until([&] { return alice.view().last_held_ns != 0; }));
    ASSERT_TRUE(alice.asks_on());
    uint64_t stopped = boot_time_ns();
    alice.program().signal(SIGSTOP);
    Taken taken = take(cluster);
    expect_in_time(stopped, taken);
    EXPECT_GT(taken.grant.token, alice.view().token);

    alice.program().signal(SIGCONT);
    ASSERT_TRUE(alice.asks_on());
    EXPECT_LT(alice.view().last_held_ns, taken.at_ns);
    EXPECT_LT(alice.view().last_held_ns, stopped + ttl_ns);
}

TEST(Takeover, G5_KilledHolderIsFollowed)
{
    process::Cluster cluster;
    cluster.start_all();
    cluster.wait_for_leader();
    Holder alice(cluster);
    ASSERT_TRUE(process::wait_until([&] { return alice.view().last_held_ns != 0; }));
    uint64_t killed = boot_time_ns();
    alice.program().signal(SIGKILL);
    Taken taken = take(cluster);
    expect_in_time(killed, taken);
    EXPECT_GT(taken.grant.token, alice.view().token);
}

/* Stopped with its leader: a new one is elected while it sleeps, and it is no different. */
TEST(Takeover, G4_StoppedHolderWhoseLeaderDies)
{
    process::Cluster cluster;
    cluster.start_all();
    int leader = cluster.wait_for_leader();
    Holder alice(cluster);
    ASSERT_TRUE(process::wait_until([&] { return alice.view().last_held_ns != 0; }));
    alice.program().signal(SIGSTOP);
    cluster.kill(leader);
    Taken taken = take(cluster);
    EXPECT_GT(taken.grant.token, alice.view().token);
    alice.program().signal(SIGCONT);
    ASSERT_TRUE(alice.asks_on());
    EXPECT_LT(alice.view().last_held_ns, taken.at_ns);
}
