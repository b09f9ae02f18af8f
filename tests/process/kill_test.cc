/*
 * Real processes, real disks: leaders that die while a lock is held and waited for.
 *
 * Holder and token are unchanged by any kill -9, nobody else gets the lock
 * meanwhile, and whoever waits gets it when it is released, with a larger token.
 */
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "liblock.h"
#include "worlds/nodes.h"

namespace {

struct Closer {
    void operator()(lk_client *client) const
    {
        lk_close(client);
    }
};
using Client = std::unique_ptr<lk_client, Closer>;

Client open_client(const process::Cluster &cluster)
{
    lk_options options = LK_OPTIONS_INIT;
    std::string nodes = cluster.nodes();
    options.nodes = nodes.c_str();
    options.answer_wait_ns = 20 * LK_SECOND;
    lk_client *client = nullptr;
    if (lk_open(&options, &client) != LK_OK)
        throw std::runtime_error(lk_last_error());
    return Client(client);
}

lk_grant acquire(const Client &client, uint64_t wait_ns)
{
    lk_grant grant{};
    EXPECT_EQ(
            lk_acquire(lk_client_session(client.get()), "build", 5, wait_ns, &grant), LK_OK)
            << lk_last_error();
    return grant;
}

enum lk_status release(const Client &client, const lk_grant &grant)
{
    return lk_release(lk_client_session(client.get()), "build", 5, grant.token);
}

lk_lock look(const Client &client)
{
    lk_lock lock{};
    EXPECT_EQ(lk_query(client.get(), "build", 5, &lock, nullptr), LK_OK) << lk_last_error();
    return lock;
}

/* Somebody who waits for the lock on a thread of its own. */
class Waiter {
public:
    explicit Waiter(const process::Cluster &cluster)
            : client_(open_client(cluster)), thread_([this] {
                  grant_ = acquire(client_, 60 * LK_SECOND);
                  granted_ = true;
              })
    {
    }
    ~Waiter()
    {
        thread_.join();
    }
    bool granted() const
    {
        return granted_;
    }
    lk_grant grant() const
    {
        return grant_;
    }
    const Client &client() const
    {
        return client_;
    }

private:
    Client client_;
    lk_grant grant_{};
    std::atomic<bool> granted_{false};
    std::thread thread_;
};

bool is_waited_for(const Client &client)
{
    return process::wait_until([&] { return look(client).waits == 1; });
}

} // namespace

TEST(Kill, G1_G2_LeaderDiesWhileALockIsHeldAndWaitedFor)
{
    process::Cluster cluster;
    cluster.start_all();
    cluster.wait_for_leader();
    Client alice = open_client(cluster);
    lk_grant held = acquire(alice, LK_SECOND);
    Waiter bob(cluster);
    ASSERT_TRUE(is_waited_for(alice));
    uint64_t holder = look(alice).session;

    int leader = cluster.wait_for_leader();
    cluster.kill(leader);
    lk_lock after = look(alice);
    EXPECT_EQ(after.session, holder);
    EXPECT_EQ(after.token, held.token);
    EXPECT_EQ(after.waits, 1u);
    EXPECT_EQ(lk_check(lk_client_session(alice.get()), &held), LK_STATE_HELD);
    EXPECT_FALSE(bob.granted());

    cluster.start(leader);
    EXPECT_EQ(release(alice, held), LK_OK) << lk_last_error();
    ASSERT_TRUE(process::wait_until([&] { return bob.granted(); }));
    EXPECT_GT(bob.grant().token, held.token);
    EXPECT_EQ(release(bob.client(), bob.grant()), LK_OK);
}

TEST(Kill, G1_G2_AllThreeDieAndComeBackWithHolderAndToken)
{
    process::Cluster cluster;
    cluster.start_all();
    Client alice = open_client(cluster);
    lk_grant held = acquire(alice, LK_SECOND);
    uint64_t holder = look(alice).session;
    cluster.kill_all();
    cluster.start_all();
    lk_lock after = look(alice);
    EXPECT_EQ(after.session, holder);
    EXPECT_EQ(after.token, held.token);
    EXPECT_EQ(release(alice, held), LK_OK) << lk_last_error();
    lk_grant next = acquire(alice, LK_SECOND);
    EXPECT_GT(next.token, held.token);
}

TEST(Kill, G2_G6_LeadersDieOneAfterAnother)
{
    process::Cluster cluster;
    cluster.start_all();
    Client alice = open_client(cluster);
    uint64_t token = 0;
    for (int round = 0; round < 4; round++) {
        lk_grant grant = acquire(alice, 20 * LK_SECOND);
        EXPECT_GT(grant.token, token);
        token = grant.token;
        int leader = cluster.wait_for_leader();
        cluster.kill(leader);
        EXPECT_EQ(release(alice, grant), LK_OK) << lk_last_error();
        cluster.start(leader);
    }
}

/* SIGTERM hands over: exit status 0, and the others go on. */
TEST(Kill, ALeaderThatIsStoppedHandsOver)
{
    process::Cluster cluster;
    cluster.start_all();
    Client alice = open_client(cluster);
    lk_grant held = acquire(alice, LK_SECOND);
    int leader = cluster.wait_for_leader();
    EXPECT_EQ(cluster.stop(leader), 0);
    EXPECT_EQ(look(alice).token, held.token);
    int next = cluster.wait_for_leader();
    EXPECT_NE(next, leader);
    EXPECT_EQ(release(alice, held), LK_OK) << lk_last_error();
}

/*
 * Without a majority nothing is granted, nothing is lost, and belief ends with the lease.
 */
TEST(Kill, G3_WithoutAMajorityNothingIsGrantedOrLost)
{
    process::Cluster cluster;
    cluster.start_all();
    Client alice = open_client(cluster);
    lk_grant held = acquire(alice, LK_SECOND);
    cluster.kill(1);
    cluster.kill(2);
    lk_session *session = lk_client_session(alice.get());
    lk_grant none{};
    EXPECT_EQ(lk_acquire(session, "other", 5, 100 * LK_MILLISECOND, &none),
            LK_STATUS_UNKNOWN);
    ASSERT_TRUE(process::wait_until(
            [&] { return lk_check(session, &held) == LK_STATE_SUSPENDED; }));
    cluster.start(1);
    cluster.start(2);
    ASSERT_TRUE(
            process::wait_until([&] { return lk_check(session, &held) == LK_STATE_HELD; }));
    EXPECT_EQ(look(alice).token, held.token);
}
