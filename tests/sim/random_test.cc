/*
 * Hostile lives from a seed: crashes, power cuts, pauses and cuts while clients take and give
 * back a few locks. Safety is looked at after every turn and every event of a client; then
 * everything is healed, and the cluster must grant again within a bound.
 *
 *     LOCKD_SIM_SEED=17 sim_tests --gtest_filter='Random.*'     one seed, with its log
 *     LOCKD_SIM_SEEDS=5000 sim_tests --gtest_filter='Random.*'  more seeds than usual
 *
 * The log's columns: virtual time, who, what.
 */
#include <gtest/gtest.h>

#include <cstdarg>
#include <cstdlib>

#include "base/units.h"
#include "sim/sim_client.h"

using namespace sim;

namespace {

constexpr int lock_count = 3;
const char *const lock_names[lock_count] = {"a", "b", "c"};

class Life {
public:
    Life(uint64_t seed, bool talks)
            : talks_(talks), options_(choose(seed)), world_(options_)
    {
        world_.after_turn = [this](Machine &machine) {
            look_at(machine);
        };
    }

    void run()
    {
        for (int id = 1; id <= world_.count(); id++)
            start(id);
        for (int i = 0; i < 4; i++) {
            uint64_t ttl = (1 + roll(4)) * NS_PER_S;
            clients_.push_back(std::make_unique<Client>(
                    world_, 101 + i, "c" + std::to_string(i), ttl));
            live(i);
        }
        faults_end_ = world_.now() + 30 * NS_PER_S;
        schedule_fault();
        world_.run_for(30 * NS_PER_S);
        heal();
    }

    uint64_t grants() const
    {
        return grants_;
    }
    uint64_t turns() const
    {
        return world_.turns();
    }

private:
    Options choose(uint64_t seed)
    {
        struct prng dice;
        prng_init(&dice, seed);
        static const int sizes[] = {1, 3, 3, 3, 5};
        Options options;
        options.seed = prng_next(&dice);
        options.nodes = sizes[prng_below(&dice, 5)];
        options.net_ns = 50000 + prng_below(&dice, 5 * NS_PER_MS);
        options.net_jitter_ns =
                prng_below(&dice, 2) == 0 ? 0 : prng_below(&dice, 20 * NS_PER_MS);
        options.disk_ns = 50000 + prng_below(&dice, 3 * NS_PER_MS);
        options.disk_jitter_ns = prng_below(&dice, 5 * NS_PER_MS);
        return options;
    }

    uint64_t roll(uint64_t n)
    {
        return prng_below(&world_.random(), n);
    }

    void say(const char *who, const char *format, ...) __attribute__((format(printf, 3, 4)))
    {
        if (!talks_)
            return;
        uint64_t us = world_.now() / 1000;
        fprintf(stderr, "%8llu.%06llus  %-4s  ",
                static_cast<unsigned long long>(us / 1000000),
                static_cast<unsigned long long>(us % 1000000), who);
        va_list arguments;
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
    }

    static std::string name(int id)
    {
        return "n" + std::to_string(id);
    }

    void start(int id)
    {
        enum node_boot boot = world_.machine(id).start();
        say(name(id).c_str(), "starts");
        ASSERT_EQ(boot, NODE_BOOT_OK) << "node " << id << " does not boot";
    }

    /* G1, G2 hold in the log: every node's state at its index is looked at. */
    void look_at(Machine &machine)
    {
        for (const char *lock : lock_names) {
            unsigned char scratch[NAME_BYTES_MAX + LABEL_BYTES_MAX];
            struct span span = {reinterpret_cast<const unsigned char *>(lock), 1};
            struct lock_view view;
            locks_view(machine.locks(), span, &view, scratch);
            if (view.token == 0)
                continue;
            auto [it, fresh] =
                    owners_.emplace(view.token, std::make_pair(view.session, lock));
            EXPECT_TRUE(fresh || it->second.first == view.session)
                    << "two owners of a token";
        }
        one_leader(machine);
        beliefs();
    }

    void one_leader(Machine &machine)
    {
        if (!machine.leads())
            return;
        auto [it, fresh] = leaders_.emplace(raft_term(machine.raft()), machine.id());
        EXPECT_TRUE(fresh || it->second == machine.id())
                << "two leaders of term " << it->first;
    }

    /* G4: in true time, whoever believes it holds is the only one; also while it is paused. */
    void beliefs()
    {
        for (const char *lock : lock_names) {
            const Client *holder = nullptr;
            for (auto &client : clients_) {
                if (!client->believes(lock))
                    continue;
                EXPECT_EQ(holder, nullptr)
                        << lock << " is believed held by " << (holder ? holder->name() : "")
                        << " and " << client->name();
                holder = client.get();
            }
        }
    }

    /* A lost session never comes back (G10): its client begins anew with another. */
    void reincarnate(int number)
    {
        std::unique_ptr<Client> &client = clients_[static_cast<size_t>(number)];
        if (client->paused()) {
            live(number);
            return;
        }
        say(client->name().c_str(), "lost its session");
        std::string name = client->name();
        gone_.push_back(std::move(client));
        uint64_t ttl = (1 + roll(4)) * NS_PER_S;
        client = std::make_unique<Client>(world_, 101 + number, name, ttl);
        live(number);
    }

    /* A client takes a lock, keeps it for a while, gives it back, and so on. */
    void live(int number)
    {
        world_.at(world_.now() + 1 + roll(300 * NS_PER_MS), [this, number] {
            Client &client = *clients_[static_cast<size_t>(number)];
            if (client.state() == BELIEF_LOST) {
                reincarnate(number);
                return;
            }
            std::string lock = lock_names[roll(lock_count)];
            if (client.paused() || client.held().count(lock) > 0) {
                live(number);
                return;
            }
            uint64_t wait = roll(3) == 0 ? 0 : roll(5 * NS_PER_S);
            uint32_t request = client.acquire(
                    lock, wait, [this, number, lock](const core_completion &done) {
                        acquired(number, lock, done);
                    });
            if (request != 0 && roll(10) == 0)
                world_.at(world_.now() + roll(NS_PER_S), [&client, request] {
                    if (!client.paused())
                        client.cancel(request);
                });
        });
    }

