#include "linear/small.h"

#include <algorithm>
#include <map>
#include <random>

namespace linear {

namespace {

class Dice {
public:
    explicit Dice(uint32_t seed) : dice_(seed) {}

    uint32_t below(uint32_t count)
    {
        return static_cast<uint32_t>(dice_() % count);
    }

    bool one_in(uint32_t count)
    {
        return below(count) == 0;
    }

private:
    std::mt19937 dice_;
};

struct Session {
    int64_t ttl = 0; /* 0: no lease */
    int64_t until = 0;
    bool open = false;
    bool over = false;
};

struct Held {
    int32_t lock;
    uint64_t session;
    uint64_t token;
    uint32_t permits;
    bool shared;
    int64_t until;
    int64_t ttl;
};

/* A request on its way, or an answer. */
struct Pending {
    Operation op;
    size_t proc; /* Who hears the answer; lost: nobody */
    bool lost = false;
    bool done = false;
};

struct Proc {
    uint64_t id = 0;
    uint64_t session = 0;
    bool busy = false;
    std::map<int32_t, uint64_t> tokens; /* Of locks that it believes to hold */
};

constexpr size_t nobody = SIZE_MAX;

class Maker {
public:
    explicit Maker(const SmallRecipe &recipe) : recipe_(recipe), dice_(recipe.seed)
    {
        static const Model models[] = {
                Model::mutex, Model::fenced, Model::fenced, Model::rwlock, Model::semaphore};
        history_.commands_renew = dice_.one_in(2);
        named_ = dice_.one_in(3);
        shared_ = dice_.one_in(4);
        leased_ = !dice_.one_in(4);
        for (uint32_t i = 0; i < recipe.locks; i++) {
            Lock lock;
            lock.name = "lock \xc3\xa4" + std::to_string(i);
            lock.model = models[dice_.below(5)];
            lock.permits = lock.model == Model::semaphore ? 1 + dice_.below(3) : 1;
            bool single = lock.model == Model::mutex || lock.model == Model::fenced;
            lock.idempotent = single && dice_.one_in(6);
            if (dice_.one_in(4))
                lock.ttl = 5 + dice_.below(30);
            history_.locks.push_back(lock);
        }
        procs_.resize(recipe.procs);
        for (Proc &proc : procs_)
            proc.id = fresh_proc();
    }

    History run()
    {
        while (history_.operations.size() < recipe_.operations) {
            now_ += dice_.below(4);
            step();
        }
        for (Pending &pending : pending_) {
            if (!pending.lost)
                lose(pending);
        }
        for (size_t i = 0; i < history_.operations.size(); i++)
            history_.operations[i].line = static_cast<uint32_t>(i + 2);
        return std::move(history_);
    }

private:
    uint64_t fresh_id(const char *what, uint64_t number)
    {
        if (!named_)
            return number;
        history_.names.push_back("\"" + std::string(what) + "-" + std::to_string(number) + "\"");
        return named_ids + history_.names.size() - 1;
    }

    uint64_t fresh_proc()
    {
        return fresh_id("proc", ++proc_count_);
    }

    void step()
    {
        uint32_t what = dice_.below(10);
        if (what == 0)
            expire();
        else if (what < 4)
            begin();
        else if (what < 8)
            arrive();
        else
            answer();
    }

    /* --- The service --- */

    void end(uint64_t id)
    {
        sessions_[id].over = true;
        std::erase_if(held_, [&](const Held &held) { return held.session == id; });
    }

    void expire()
    {
        for (auto &[id, session] : sessions_) {
            if (session.open && !session.over && session.ttl != 0 && session.until <= now_)
                end(id);
        }
        std::erase_if(held_, [&](const Held &held) {
            return held.until <= now_ && dice_.one_in(2);
        });
    }

