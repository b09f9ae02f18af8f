/*
 * Random entries, applied to the real state and to a plain model of the rules: each outcome
 * and everything that can be seen afterwards must agree. The settings are tiny, so that
 * limits, left-over work and dropped changes are everyday.
 */

#include <gtest/gtest.h>

#include "base/prng.h"
#include "protocol/token.h"
#include "worlds/locks_model.h"
#include "worlds/locks_world.h"

namespace {

struct cluster_settings tiny_settings(struct prng *prng)
{
    struct cluster_settings settings = small_settings();
    auto pick = [&](uint64_t low, uint64_t high) {
        return static_cast<uint32_t>(prng_between(prng, low, high));
    };
    settings.min_ttl_ns = 5;
    settings.max_ttl_ns = 60;
    settings.term_grace_ns = pick(0, 40);
    settings.work_max = pick(1, 3);
    settings.sessions_max = pick(2, 5);
    settings.locks_max = pick(2, 3);
    settings.holds_max = pick(2, 3);
    settings.waits_max = pick(2, 6);
    settings.waits_per_lock_max = pick(1, 4);
    settings.holds_per_session_max = pick(1, 8);
    settings.waits_per_session_max = pick(1, 8);
    settings.answers_max = pick(10, 40);
    settings.changes_max = pick(2, 8);
    settings.changes_per_session_max = pick(1, 4);
    settings.name_blocks_max = pick(4, 8);
    settings.count_max = pick(1, 3);
    settings.address_percent = pick(20, 100);
    settings.label_percent = pick(20, 100);
    if (pick(0, 3) == 0) {
        /* The shares of waits are met before those of holds. */
        settings.holds_max = settings.holds_per_session_max = 32;
        settings.waits_max = settings.waits_per_lock_max = settings.waits_per_session_max =
                6;
        settings.address_percent = settings.label_percent = pick(10, 30);
    }
    return settings;
}

/* What a client of the random runs remembers: enough to ask for things that make sense. */
struct random_client {
    uint64_t id = 0;
    uint64_t number = 0;
    uint64_t answered = 0;
};

class random_run {
public:
    random_run(uint64_t seed, const struct cluster_settings &settings)
            : world(settings), twin(settings, larger(settings)), model(settings)
    {
        prng_init(&prng, seed);
        if (seed % 3 == 0)
            begin_life();
    }

    void step()
    {
        enum entry_kind kind = chance(20) ? ENTRY_TERM_START : ENTRY_BATCH;
        uint64_t dt = kind == ENTRY_TERM_START ? 0
                      : chance(2)              ? 0
                                               : below(chance(10) ? 80 : 8);
        std::vector<asked> commands;
        for (uint64_t i = kind == ENTRY_BATCH ? below(5) : 0; i > 0; i--)
            commands.push_back(any_command());
        std::vector<struct keepalive> keepalives;
        for (const random_client &client : clients)
            if (chance(3))
                keepalives.push_back({client.id, confirmed_by(client.id),
                        chance(2) ? client.answered : 0, static_cast<uint32_t>(below(3))});

        auto outcomes = world.entry(dt, commands, keepalives, kind);
        twin.entry(dt, commands, keepalives, kind);
        history.push_back({kind, dt, commands, keepalives, locks_digest(world.locks)});
        ASSERT_EQ(locks_digest(twin.locks), locks_digest(world.locks));
        apply_to_model(kind, dt, commands, keepalives, outcomes);
        compare();
    }

    /* The whole log again, from the beginning, in memory that has been used before. */
    void replay()
    {
        locks_init(twin.locks, &model.settings);
        if (reborn)
            locks_begin_life(twin.locks, TOKEN_STEP);
        for (const past_entry &past : history) {
            twin.entry(past.dt, past.commands, past.keepalives, past.kind);
            ASSERT_EQ(locks_digest(twin.locks), past.digest);
        }
    }

