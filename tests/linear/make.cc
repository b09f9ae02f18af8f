#include "linear/make.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <random>

namespace linear {

namespace {

struct Held {
    uint32_t client;
    uint64_t session;
    uint64_t token;
    uint32_t permits;
    bool shared;
    int64_t until; /* Its own lease */
};

struct Wait {
    uint32_t client;
    uint64_t errand; /* A wait of an earlier errand of the client is void */
    Operation op;
    bool lost; /* The client will not hear */
};

struct Place {
    std::vector<Held> holds;
    std::deque<Wait> queue;
};

struct Client {
    uint64_t proc = 0;
    uint64_t session = 0;
    uint64_t errand = 0;
    std::optional<Operation> pending;
    bool dead = false;
    bool holds = false; /* As far as it knows */
    uint64_t token = 0;
    uint32_t permits = 1;
    bool shared = false;
    uint32_t lock = 0;
};

/* Events are functions of time; the world goes from one to the next. */
struct Event {
    int64_t when;
    uint64_t order;
    std::function<void()> act;
    bool operator<(const Event &other) const
    {
        return when != other.when ? when > other.when : order > other.order;
    }
};

class Service {
public:
    explicit Service(const Recipe &recipe) : recipe_(recipe), dice_(recipe.seed)
    {
        history_.global_tokens = recipe.model != Model::mutex;
        history_.commands_renew = recipe.commands_renew;
        history_.defaults.model = recipe.model;
        history_.defaults.permits = recipe.permits;
        if (!recipe.session_leases)
            history_.defaults.ttl = recipe.ttl;
        for (uint32_t i = 0; i < recipe.locks; i++) {
            history_.locks.push_back(history_.defaults);
            history_.locks.back().name = "lock-" + std::to_string(i);
        }
        places_.resize(recipe.locks);
        clients_.resize(recipe.procs);
    }

    History run()
    {
        for (uint32_t i = 0; i < recipe_.procs; i++)
            at(roll(1000), [this, i] { begin(i); });
        tick();
        while (!events_.empty() && history_.operations.size() < recipe_.operations) {
            Event event = events_.top();
            events_.pop();
            now_ = event.when;
            event.act();
        }
        for (uint32_t i = 0; i < recipe_.procs; i++) {
            if (clients_[i].pending)
                lose(i, *clients_[i].pending);
        }
        for (size_t i = 0; i < history_.operations.size(); i++)
            history_.operations[i].line = static_cast<uint32_t>(i + 2);
        return std::move(history_);
    }

private:
    int64_t roll(int64_t below)
    {
        return static_cast<int64_t>(dice_() % static_cast<uint64_t>(below));
    }

    bool percent(uint32_t chance)
    {
        return roll(100) < chance;
    }

    void at(int64_t delay, std::function<void()> act)
    {
        events_.push({now_ + delay, order_++, std::move(act)});
    }

    bool is_over(uint64_t session)
    {
        return until_[session] == INT64_MIN;
    }

    void extend(uint64_t session, bool by_command = true)
    {
        if (recipe_.session_leases && (recipe_.commands_renew || !by_command))
            until_[session] = now_ + recipe_.ttl;
    }

    /* --- The service --- */

    void tick()
    {
        expire_some();
        at(recipe_.ttl / 4, [this] { tick(); });
    }

    void expire_some()
    {
        for (Place &place : places_) {
            for (size_t i = 0; i < place.holds.size();) {
                Held hold = place.holds[i];
                if (recipe_.session_leases && until_[hold.session] < now_ && is_due(hold)) {
                    end_session(hold.session);
                    i = 0;
                } else if (!recipe_.session_leases && hold.until < now_) {
                    place.holds.erase(place.holds.begin() + static_cast<ptrdiff_t>(i));
                } else {
                    i++;
                }
            }
        }
        for (Place &place : places_)
            serve(place);
    }

    /* Clients that live are kept alive by keepalives that the history does not show. */
    bool is_due(const Held &hold)
    {
        const Client &client = clients_[hold.client];
        if (is_over(hold.session))
            return true;
        return client.dead || client.session != hold.session || !client.holds;
    }

    void tell_over(const Wait &wait)
    {
        Operation op = wait.op;
        op.result = Result::expired;
        uint32_t who = wait.client;
        if (!wait.lost)
            at(1 + roll(30), [this, who, op] { answer(who, op); });
    }

    void end_session(uint64_t session)
    {
        until_[session] = INT64_MIN;
        for (Place &place : places_) {
            std::erase_if(place.holds, [&](const Held &h) { return h.session == session; });
            std::erase_if(place.queue, [&](const Wait &wait) {
                if (*wait.op.session != session)
                    return false;
                tell_over(wait);
                return true;
            });
        }
    }