    bool has_room(const Operation &op) const
    {
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        uint64_t used = op.permits;
        for (const Held &held : held_) {
            if (held.lock == op.lock && !(held.shared && op.shared))
                used += held.permits;
        }
        return used <= (lock.model == Model::semaphore ? lock.permits : 1);
    }

    Held *find(const Operation &op)
    {
        bool fenced = history_.locks[static_cast<size_t>(op.lock)].model != Model::mutex;
        for (Held &held : held_) {
            if (held.lock == op.lock && held.session == *op.session &&
                    (!fenced || !op.token || held.token == *op.token))
                return &held;
        }
        return nullptr;
    }

    void renew_session(const Operation &op)
    {
        Session &session = sessions_[*op.session];
        bool extends = op.kind == Kind::open || op.kind == Kind::keepalive;
        if (extends || history_.commands_renew)
            session.until = std::max(session.until, op.call + session.ttl);
    }

    int64_t own_ttl(const Operation &op)
    {
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        if (op.ttl)
            return *op.ttl;
        return sessions_[*op.session].ttl == 0 ? lock.ttl.value_or(0) : 0;
    }

    void grant(Operation &op)
    {
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        Operation own = op;
        own.token = std::nullopt;
        Held *again = lock.idempotent ? find(own) : nullptr;
        if (!again) {
            token_ += 1 + dice_.below(2);
            int64_t ttl = own_ttl(op);
            held_.push_back({op.lock, *op.session, token_, op.permits, op.shared,
                    ttl != 0 ? op.call + ttl : never, op.ttl.value_or(0)});
            again = &held_.back();
        } else if (again->until != never) {
            again->until = std::max(again->until, op.call + own_ttl(op));
        }
        op.result = Result::ok;
        renew_session(op);
        if (lock.model != Model::mutex)
            op.token = again->token;
    }

    void present(Operation &op)
    {
        Held *held = find(op);
        op.result = held ? Result::ok : Result::not_owner;
        if (!held)
            return;
        renew_session(op);
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        int64_t ttl = op.ttl ? *op.ttl : held->ttl != 0 ? held->ttl : lock.ttl.value_or(0);
        if (op.kind == Kind::renew && held->until != never)
            held->until = std::max(held->until, op.call + ttl);
        if (op.kind == Kind::release)
            held_.erase(held_.begin() + (held - held_.data()));
    }

    void look(Operation &op)
    {
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        op.result = Result::ok;
        op.used = 0;
        op.holder_said = lock.model != Model::semaphore;
        for (const Held &held : held_) {
            if (held.lock != op.lock)
                continue;
            op.used = *op.used + (lock.model == Model::rwlock ? 1 : held.permits);
            if (held.shared || !op.holder_said)
                continue;
            op.holder = held.session;
            if (lock.model != Model::mutex)
                op.token = held.token;
        }
        if (dice_.one_in(3))
            op.used = std::nullopt;
    }

    /* False: it waits. */
    bool perform(Operation &op)
    {
        if (op.kind == Kind::query) {
            look(op);
            return true;
        }
        Session &session = sessions_[*op.session];
        if (op.kind == Kind::open) {
            session.open = true;
            op.result = Result::ok;
            renew_session(op);
            return true;
        }
        if (session.over) {
            op.result = Result::expired;
            return true;
        }
        if (op.kind == Kind::acquire || op.kind == Kind::attempt)
            return ask(op);
        if (op.kind == Kind::close || op.kind == Kind::keepalive) {
            op.result = Result::ok;
            renew_session(op);
            if (op.kind == Kind::close)
                end(*op.session);
            return true;
        }
        present(op);
        return true;
    }

    bool ask(Operation &op)
    {
        Operation own = op;
        bool mine = history_.locks[static_cast<size_t>(op.lock)].idempotent && find(own);
        if (mine || has_room(op)) {
            grant(op);
            return true;
        }
        op.result = op.kind == Kind::attempt ? Result::held : Result::timeout;
        return op.kind == Kind::attempt || dice_.one_in(6);
    }

