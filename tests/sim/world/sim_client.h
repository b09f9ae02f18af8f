/*
 * A simulated client: liblock's real core, with the world where its shell would be.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include <deque>
#include <map>
#include <optional>

#include "core/core.h"
#include "sim/world/client_history.h"
#include "sim/world/world.h"

namespace sim {

/* A hold that the client was granted and has not given up. */
struct Held {
    uint64_t token;
    uint32_t hold;
    uint32_t count; /* How often it entered */
};

/* What a query found. */
struct Found {
    enum status status;
    uint64_t index;
    uint64_t token; /* 0: free */
    std::string holder;
    uint32_t waits;
};

class Client : public Endpoint {
public:
    /* `number` names its end of connections in cuts: 101, 102, ... */
    Client(World &world, int number, std::string name, uint64_t ttl_ns,
            ClientHistory *history = nullptr);
    ~Client() override;
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;

    using Done = std::function<void(const core_completion &)>;
    uint32_t acquire(
            const std::string &lock, uint64_t wait_ns, Done done, bool reentrant = false);
    /* Its acquires wait out BUSY, as those of blocking calls do. */
    void be_patient()
    {
        patient_ = true;
    }
    /* The whole hold, or one entry of it. */
    uint32_t release(const std::string &lock, Done done, bool all = true);
    /* Once more what it gave up last of that lock: a program's mistake. */
    void release_again(const std::string &lock, Done done);
    void query(const std::string &lock, std::function<void(const Found &)> done);
    void cancel(uint32_t request);
    void cancel_all();
    void close();

    /*
     * Beside the session that is judged: others of the same program. Nothing of them is in the
     * history. 0: refused.
     */
    uint32_t open_beside(const core_call &call);
    void ask_beside(const core_call &call, Done done);
    void cancel_beside(uint32_t session, uint64_t tag);
    void lose_beside(uint32_t session);
    uint64_t own_clock() const
    {
        return clocks().boot_ns;
    }

    void pause(bool on); /* SIGSTOP: it neither hears nor acts, and time goes on. */
    void die();          /* Its machine is gone, without a word to anybody. */
    void end();          /* Its process ends, and its connection with it. */
    bool paused() const
    {
        return paused_;
    }

    /* What the program would be told now, by lk_check(). */
    bool believes(const std::string &lock) const;
    /* Does it of anything that it has given up? */
    bool believes_given_up() const;
    enum belief_state state() const;
    uint64_t session_id() const
    {
        return core_session_id(core_, session_);
    }
    const std::string &name() const
    {
        return name_;
    }
    int number() const
    {
        return number_;
    }
    const std::map<std::string, Held> &held() const
    {
        return held_;
    }
    bool has_ended() const
    {
        return dead_;
    }
    size_t waiting() const /* Requests not yet completed */
    {
        return waiting_.size();
    }
    /* Sessions that it was told are over while it could still believe in them. (G3) */
    uint32_t early_losses() const
    {
        return early_losses_;
    }
    std::function<void(const core_session_event &)> on_event;
    std::function<void()> after_step;
    void set_rate(int64_t ppm);

    void received(uint64_t link, const std::vector<uint8_t> &bytes) override;
    void closed(uint64_t link, bool by_other) override;

private:
    bool believes_in(const Held &held) const;
    struct clocks clocks() const;
    struct belief belief() const;
    template <class What> void defer(uint64_t delay_ns, What what);
    void step(core_event event);
    void step_soon();
    void perform(const core_effects &effects);
    void disconnect();
    void connect(int to);
    void send(const core_effects &effects);
    void wake_at(uint64_t deadline);
    void collect_events(bool believed);
    void collect_completions();
    void settle(const core_completion &completion);
    uint32_t submit(const core_call &call, Done done);
    void tell_scribe();
    void open(uint64_t ttl_ns);

    World &world_;
    Clock clock_;
    int number_;
    std::string name_;
    void *memory_ = nullptr;
    size_t memory_bytes_ = 0;
    struct core *core_ = nullptr;
    uint32_t session_ = 0;
    uint64_t link_ = 0;
    /* Counts connections: what belongs to an older one is dropped. */
    uint64_t attempt_ = 0;
    bool sending_ = false;
    bool paused_ = false;
    bool dead_ = false;
    uint64_t wake_ = 0;
    uint32_t early_losses_ = 0;
    std::vector<std::function<void()>> while_paused_;
    struct Waiting {
        Done done;
        Scribe::Ticket ticket;
    };
    std::map<uint32_t, Waiting> waiting_;
    std::optional<Scribe> scribe_;
    uint64_t told_until_ = 0; /* On its own clock: what the scribe knows of belief */
    bool patient_ = false;
    std::map<uint32_t, std::string> locks_; /* By request: what is acquired */
    std::map<std::string, Held> held_;
    std::map<std::string, Held> given_up_;         /* The last of each lock */
    std::deque<std::vector<unsigned char>> rooms_; /* For the answers of queries */
};

} // namespace sim

#endif