    locks_world world;
    locks_world twin; /* A replica with other memory: handles and buckets differ. */
    locks_model model;
    std::map<std::string, int> seen; /* What happened, and how often */

private:
    struct past_entry {
        enum entry_kind kind;
        uint64_t dt;
        std::vector<asked> commands;
        std::vector<struct keepalive> keepalives;
        uint64_t digest;
    };

    static struct cluster_settings larger(struct cluster_settings plan)
    {
        plan.sessions_max += 100;
        plan.locks_max += 1000;
        plan.holds_max += 10;
        plan.waits_max += 300;
        plan.answers_max += 5000;
        plan.changes_max += 17;
        plan.name_blocks_max += 50;
        return plan;
    }

    uint64_t below(uint64_t n)
    {
        return prng_below(&prng, n);
    }

    bool chance(uint64_t in)
    {
        return below(in) == 0;
    }

    std::string any_name()
    {
        static const std::string names[] = {
                "a", "b", "a longer name that takes two blocks"};
        return names[below(3)];
    }

    uint64_t confirmed_by(uint64_t id)
    {
        auto it = model.sessions.find(id);
        if (it == model.sessions.end() || chance(2))
            return 0;
        return chance(50) ? UINT64_MAX : below(it->second.change + 1);
    }

    asked any_command()
    {
        asked asked;
        if (clients.size() < 2 || chance(12)) {
            asked.kind = REQUEST_OPEN;
            asked.wait_ns = prng_between(&prng, 4, 61);
            asked.name = chance(3) ? "label" : "";
            asked.address = static_cast<unsigned char>(below(3));
            return asked;
        }
        random_client &client = clients[below(clients.size())];
        asked.session = client.id;
        asked.number = any_number(client);
        if (chance(4))
            client.answered += below(client.number - client.answered + 1);
        asked.answered = client.answered;
        asked.confirmed = confirmed_by(client.id);
        fill(client, asked);
        return asked;
    }

    uint64_t any_number(random_client &client)
    {
        if (chance(6))
            return below(client.number + 2);
        if (chance(60))
            return client.number + 1020 + below(10);
        if (chance(10))
            client.number++;
        return ++client.number;
    }

    void fill(const random_client &client, asked &asked)
    {
        uint64_t what = below(20);
        if (what < 9) {
            asked.kind = REQUEST_ACQUIRE;
            asked.name = any_name();
            asked.owner = below(3);
            asked.flags = chance(2) ? uint8_t{ACQUIRE_REENTRANT} : uint8_t{0};
            asked.wait_ns = chance(3) ? 0 : chance(3) ? WAIT_FOREVER : below(30) + 1;
        } else if (what < 15) {
            asked.kind = REQUEST_RELEASE;
            asked.name = any_name();
            asked.flags = chance(3) ? uint8_t{RELEASE_ALL} : uint8_t{0};
            auto it = model.locks.find(asked.name);
            bool held = it != model.locks.end() && it->second.holder;
            asked.target = held && !chance(8) ? it->second.holder->token
                                              : below(model.last_token + 2);
            if (held && !chance(4) && model.is_alive(it->second.holder->session))
                move_to(it->second.holder->session, asked);
        } else if (what < 19) {
            asked.kind = REQUEST_CANCEL;
            asked.target = below(client.number + 3);
        } else {
            asked.kind = REQUEST_CLOSE;
        }
    }

    /* Let the holder ask for the release, or else hardly any would succeed. */
    void move_to(uint64_t session, asked &asked)
    {
        for (random_client &client : clients) {
            if (client.id == session) {
                asked.session = session;
                asked.number = ++client.number;
                asked.answered = client.answered;
            }
        }
    }