    void arrive()
    {
        if (pending_.empty())
            return;
        size_t i = dice_.below(static_cast<uint32_t>(pending_.size()));
        Pending &pending = pending_[i];
        if (pending.done)
            return;
        pending.done = perform(pending.op);
        if (pending.done && pending.lost)
            pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
    }

    /* --- The clients --- */

    void record(const Operation &op)
    {
        history_.operations.push_back(op);
    }

    void lose(Pending &pending)
    {
        Operation op = pending.op;
        op.result = Result::info;
        op.ret = dice_.one_in(2) ? never : now_;
        if (!op.presents())
            op.token = std::nullopt;
        op.holder = std::nullopt;
        op.holder_said = false;
        op.used = std::nullopt;
        record(op);
        Proc &proc = procs_[pending.proc];
        pending.lost = true;
        pending.proc = nobody;
        proc = Proc{fresh_proc(), dice_.one_in(2) ? proc.session : 0, false, {}};
    }

    void answer()
    {
        if (pending_.empty())
            return;
        size_t i = dice_.below(static_cast<uint32_t>(pending_.size()));
        Pending &pending = pending_[i];
        if (pending.lost)
            return;
        if (!pending.done || dice_.one_in(12)) {
            if (!dice_.one_in(3))
                return;
            lose(pending);
            if (pending.done)
                pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
            return;
        }
        hear(pending);
        pending_.erase(pending_.begin() + static_cast<ptrdiff_t>(i));
    }

    void hear(Pending &pending)
    {
        Operation &op = pending.op;
        Proc &proc = procs_[pending.proc];
        op.ret = now_;
        if (op.is_grant())
            proc.tokens[op.lock] = op.token.value_or(0);
        if (op.kind == Kind::release)
            proc.tokens.erase(op.lock);
        if (op.kind == Kind::open)
            proc.session = *op.session;
        bool ended = op.result == Result::expired ||
                     (op.kind == Kind::close && op.result == Result::ok);
        if (ended)
            proc.session = 0;
        if (ended)
            proc.tokens.clear();
        proc.busy = false;
        record(op);
    }

    void begin()
    {
        Proc &proc = procs_[dice_.below(recipe_.procs)];
        if (proc.busy)
            return;
        Operation op;
        op.proc = proc.id;
        op.call = now_;
        if (proc.session == 0 || !sessions_[proc.session].open)
            open(proc, op);
        else
            choose(proc, op);
        proc.busy = true;
        pending_.push_back({op, static_cast<size_t>(&proc - procs_.data())});
    }

    void open(Proc &proc, Operation &op)
    {
        if (shared_ && newest_ != 0 && sessions_[newest_].open && !dice_.one_in(3)) {
            proc.session = newest_;
            return choose(proc, op);
        }
        op.kind = Kind::open;
        uint64_t id = fresh_id("session", ++session_count_);
        op.session = id;
        Session session;
        if (leased_ && !dice_.one_in(5)) {
            session.ttl = 10 + dice_.below(40);
            op.ttl = session.ttl;
        }
        sessions_[id] = session;
        newest_ = id;
    }

    void choose(Proc &proc, Operation &op)
    {
        op.session = proc.session;
        op.lock = static_cast<int32_t>(dice_.below(recipe_.locks));
        bool holds = proc.tokens.count(op.lock) > 0;
        uint32_t what = dice_.below(12);
        if (what == 0)
            op.kind = Kind::close;
        else if (what == 1)
            op.kind = Kind::keepalive;
        else if (what == 2)
            op.kind = Kind::query;
        else if (holds)
            op.kind = what == 3 ? Kind::renew : Kind::release;
        else
            op.kind = what < 7 ? Kind::attempt : Kind::acquire;
        finish(proc, op);
    }

