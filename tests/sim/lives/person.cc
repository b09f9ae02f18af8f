#include "base/units.h"
#include "sim/lives/life.h"
#include "sim/world/words.h"

namespace sim {

Person::Person(Life &life, int number)
        : life_(life), number_(number),
          dice_(stream(life.plan().seed, STREAM_PERSONS + static_cast<uint64_t>(number)))
{
    begin();
}

uint64_t Person::roll(uint64_t n)
{
    return prng_below(&dice_, n);
}

void Person::watch()
{
    life_.oracle().follow(client_.get());
    client_->after_step = [this] {
        life_.oracle().look_at_clients();
    };
    client_->on_event = [this](const core_session_event &event) {
        static const char *const states[] = {"holds again", "suspended", "lost"};
        std::string what = event.token == 0 ? states[event.state] : "a hold ended";
        life_.say(client_->name(), what + " " + text(event.reason));
    };
}

void Person::begin()
{
    uint64_t ttl = (1 + roll(4)) * NS_PER_S;
    std::string name = "c" + std::to_string(number_ - 100);
    client_ = std::make_unique<Client>(life_.world(), number_, name, ttl, &life_.history());
    client_->set_rate(life_.some_rate(dice_));
    life_.oracle().clocks().forget(number_);
    watch();
    if (!life_.plan().rough)
        return;
    uint64_t one = STREAM_CROWDS + 1000 * static_cast<uint64_t>(number_) + crowds_++;
    crowd_ = std::make_unique<Crowd>(life_, *client_, stream(life_.plan().seed, one));
    crowd_->live();
}

void Person::live()
{
    World &world = life_.world();
    world.in(1 + roll(300 * NS_PER_MS), [this, client = client_.get()] {
        if (client != client_.get() || leaving_)
            return;
        if (client->paused())
            live();
        else
            act();
    });
}

void Person::act()
{
    if (client_->state() == BELIEF_LOST) {
        life_.say(client_->name(), "begins anew");
        begin_anew();
        return;
    }
    uint64_t what = roll(42);
    if (what >= 40)
        let_go_again();
    else if (what < 6)
        ask();
    else if (what == 6)
        close();
    else if (what < 12 && !client_->held().empty())
        let_some_go();
    else if (life_.plan().strange && roll(4) == 0)
        acquire_all();
    else
        acquire(life_.locks()[roll(life_.locks().size())], true);
}

/* Its program ends: a client that is left alone would keep its connection for good. */
void Person::end_when_done(Client *client)
{
    life_.world().in(NS_PER_S, [this, client] {
        if (client->waiting() == 0)
            client->end();
        else if (!client->has_ended())
            end_when_done(client);
    });
}

/* What belongs to the client that was goes on, as far as it does, but not through us. */
void Person::begin_anew()
{
    life_.oracle().forget(client_.get());
    client_->after_step = nullptr;
    client_->on_event = nullptr;
    if (crowd_) {
        crowd_->leave(false);
        gone_crowds_.push_back(std::move(crowd_));
    }
    /* Beside a glutton sessions are refused again and again: programs end then. */
    if (life_.plan().has_glutton)
        life_.world().in(3 * NS_PER_S, [client = client_.get()] { client->end(); });
    end_when_done(client_.get());
    gone_.push_back(std::move(client_));
    begin();
    live();
}

void Person::vanish()
{
    if (leaving_)
        return;
    life_.say(client_->name(), "is gone; another one comes");
    client_->die();
    begin_anew();
}

void Person::close()
{
    life_.say(client_->name(), "closes");
    client_->close();
    begin_anew();
}

void Person::ask()
{
    const std::string &lock = life_.locks()[roll(life_.locks().size())];
    uint64_t committed = life_.oracle().committed();
    client_->query(lock, [this, lock, committed](const Found &found) {
        if (found.status == STATUS_OK)
            life_.judge_read(client_->name(), found.index, committed);
        life_.say(client_->name(),
                "asks who holds " + lock + ": " + text(found.status) + " " + found.holder);
    });
    live();
}

/* All at once: what is granted while nobody listens is told as a list. */
void Person::acquire_all()
{
    const std::vector<std::string> &locks = life_.locks();
    for (const std::string &lock : locks)
        acquire(lock, &lock == &locks.back());
}

/* `goes_on`: the next thing is done when this is answered. */
void Person::acquire(const std::string &lock, bool goes_on)
{
    World &world = life_.world();
    bool again = client_->held().count(lock) > 0;
    static const uint64_t waits[] = {0, 0, NS_PER_S, 5 * NS_PER_S, WAIT_FOREVER};
    uint64_t wait = waits[roll(std::size(waits))];
    Client *client = client_.get();
    uint32_t request = client->acquire(
            lock, wait,
            [this, client, lock, goes_on](const core_completion &done) {
                if (client != client_.get())
                    return;
                acquired(lock, done);
                if (goes_on && !leaving_)
                    live();
            },
            again);
    if (request != 0 && (roll(8) == 0 || wait == WAIT_FOREVER))
        world.in(roll(4 * NS_PER_S), [client, request] {
            if (!client->paused())
                client->cancel(request);
        });
}

void Person::acquired(const std::string &lock, const core_completion &done)
{
    std::string token =
            done.status == STATUS_OK ? ", token " + std::to_string(done.token) : "";
    life_.say(client_->name(), "acquires " + lock + ": " + text(done.status) + token);
    if (done.status == STATUS_OK) {
        World &world = life_.world();
        uint64_t keep = roll(10) == 0 ? 5 * NS_PER_S : 500 * NS_PER_MS;
        world.in(roll(keep), [this, client = client_.get(), lock, token = done.token] {
            if (client == client_.get())
                let_go(lock, token);
        });
    }
}

void Person::let_go(const std::string &lock, uint64_t token)
{
    auto held = client_->held().find(lock);
    bool same = held != client_->held().end() && held->second.token == token;
    if (!same || client_->paused())
        return;
    life_.say(client_->name(), "releases " + lock);
    client_->release(
            lock, [](const core_completion &) {}, false);
}

/* A program that releases twice: the second names a grant that is no more. */
void Person::let_go_again()
{
    const std::string &lock = life_.locks()[roll(life_.locks().size())];
    client_->release_again(lock, [](const core_completion &) {});
    live();
}

void Person::let_some_go()
{
    const auto &[lock, held] = *client_->held().begin();
    let_go(std::string(lock), held.token);
    live();
}

/* Take back what is asked for, and give back each entry of what is held. */
void Person::leave()
{
    leaving_ = true;
    client_->pause(false);
    client_->cancel_all();
    if (crowd_)
        crowd_->leave(true);
    std::map<std::string, Held> held = client_->held();
    for (const auto &[lock, what] : held) {
        for (uint32_t i = 0; i < what.count; i++)
            client_->release(
                    lock, [](const core_completion &) {}, false);
    }
}

bool Person::idle() const
{
    return client_->waiting() == 0 && client_->held().empty();
}

} // namespace sim