    bool fits(const Place &place, uint32_t permits, bool shared) const
    {
        uint64_t used = permits;
        for (const Held &hold : place.holds)
            used += hold.shared && shared ? 0 : hold.permits;
        return used <= (recipe_.model == Model::semaphore ? recipe_.permits : 1);
    }

    void grant(Place &place, const Wait &wait)
    {
        token_ += 1 + static_cast<uint64_t>(roll(2));
        Operation op = wait.op;
        extend(*op.session);
        place.holds.push_back({wait.client, *op.session, token_, op.permits, op.shared,
                op.call + recipe_.ttl});
        if (wait.lost) {
            /* Given back some time, as a client library does. */
            uint64_t token = token_;
            Place *where = &place;
            at(roll(3000), [this, where, token] { take_back(*where, token); });
            return;
        }
        if (recipe_.model != Model::mutex)
            op.token = token_;
        op.result = Result::ok;
        op.deadline = op.call + recipe_.ttl - roll(1000);
        if (*op.deadline <= now_)
            op.deadline = std::nullopt;
        uint32_t who = wait.client;
        at(1 + roll(40), [this, who, op] { answer(who, op); });
    }

    void take_back(Place &place, uint64_t token)
    {
        std::erase_if(place.holds, [&](const Held &hold) { return hold.token == token; });
        serve(place);
    }

    void serve(Place &place)
    {
        while (!place.queue.empty()) {
            Wait wait = place.queue.front();
            if (!fits(place, wait.op.permits, wait.op.shared))
                return;
            place.queue.pop_front();
            grant(place, wait);
        }
    }

    /* --- The clients --- */

    void record(Operation op)
    {
        op.proc = op.proc == 0 ? ++procs_ : op.proc;
        history_.operations.push_back(op);
    }

    void answer(uint32_t who, Operation op)
    {
        Client &client = clients_[who];
        client.pending.reset();
        op.ret = now_;
        record(op);
        if (op.is_grant()) {
            client.holds = true;
            client.token = token_of(op);
            client.lock = static_cast<uint32_t>(op.lock);
            client.permits = op.permits;
            client.shared = op.shared;
        } else if (op.kind == Kind::release) {
            client.holds = false;
        }
        if (op.result == Result::expired)
            client.session = 0;
        at(1 + roll(client.holds ? 60 : 20), [this, who] { begin(who); });
    }

    static uint64_t token_of(const Operation &op)
    {
        return op.token.value_or(0);
    }

    void lose(uint32_t who, Operation op)
    {
        Client &client = clients_[who];
        client.pending.reset();
        op.ret = never;
        op.result = Result::info;
        op.token = op.presents() ? op.token : Maybe<uint64_t>();
        record(op);
        client.proc = ++procs_;
        client.errand++;
        if (recipe_.model == Model::mutex)
            client.session = 0; /* Without tokens nobody could tell what is whose. */
        client.holds = false;
        at(1 + roll(500), [this, who] { begin(who); });
    }

    Operation make(const Client &client, Kind kind, int32_t lock) const
    {
        Operation op;
        op.proc = client.proc;
        op.kind = kind;
        op.lock = lock;
        op.call = now_;
        op.session = client.session;
        return op;
    }

    void open(uint32_t who)
    {
        Client &client = clients_[who];
        client.session = ++sessions_;
        client.proc = client.proc ? client.proc : ++procs_;
        client.holds = false;
        Operation op = make(client, Kind::open, -1);
        op.result = Result::ok;
        until_[client.session] = now_ + recipe_.ttl;
        if (recipe_.session_leases)
            op.ttl = recipe_.ttl;
        at(1 + roll(20), [this, who, op] { answer(who, op); });
    }

    void begin(uint32_t who)
    {
        Client &client = clients_[who];
        expire_some();
        if (client.dead)
            return;
        if (client.session == 0 || is_over(client.session))
            return open(who);
        if (percent(recipe_.death_percent))
            return die(who);
        int64_t what = roll(20);
        if (what == 0 && recipe_.session_leases)
            send(who, make(client, Kind::keepalive, -1));
        else if (what == 1)
            send(who, make(client, Kind::query, any_lock()));
        else if (client.holds)
            use(who, what);
        else if (what == 2)
            send(who, ask(client, Kind::attempt));
        else
            send(who, ask(client, Kind::acquire));
    }

    int32_t any_lock()
    {
        return static_cast<int32_t>(roll(recipe_.locks));
    }

    /* The client stops; another takes its place. Its session stays until it expires. */
    void die(uint32_t who)
    {
        Client &client = clients_[who];
        client.session = 0;
        client.proc = 0;
        client.holds = false;
        at(roll(1000), [this, who] { begin(who); });
    }