    void apply_to_model(enum entry_kind kind, uint64_t dt,
            const std::vector<asked> &commands,
            const std::vector<struct keepalive> &keepalives,
            const std::vector<struct locks_outcome> &outcomes)
    {
        model.begin(kind, dt);
        for (const struct keepalive &keepalive : keepalives)
            model.renew(keepalive.session, keepalive.confirmed, keepalive.answered,
                    uint64_t{keepalive.waited_us} * 1000);
        for (const asked &each : commands)
            model.renew(each.session, each.confirmed);
        model.due();
        for (size_t i = 0; i < commands.size(); i++) {
            struct locks_outcome expected =
                    model.apply(command_of(commands[i]), commands[i].name);
            const struct locks_outcome &got = outcomes[i];
            ASSERT_EQ(got.answer.kind, expected.answer.kind);
            ASSERT_EQ(got.answer.status, expected.answer.status);
            ASSERT_EQ(got.answer.detail, expected.answer.detail);
            ASSERT_EQ(got.answer.number, expected.answer.number);
            ASSERT_EQ(got.answer.token, expected.answer.token);
            ASSERT_EQ(got.answer.count, expected.answer.count);
            ASSERT_EQ(got.session, expected.session);
            ASSERT_EQ(got.deadline, expected.deadline);
            ASSERT_EQ(got.change, expected.change);
            ASSERT_EQ(got.anchor, expected.anchor);
            count_outcome(got);
            if (expected.answer.kind == REQUEST_OPEN && expected.session != 0) {
                random_client client;
                client.id = expected.session;
                clients.push_back(client);
                if (clients.size() > 5)
                    clients.erase(clients.begin());
            }
        }
    }

    /* The cluster was restored from an empty state. */
    void begin_life()
    {
        reborn = true;
        for (locks_world *each : {&world, &twin})
            locks_begin_life(each->locks, TOKEN_STEP);
        model.begin_life(TOKEN_STEP, uint64_t{1} << 40);
    }

    void count_outcome(const struct locks_outcome &outcome)
    {
        const struct answer &answer = outcome.answer;
        std::string what = "kind " + std::to_string(answer.kind) + " status " +
                           std::to_string(answer.status) + " detail " +
                           std::to_string(answer.detail);
        seen[what + (outcome.anchor ? " anchor" : "")]++;
    }

    void compare()
    {
        seen["left over"] += locks_has_work(world.locks);
        seen["quarantine"] += model.is_quarantined() && model.counts().waits > 0;
        ASSERT_EQ(locks_quarantine(world.locks) != 0, model.is_quarantined());

        struct locks_counts counts = locks_tally(world.locks), expected = model.counts();
        ASSERT_EQ(counts.sessions, expected.sessions);
        ASSERT_EQ(counts.locks, expected.locks);
        ASSERT_EQ(counts.holds, expected.holds);
        ASSERT_EQ(counts.waits, expected.waits);
        ASSERT_EQ(counts.answers, expected.answers);
        ASSERT_EQ(counts.changes, expected.changes);
        ASSERT_EQ(locks_time(world.locks), model.time);
        ASSERT_EQ(locks_deadline(world.locks), model.deadline());
        ASSERT_EQ(locks_has_work(world.locks), model.has_work());
        for (const std::string name : {"a", "b", "a longer name that takes two blocks"})
            compare_lock(name);
        for (const random_client &client : clients)
            compare_session(client.id);
    }

    void compare_lock(const std::string &name)
    {
        struct lock_view view = world.view(name);
        auto it = model.locks.find(name);
        bool held = it != model.locks.end() && it->second.holder;
        ASSERT_EQ(view.waits, it == model.locks.end() ? 0 : it->second.queue.size());
        ASSERT_EQ(view.session, held ? it->second.holder->session : 0);
        if (!held)
            return;
        const locks_model::one_hold &hold = *it->second.holder;
        ASSERT_EQ(view.owner, hold.owner);
        ASSERT_EQ(view.token, hold.token);
        ASSERT_EQ(view.count, hold.count);
        ASSERT_EQ(view.held_ns, model.time - hold.granted);
        const locks_model::one_session &session = model.sessions.at(hold.session);
        ASSERT_EQ(text_of(view.label), session.label);
        uint64_t due = session.end_reason ? 0 : model.due_at(session);
        ASSERT_EQ(view.remain_ns, due > model.time ? due - model.time : 0);
    }