    void finish(const Proc &proc, Operation &op)
    {
        const Lock &lock = history_.locks[static_cast<size_t>(op.lock)];
        bool asks = op.kind == Kind::acquire || op.kind == Kind::attempt;
        if (op.presents() && lock.model != Model::mutex)
            op.token = proc.tokens.at(op.lock);
        if (op.kind == Kind::query)
            op.session = std::nullopt;
        if (op.kind == Kind::close || op.kind == Kind::keepalive)
            op.lock = -1;
        if (asks && lock.model == Model::rwlock)
            op.shared = dice_.one_in(2);
        if (asks && lock.model == Model::semaphore)
            op.permits = 1 + dice_.below(static_cast<uint32_t>(lock.permits));
        if ((asks || op.kind == Kind::renew) && !lock.idempotent && dice_.one_in(8))
            op.ttl = 5 + dice_.below(30);
    }

    SmallRecipe recipe_;
    Dice dice_;
    History history_;
    bool named_ = false;
    bool shared_ = false; /* Processes share sessions */
    bool leased_ = true;
    int64_t now_ = 0;
    uint64_t token_ = 0;
    uint64_t proc_count_ = 0;
    uint64_t session_count_ = 0;
    uint64_t newest_ = 0;
    std::map<uint64_t, Session> sessions_;
    std::vector<Held> held_;
    std::vector<Proc> procs_;
    std::vector<Pending> pending_;
};

bool is_of(const Operation &op, Result result)
{
    switch (result) {
    case Result::held:
        return op.kind == Kind::attempt;
    case Result::timeout:
        return op.kind == Kind::acquire;
    case Result::not_owner:
        return op.presents();
    case Result::expired:
        return op.kind != Kind::open && op.kind != Kind::query;
    case Result::ok:
        return op.kind == Kind::keepalive || op.kind == Kind::close || op.presents();
    case Result::fail:
    case Result::info:
        break;
    }
    return false;
}

} // namespace

History make_small(const SmallRecipe &recipe)
{
    return Maker(recipe).run();
}

namespace {

/* One change; false: this one does not fit what was drawn. */
bool spoil_once(History &history, Dice &dice)
{
    auto any = [&]() -> Operation & {
        return history.operations[dice.below(
                static_cast<uint32_t>(history.operations.size()))];
    };
    Operation &op = any();
    Operation &other = any();
    Result result = static_cast<Result>(dice.below(5));
    int64_t by = static_cast<int64_t>(dice.below(81)) - 40;
    switch (dice.below(7)) {
    case 0: /* Another answer */
        if (op.result == Result::info || op.result == result || !is_of(op, result))
            return false;
        op.result = result;
        op.token = op.presents() ? op.token : Maybe<uint64_t>();
        return true;
    case 1: /* Another token */
        if (!op.token || !other.token || *op.token == *other.token)
            return false;
        std::swap(op.token, other.token);
        return true;
    case 2: /* Another time */
        if (op.ret == never || op.call + by < 0)
            return false;
        op.call += by;
        op.ret += by;
        return by != 0;
    case 3: /* Another session */
        if (!op.session || !other.session || op.kind == Kind::query ||
                *op.session == *other.session)
            return false;
        op.session = other.session;
        return true;
    case 4: /* Nothing known of it */
        if (history.operations.size() < 3)
            return false;
        history.operations.erase(
                history.operations.begin() + (&op - history.operations.data()));
        return true;
    case 5: /* Free, though it was held */
        if (op.kind != Kind::query || !op.holder)
            return false;
        op.holder = std::nullopt;
        op.token = std::nullopt;
        return true;
    default: /* Shorter: it took effect earlier or later than it did */
        if (op.ret == never || op.result == Result::info || op.ret - op.call < 2)
            return false;
        (dice.one_in(2) ? op.call : op.ret) = (op.call + op.ret) / 2;
        return true;
    }
}

} // namespace

void spoil(History &history, uint32_t seed)
{
    Dice dice(seed);
    for (int i = 0; i < 50 && !spoil_once(history, dice); i++)
        continue;
}

} // namespace linear