    Operation ask(const Client &client, Kind kind)
    {
        Operation op = make(client, kind, any_lock());
        if (recipe_.model == Model::rwlock)
            op.shared = percent(70);
        if (recipe_.model == Model::semaphore && recipe_.permits > 1 && percent(20))
            op.permits = 2;
        if (!recipe_.session_leases)
            op.ttl = recipe_.ttl;
        return op;
    }

    void use(uint32_t who, int64_t what)
    {
        Client &client = clients_[who];
        Operation op = make(client, what == 3 ? Kind::renew : Kind::release,
                static_cast<int32_t>(client.lock));
        if (recipe_.model != Model::mutex)
            op.token = client.token;
        if (what == 4 && recipe_.session_leases)
            op = make(client, Kind::close, -1);
        send(who, op);
    }

    void send(uint32_t who, const Operation &op)
    {
        bool lost = percent(recipe_.unknown_percent) && op.kind != Kind::query;
        bool arrives = !lost || percent(50);
        uint64_t errand = clients_[who].errand;
        clients_[who].pending = op;
        if (arrives)
            at(1 + roll(lost ? 4000 : 30),
                    [this, who, op, errand, lost] { arrive(who, op, errand, lost); });
        if (lost)
            at(100 + roll(100), [this, who, op] { lose(who, op); });
    }

    void arrive(uint32_t who, Operation op, uint64_t errand, bool lost)
    {
        expire_some();
        op.result = Result::ok;
        bool over = op.kind != Kind::query && is_over(*op.session);
        if (over)
            op.result = Result::expired;
        else if (op.kind == Kind::acquire || op.kind == Kind::attempt)
            return arrive_ask(who, op, errand, lost);
        else
            perform(op);
        if (!lost)
            at(1 + roll(30), [this, who, op] { answer(who, op); });
    }

    void arrive_ask(uint32_t who, Operation op, uint64_t errand, bool lost)
    {
        Place &place = places_[static_cast<size_t>(op.lock)];
        if (op.kind == Kind::acquire ||
                (place.queue.empty() && fits(place, op.permits, op.shared))) {
            place.queue.push_back({who, errand, op, lost});
            serve(place);
            if (!lost && percent(10))
                at(20 + roll(2000), [this, who, op] { give_up(who, op); });
            return;
        }
        extend(*op.session);
        op.result = Result::held;
        if (!lost)
            at(1 + roll(30), [this, who, op] { answer(who, op); });
    }

    void give_up(uint32_t who, Operation op)
    {
        Place &place = places_[static_cast<size_t>(op.lock)];
        auto it =
                std::find_if(place.queue.begin(), place.queue.end(), [&](const Wait &wait) {
                    return wait.client == who && wait.op.call == op.call && !wait.lost;
                });
        if (it == place.queue.end())
            return;
        place.queue.erase(it);
        serve(place);
        op.result = Result::timeout;
        at(1 + roll(30), [this, who, op] { answer(who, op); });
    }

    void perform(Operation &op)
    {
        if (op.kind == Kind::query)
            return look(op);
        if (op.kind == Kind::close)
            end_session(*op.session);
        else
            extend(*op.session, op.kind != Kind::keepalive);
        if (op.lock < 0) {
            for (Place &place : places_)
                serve(place);
            return;
        }
        Place &place = places_[static_cast<size_t>(op.lock)];
        auto it =
                std::find_if(place.holds.begin(), place.holds.end(), [&](const Held &hold) {
                    return hold.session == *op.session &&
                           (!op.token || hold.token == *op.token);
                });
        if (it == place.holds.end())
            op.result = Result::not_owner;
        else if (op.kind == Kind::renew)
            it->until = std::max(it->until, op.call + recipe_.ttl);
        else
            place.holds.erase(it);
        serve(place);
    }

    void look(Operation &op)
    {
        const Place &place = places_[static_cast<size_t>(op.lock)];
        op.session = std::nullopt;
        op.used = 0;
        op.holder_said = recipe_.model != Model::semaphore;
        for (const Held &hold : place.holds) {
            op.used = *op.used + (recipe_.model == Model::rwlock ? 1 : hold.permits);
            if (hold.shared || recipe_.model == Model::semaphore)
                continue;
            op.holder = hold.session;
            if (recipe_.model != Model::mutex)
                op.token = hold.token;
        }
    }

    Recipe recipe_;
    std::mt19937_64 dice_;
    History history_;
    int64_t now_ = 1;
    uint64_t order_ = 0;
    uint64_t procs_ = 0;
    uint64_t sessions_ = 0;
    uint64_t token_ = 0;
    std::priority_queue<Event> events_;
    std::vector<Place> places_;
    std::vector<Client> clients_;
    std::map<uint64_t, int64_t> until_; /* Sessions; INT64_MIN: over */
};

} // namespace

History make_history(const Recipe &recipe)
{
    return Service(recipe).run();
}

} // namespace linear