    void compare_session(uint64_t id)
    {
        struct session_view view;
        ASSERT_EQ(locks_session(world.locks, id, &view), model.is_alive(id));
        if (!model.is_alive(id))
            return;
        const locks_model::one_session &session = model.sessions.at(id);
        ASSERT_EQ(view.ttl_ns, session.ttl);
        ASSERT_EQ(view.deadline, session.deadline);
        ASSERT_EQ(view.change, session.change);
        ASSERT_EQ(view.confirmed, session.confirmed);
        for (uint64_t after = 0; after <= session.change && after < 6; after++)
            compare_changes(id, session, session.change - after);
    }

    void compare_changes(
            uint64_t id, const locks_model::one_session &session, uint64_t after)
    {
        bool listed;
        auto changes = world.changes(id, after, &listed);
        seen[listed ? "listed" : "changes"]++;
        ASSERT_EQ(listed, after < session.confirmed || after + 1 < session.kept_from);
        size_t at = 0;
        auto expect = [&](uint8_t kind, uint8_t status, uint64_t change, uint64_t number,
                              uint64_t token) {
            ASSERT_LT(at, changes.size());
            ASSERT_EQ(changes[at].kind, kind);
            ASSERT_EQ(changes[at].status, status);
            ASSERT_EQ(changes[at].change, change);
            ASSERT_EQ(changes[at].number, number);
            ASSERT_EQ(changes[at].token, token);
            at++;
        };
        if (!listed) {
            for (const auto &[number, change] : session.changes)
                if (number > after)
                    expect(change.kind, change.status, number, change.number, change.token);
            ASSERT_EQ(at, changes.size());
            return;
        }
        std::map<uint64_t, uint64_t> holds, waits; /* By token, by order: the number */
        for (const auto &[name, lock] : model.locks) {
            if (lock.holder && lock.holder->session == id)
                holds[lock.holder->token] = lock.holder->number;
            for (const locks_model::one_wait &wait : lock.queue)
                if (wait.session == id)
                    waits[wait.order] = wait.number;
        }
        for (const auto &[order, number] : waits)
            expect(CHANGE_WAITS, 0, 0, number, 0);
        for (const auto &[token, number] : holds)
            expect(CHANGE_HOLDS, 0, 0, number, token);
        ASSERT_EQ(at, changes.size());
    }