    void acquired(int number, const std::string &lock, const core_completion &done)
    {
        Client &client = *clients_[static_cast<size_t>(number)];
        say(client.name().c_str(), "acquire %s: %d, token %llu", lock.c_str(),
                static_cast<int>(done.status), static_cast<unsigned long long>(done.token));
        if (done.status != STATUS_OK) {
            live(number);
            return;
        }
        grants_++;
        EXPECT_TRUE(tokens_.insert(done.token).second) << "token given twice (G2)";
        EXPECT_GT(done.token, last_token_[lock]) << "token of " << lock << " does not grow";
        last_token_[lock] = done.token;
        beliefs();
        world_.at(world_.now() + roll(500 * NS_PER_MS),
                [this, number, lock, token = done.token] {
                    Client &holder = *clients_[static_cast<size_t>(number)];
                    bool same = holder.held().count(lock) > 0 &&
                                holder.held().at(lock).token == token;
                    if (same && !holder.paused())
                        holder.release(lock, [](const core_completion &) {});
                    live(number);
                });
    }

    void schedule_fault()
    {
        world_.at(world_.now() + roll(2 * NS_PER_S), [this] {
            if (world_.now() >= faults_end_)
                return;
            fault();
            schedule_fault();
        });
    }

    void fault()
    {
        int id = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count())));
        Machine &machine = world_.machine(id);
        switch (roll(7)) {
        case 0:
        case 1:
            if (machine.up()) {
                bool power = roll(2) == 0;
                say(name(id).c_str(), power ? "loses power" : "is killed");
                machine.crash(power ? End::power_cut : End::killed);
            }
            break;
        case 2:
        case 3:
            if (!machine.up())
                start(id);
            break;
        case 4:
            cut(id);
            break;
        case 5:
            say("net", "heals");
            world_.network.heal();
            break;
        case 6:
            pause(id);
            break;
        }
    }

    /* One way, both ways, or from everybody, clients included. */
    void cut(int id)
    {
        int other = 1 + static_cast<int>(roll(static_cast<uint64_t>(world_.count())));
        uint64_t kind = roll(3);
        say("net", "cuts %d and %d, kind %d", id, other, static_cast<int>(kind));
        if (kind < 2)
            world_.network.cut(id, other);
        if (kind == 1)
            world_.network.cut(other, id);
        for (int all = 1; kind == 2 && all <= world_.count(); all++) {
            world_.network.cut(id, all);
            world_.network.cut(all, id);
        }
    }

    void pause(int id)
    {
        uint64_t length = roll(3 * NS_PER_S);
        if (roll(2) == 0) {
            Client &client = *clients_[roll(clients_.size())];
            say(client.name().c_str(), "is paused");
            client.pause(true);
            world_.at(world_.now() + length, [&client] { client.pause(false); });
            return;
        }
        Machine &machine = world_.machine(id);
        if (!machine.up())
            return;
        say(name(id).c_str(), "is paused");
        machine.pause(true);
        world_.at(world_.now() + length, [&machine] { machine.pause(false); });
    }

    /* Liveness: with everything healed there is a leader, and locks are granted. */
    void heal()
    {
        say("net", "all is healed");
        world_.network.heal();
        for (int id = 1; id <= world_.count(); id++) {
            world_.machine(id).pause(false);
            if (!world_.machine(id).up())
                start(id);
        }
        for (auto &client : clients_)
            client->pause(false);
        EXPECT_TRUE(
                world_.run_until([&] { return world_.leader() != nullptr; }, 5 * NS_PER_S))
                << "no leader after healing";
        Client fresh(world_, 200, "last", 5 * NS_PER_S);
        std::optional<enum status> status;
        fresh.acquire("z", 10 * NS_PER_S,
                [&](const core_completion &done) { status = done.status; });
        EXPECT_TRUE(world_.run_until([&] { return status.has_value(); }, 20 * NS_PER_S))
                << "no answer after healing";
        EXPECT_EQ(status, STATUS_OK);
        world_.after_turn = nullptr;
        clients_.clear();
    }

    bool talks_;
    Options options_;
    World world_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Client>> gone_; /* Lost; events may still name them */
    uint64_t faults_end_ = 0;
    uint64_t grants_ = 0;
    std::map<uint64_t, std::pair<uint64_t, const char *>> owners_;
    std::map<uint64_t, uint8_t> leaders_;
    std::set<uint64_t> tokens_;
    std::map<std::string, uint64_t> last_token_;
};

uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

TEST(Random, HostileLives)
{
    uint64_t only = number_from("LOCKD_SIM_SEED", 0);
    uint64_t seeds = only != 0 ? 1 : number_from("LOCKD_SIM_SEEDS", 60);
    uint64_t grants = 0;
    uint64_t turns = 0;
    for (uint64_t i = 0; i < seeds && !HasFailure(); i++) {
        uint64_t seed = only != 0 ? only : i + 1;
        SCOPED_TRACE("LOCKD_SIM_SEED=" + std::to_string(seed));
        Life life(seed, only != 0);
        life.run();
        grants += life.grants();
        turns += life.turns();
    }
    fprintf(stderr, "%llu seeds, %llu turns, %llu grants\n",
            static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(turns),
            static_cast<unsigned long long>(grants));
    EXPECT_GT(grants, 20 * seeds);
}
