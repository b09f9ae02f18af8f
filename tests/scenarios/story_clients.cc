/* The verbs about clients. */
#include "base/units.h"
#include "scenarios/scenario.h"
#include "sim/world/words.h"

namespace scenarios {

const std::vector<Story::ClientVerb> &Story::client_verbs()
{
    static const std::vector<ClientVerb> all = {
            {"acquires",
                    "alice acquires \"build\" [waiting 30s] [reentrant]: without waiting, "
                    "it tries",
                    &Story::acquires},
            {"releases", "alice releases \"build\" [once]: the hold, or one entry of it",
                    &Story::releases},
            {"cancels", "alice cancels \"build\": her last acquire of it", &Story::cancels},
            {"asks", "alice asks \"build\": a query", &Story::asks},
            {"believes", "alice believes \"build\": what lk_check() would say",
                    &Story::believes},
            {"closes", "alice closes: her session ends", &Story::closes},
    };
    return all;
}

void Story::clients(const Words &words)
{
    uint64_t ttl = 5 * NS_PER_S;
    Words names(words.begin() + 1, words.end());
    if (names.size() > 2 && names[names.size() - 2] == "ttl") {
        ttl = duration(names.back());
        names.resize(names.size() - 2);
    }
    for (const std::string &name : names) {
        int number = 101 + static_cast<int>(clients_.size());
        clients_[name] = std::make_unique<sim::Client>(world(), number, name, ttl);
        clients_[name]->on_event = [this, name](const core_session_event &event) {
            static const char *const states[] = {"held again", "suspended", "lost"};
            happened_.insert(name + " " + states[event.state]);
            tell("session", name, states[event.state]);
        };
    }
}

void Story::silence(const Words &words)
{
    client(word(words, 1)).pause(true);
}

void Story::wake(const Words &words)
{
    client(word(words, 1)).pause(false);
}

void Story::acquires(sim::Client &client, const Words &words)
{
    std::string lock = word(words, 2);
    uint64_t wait = 0;
    bool reentrant = false;
    for (size_t i = 3; i < words.size(); i++) {
        if (words[i] == "reentrant")
            reentrant = true;
        else if (words[i] == "waiting")
            wait = duration(word(words, ++i));
        else
            throw Wrong("acquires knows no \"" + words[i] + "\"");
    }
    std::string name = client.name();
    requests_[{name, lock}] = client.acquire(
            lock, wait,
            [this, name, lock](const core_completion &done) {
                std::string line = sim::text(done.status) + ": \"" + lock + "\"";
                if (done.status == STATUS_OK) {
                    line = "granted \"" + lock + "\", token " + token_text(done.token);
                    happened_.insert(name + " granted");
                }
                tell("grant", name, line);
            },
            reentrant);
}

void Story::releases(sim::Client &client, const Words &words)
{
    const std::string &lock = word(words, 2);
    if (client.held().count(lock) == 0)
        throw Wrong(client.name() + " does not hold \"" + lock + "\"");
    bool all = words.size() < 4 || words[3] != "once";
    client.release(
            lock,
            [this, name = client.name()](const core_completion &done) {
                tell("grant", name, "release: " + sim::text(done.status));
            },
            all);
}

void Story::cancels(sim::Client &client, const Words &words)
{
    client.cancel(requests_[{client.name(), word(words, 2)}]);
}

void Story::asks(sim::Client &client, const Words &words)
{
    std::string lock = word(words, 2);
    client.query(lock, [this, lock, name = client.name()](const sim::Found &found) {
        std::string line = sim::text(found.status);
        if (found.status == STATUS_OK && found.token == 0)
            line = "\"" + lock + "\" is free";
        else if (found.status == STATUS_OK)
            line = "\"" + lock + "\" is held by " + found.holder + ", token " +
                   token_text(found.token) + ", " + std::to_string(found.waits) +
                   " waiting";
        tell("grant", name, line);
    });
}

void Story::believes(sim::Client &client, const Words &words)
{
    bool yes = client.believes(word(words, 2));
    say(client.name() + (yes ? "  believes it holds" : "  does not"));
}

void Story::closes(sim::Client &client, const Words &)
{
    client.close();
}

} // namespace scenarios
