/*
 * Random entries that make sense to a lock state: clients acquire, release, cancel, confirm,
 * close and fall silent, a few names are fought for, and each limit is tiny.
 */
#ifndef TESTS_WORLDS_LOCKS_RANDOM_H
#define TESTS_WORLDS_LOCKS_RANDOM_H

#include <string>
#include <vector>

#include "base/prng.h"
#include "worlds/locks_world.h"

struct random_entry {
    enum entry_kind kind = ENTRY_BATCH;
    uint64_t dt = 0;
    std::vector<asked> commands;
    std::vector<struct keepalive> keepalives;
};

class random_entries {
public:
    explicit random_entries(uint64_t seed)
    {
        prng_init(&prng, seed * 7919);
    }

    uint64_t below(uint64_t n)
    {
        return prng_below(&prng, n);
    }

    bool chance(uint64_t in)
    {
        return below(in) == 0;
    }

    uint32_t between(uint64_t low, uint64_t high)
    {
        return static_cast<uint32_t>(prng_between(&prng, low, high));
    }

    /* An entry for the state as it is in that world. */
    random_entry entry(const locks_world &world)
    {
        random_entry entry;
        if (chance(20))
            entry.kind = ENTRY_TERM_START;
        else
            entry.dt = (chance(2) ? 0 : below(chance(10) ? 80 : 8)) * NS_PER_MS;
        for (uint64_t left = entry.kind == ENTRY_BATCH ? below(5) : 0; left > 0; left--)
            entry.commands.push_back(any_command(world));
        for (const user &client : clients)
            if (chance(3))
                entry.keepalives.push_back({client.id, confirmed_by(world, client.id),
                        chance(2) ? client.answered : 0,
                        static_cast<uint32_t>(below(3)) * 1000});
        return entry;
    }

    /* What became of it: sessions that were opened will be used. */
    void note(const random_entry &entry, const std::vector<struct locks_outcome> &outcomes)
    {
        for (size_t i = 0; i < outcomes.size(); i++)
            if (entry.commands[i].kind == REQUEST_OPEN && outcomes[i].session != 0) {
                clients.push_back({outcomes[i].session, 0, 0});
                if (clients.size() > 6)
                    clients.erase(clients.begin());
            }
    }

    static std::string text_of(const struct locks_outcome &outcome)
    {
        const struct answer &answer = outcome.answer;
        std::string text;
        for (uint64_t number : {uint64_t{answer.kind}, uint64_t{answer.status},
                     uint64_t{answer.detail}, answer.number, answer.token,
                     uint64_t{answer.count}, outcome.session, outcome.deadline,
                     outcome.change, uint64_t{outcome.anchor}})
            text += std::to_string(number) + " ";
        return text;
    }

private:
    struct user {
        uint64_t id;
        uint64_t number;
        uint64_t answered;
    };

    std::string any_name()
    {
        static const std::string names[] = {
                "a", "b", "a longer name that takes two blocks", std::string(255, 'z')};
        return names[below(4)];
    }

    uint64_t confirmed_by(const locks_world &world, uint64_t id)
    {
        struct session_view view;
        if (chance(2) || !locks_session(world.locks, id, &view))
            return 0;
        return chance(50) ? UINT64_MAX : below(view.change + 1);
    }

    uint64_t any_number(user &client)
    {
        if (chance(8))
            return below(client.number + 2);
        if (chance(60))
            return client.number + 1020 + below(10);
        if (chance(6))
            client.number += below(5); /* Others may come later, out of order. */
        return ++client.number;
    }

    asked any_command(const locks_world &world)
    {
        asked asked;
        if (clients.size() < 2 || chance(12)) {
            asked.kind = REQUEST_OPEN;
            asked.wait_ns = prng_between(&prng, 4, 61) * NS_PER_MS;
            asked.name = chance(3) ? "label" : "";
            asked.secret = static_cast<unsigned char>(below(256));
            return asked;
        }
        user &client = clients[below(clients.size())];
        asked.session = client.id;
        asked.number = any_number(client);
        if (chance(4))
            client.answered += below(client.number - client.answered + 1);
        asked.answered = client.answered;
        asked.confirmed = confirmed_by(world, client.id);
        fill(world, client, asked);
        return asked;
    }

    void fill(const locks_world &world, const user &client, asked &asked)
    {
        uint64_t what = below(20);
        if (what < 10) {
            asked.kind = REQUEST_ACQUIRE;
            asked.name = any_name();
            asked.owner = below(3);
            asked.flags = chance(2) ? uint8_t{ACQUIRE_REENTRANT} : uint8_t{0};
            asked.wait_ns = chance(4)   ? 0
                            : chance(3) ? WAIT_FOREVER
                                        : (below(30) + 1) * NS_PER_MS;
        } else if (what < 15) {
            asked.kind = REQUEST_RELEASE;
            asked.name = any_name();
            asked.flags = chance(3) ? uint8_t{RELEASE_ALL} : uint8_t{0};
            struct lock_view view = world.view(asked.name);
            asked.target = chance(8) ? below(100) : view.token;
            if (view.session != 0 && !chance(4))
                move_to(view.session, asked);
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
        for (user &client : clients) {
            if (client.id == session) {
                asked.session = session;
                asked.number = ++client.number;
                asked.answered = client.answered;
            }
        }
    }

    struct prng prng;
    std::vector<user> clients;
};

/* Limits that a few requests meet. */
inline struct cluster_settings tiny_settings(random_entries &random)
{
    struct cluster_settings settings = small_settings();
    settings.min_ttl_ns = 5 * NS_PER_MS;
    settings.max_ttl_ns = NS_PER_S;
    settings.term_grace_ns = random.between(0, 40) * NS_PER_MS;
    settings.work_max = random.between(1, 4);
    settings.sessions_max = random.between(2, 6);
    settings.locks_max = random.between(2, 5);
    settings.holds_max = random.between(2, 5);
    settings.waits_max = random.between(2, 8);
    settings.waits_per_lock_max = random.between(1, 6);
    settings.answers_max = random.between(20, 80);
    settings.changes_max = random.between(2, 16);
    settings.changes_per_session_max = random.between(1, 8);
    settings.name_blocks_max = random.between(4, 24);
    settings.count_max = random.between(1, 3);
    return settings;
}

#endif