    struct prng prng;
    bool reborn = false;
    std::vector<random_client> clients;
    std::vector<past_entry> history;
};

/* What the runs must have met often, or they prove little. */
const char *const to_meet[] = {
        "left over", "quarantine", "listed", "changes", "kind 1 status 0 detail 0 anchor",
        "kind 1 status 5 detail 0",         /* OPEN: INVALID */
        "kind 1 status 9 detail 1",         /* LIMIT_SESSIONS */
        "kind 1 status 9 detail 6",         /* LIMIT_NAME_BLOCKS */
        "kind 3 status 0 detail 0 anchor",  /* CLOSE */
        "kind 3 status 3 detail 3",         /* LOST_UNKNOWN */
        "kind 4 status 0 detail 0 anchor",  /* ACQUIRE: OK */
        "kind 4 status 0 detail 0",         /* OK from memory */
        "kind 4 status 1 detail 0 anchor",  /* TIMEOUT */
        "kind 4 status 3 detail 1",         /* LOST_EXPIRED */
        "kind 4 status 3 detail 2",         /* LOST_CLOSED */
        "kind 4 status 3 detail 3",         /* LOST_UNKNOWN */
        "kind 4 status 4 detail 0",         /* BUSY */
        "kind 4 status 6 detail 0",         /* CANCELLED before it came */
        "kind 4 status 7 detail 0 anchor",  /* DEADLOCK */
        "kind 4 status 9 detail 2 anchor",  /* LIMIT_LOCKS */
        "kind 4 status 9 detail 3 anchor",  /* LIMIT_HOLDS */
        "kind 4 status 9 detail 4 anchor",  /* LIMIT_WAITS */
        "kind 4 status 9 detail 5 anchor",  /* LIMIT_WAITS_PER_LOCK */
        "kind 4 status 9 detail 6 anchor",  /* LIMIT_NAME_BLOCKS */
        "kind 4 status 9 detail 7",         /* LIMIT_ANSWERS */
        "kind 4 status 9 detail 8 anchor",  /* LIMIT_COUNT */
        "kind 4 status 9 detail 9 anchor",  /* LIMIT_SESSION_HOLDS */
        "kind 4 status 9 detail 10 anchor", /* LIMIT_SESSION_WAITS */
        "kind 1 status 9 detail 7",         /* OPEN: LIMIT_ANSWERS */
        "kind 1 status 9 detail 11",        /* OPEN: LIMIT_ADDRESS_SESSIONS */
        "kind 1 status 9 detail 14",        /* OPEN: LIMIT_ADDRESS_ANSWERS */
        "kind 1 status 9 detail 15",        /* OPEN: LIMIT_ADDRESS_NAME_BLOCKS */
        "kind 1 status 9 detail 16",        /* OPEN: LIMIT_LABEL_SESSIONS */
        "kind 1 status 9 detail 19",        /* OPEN: LIMIT_LABEL_ANSWERS */
        "kind 1 status 9 detail 20",        /* OPEN: LIMIT_LABEL_NAME_BLOCKS */
        "kind 4 status 9 detail 12 anchor", /* ACQUIRE: LIMIT_ADDRESS_HOLDS */
        "kind 4 status 9 detail 14",        /* LIMIT_ADDRESS_ANSWERS */
        "kind 4 status 9 detail 15 anchor", /* LIMIT_ADDRESS_NAME_BLOCKS */
        "kind 4 status 9 detail 17 anchor", /* LIMIT_LABEL_HOLDS */
        "kind 4 status 9 detail 19",        /* LIMIT_LABEL_ANSWERS */
        "kind 4 status 9 detail 20 anchor", /* LIMIT_LABEL_NAME_BLOCKS */
        "kind 5 status 4 detail 0",         /* CANCEL: BUSY, no room to remember */
        "kind 4 status 10 detail 0",        /* OLD */
        "kind 4 status 32 detail 0 anchor", /* QUEUED */
        "kind 4 status 32 detail 0",        /* QUEUED from memory */
        "kind 5 status 6 detail 0 anchor",  /* CANCEL: CANCELLED */
        "kind 5 status 8 detail 0 anchor",  /* NOT_FOUND */
        "kind 5 status 5 detail 0 anchor",  /* INVALID */
        "kind 6 status 0 detail 0 anchor",  /* RELEASE: OK */
        "kind 6 status 8 detail 0 anchor",  /* NOT_FOUND */
};

/* What is rare, because other limits are mostly met before. */
const char *const to_meet_once[] = {
        "kind 4 status 9 detail 13 anchor", /* LIMIT_ADDRESS_WAITS */
        "kind 4 status 9 detail 18 anchor", /* LIMIT_LABEL_WAITS */
};

TEST(LocksModel, RandomEntriesAgreeWithPlainRulesAndOnEveryReplica)
{
    std::map<std::string, int> seen;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct prng prng;
        prng_init(&prng, seed * 1000003);
        random_run run(seed, tiny_settings(&prng));
        for (int step = 0; step < 1000; step++) {
            run.step();
            if (testing::Test::HasFatalFailure())
                FAIL() << "seed " << seed << ", step " << step;
        }
        run.replay();
        ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed;
        for (const auto &[what, count] : run.seen)
            seen[what] += count;
    }
    for (const char *what : to_meet)
        EXPECT_GE(seen[what], 20) << what;
    for (const char *what : to_meet_once)
        EXPECT_GE(seen[what], 1) << what;
}

} // namespace
