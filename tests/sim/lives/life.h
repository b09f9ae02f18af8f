/*
 * A hostile life from a seed: a cluster, clients who take and give back a few locks, and what
 * is done to both. The oracle (oracle.h) looks at all of it all the time.
 *
 * What happens is planned (life_plan.h), and what comes of it is a function of the plan. In
 * the end some majority is healed, the others are left as they are, and it must elect and
 * grant. Then all is healed, and the cluster must elect, grant, catch up, and be left empty
 * when the clients have gone: what they were told to hold was all that was held (G6, G11). At
 * last what the clients saw is judged (client_history.h).
 *
 * The log of a life, one line an event: virtual time, who, what.
 */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H

#include "sim/lives/crowd.h"
#include "sim/lives/faults.h"
#include "sim/lives/glutton.h"
#include "sim/lives/impostor.h"
#include "sim/lives/life_plan.h"
#include "sim/lives/member_deeds.h"
#include "sim/lives/plays.h"
#include "sim/lives/upgrades.h"
#include "sim/lives/vandal.h"
#include "sim/oracles/onlooker.h"
#include "sim/oracles/oracle.h"

namespace sim {

class Life;

/*
 * Who sits at a client: takes locks, keeps them for a while, begins anew when all is lost.
 */
class Person {
public:
    Person(Life &life, int number);
    void live();   /* The next thing, some time later */
    void vanish(); /* Its machine is gone; another person comes. */
    void leave();
    bool idle() const;
    Client &client()
    {
        return *client_;
    }

private:
    uint64_t roll(uint64_t n);
    void begin();
    void act();
    void acquire(const std::string &lock, bool goes_on);
    void acquire_all();
    void acquired(const std::string &lock, const core_completion &done);
    void let_go(const std::string &lock, uint64_t token);
    void let_some_go();
    void let_go_again();
    void ask();
    void close();
    void begin_anew();
    void end_when_done(Client *client);
    void watch();

    Life &life_;
    int number_;
    struct prng dice_;
    bool leaving_ = false;
    std::unique_ptr<Client> client_;
    std::unique_ptr<Crowd> crowd_; /* In lives of rough clients */
    uint64_t crowds_ = 0;
    std::vector<std::unique_ptr<Client>> gone_; /* Events may still name them. */
    std::vector<std::unique_ptr<Crowd>> gone_crowds_;
};

class Life {
public:
    explicit Life(const Plan &plan, std::function<void(const std::string &)> log = nullptr);
    void run();

    World &world()
    {
        return world_;
    }
    Oracle &oracle()
    {
        return oracle_;
    }
    ClientHistory &history()
    {
        return history_;
    }
    const Plan &plan() const
    {
        return plan_;
    }
    /* Deeds that were done, not only tried, by kind */
    const std::map<Kind, uint64_t> &done() const
    {
        return done_;
    }
    bool all_is_well() const
    {
        return oracle_.breaches.empty();
    }
    const std::vector<std::string> &locks() const
    {
        return locks_;
    }
    int64_t some_rate(struct prng &dice) const; /* Of a clock: within rho, nearly */
    uint64_t roll(uint64_t n); /* Below n, by the dice of the deed under way; 0 for 0 */
    struct prng &dice()
    {
        return dice_;
    }
    static std::string name_of(int id);
    void say(const std::string &who, const std::string &what);
    void say(int id, const std::string &what)
    {
        say(name_of(id), what);
    }
    void expect(bool good, const std::string &breach);
    /* A read is not older than what was committed when it was asked. (G8) */
    void judge_read(const std::string &who, uint64_t read, uint64_t committed);

    void start(int id);
    bool may_disturb(int id);
    bool is_away(int id) const
    {
        return faults_of_world_.is_away(id);
    }
    bool is_over() const /* The hostile time */
    {
        return over_;
    }
    void heal_later(); /* The network */

private:
    void speak(Machine &machine);

    /* deeds.cc */
    static bool is_to_node(Kind kind);
    void perform(const Deed &deed);
    bool do_deed(Kind kind, int id);
    std::set<int> voters() const;
    int whom();
    bool end_node(Kind kind, int id);
    void pause_node(int id);
    void pause_client();
    void stop_client();
    void isolate_client();
    void cut(int id);
    void reset(int id);
    void disturb_disk(int id);
    void all_lose_power();

    /* start_deeds.cc */
    bool depose();
    bool slow_start();
    void watch_start(Machine &machine);
    void end_leader(Machine &leader);
    void start_slowly(const Machine &leader);
    void look_around(struct prng dice, uint64_t within_ns);

    /* clock_deeds.cc */
    void set_rate(int id, int64_t ppm);
    int64_t bad_rate(uint64_t least, bool fast);
    void bend_clock(int id);
    void bend_client();
    void bend_node(int id);
    void straighten(int64_t good);
    void delay_for_a_while(int id);
    void test_guard();

    /* disk_deeds.cc */
    bool slow_all_disks();
    uint64_t work(int number, uint64_t within_ns);
    void test_one_bad_disk();
    void test_slow_disks();
    void test_disks();

    /* The end of a life */
    void make_well(int id);
    int silence_leader();
    void heal_network(const std::set<int> &majority);
    void heal_majority();
    void heal();
    void must_grant(int number, const std::string &lock, uint64_t wait_ns,
            const std::string &breach);
    void must_grant(int number, const std::string &lock);
    void elect_and_grant();
    void catch_up();
    void empty();
    void judge_history();

    Plan plan_;
    std::function<void(const std::string &)> log_;
    struct prng dice_;
    World world_;
    std::vector<std::string> locks_;
    Oracle oracle_;
    ClientHistory history_;
    Vandal vandal_;
    Glutton glutton_;
    Impostor impostor_;
    Onlooker onlooker_;
    Faults faults_of_world_{*this};
    Plays plays_{*this};
    Upgrades upgrades_{*this};
    MemberDeeds members_;
    std::vector<std::unique_ptr<Person>> persons_;
    std::vector<std::unique_ptr<Client>> last_;
    std::map<Kind, uint64_t> done_;
    std::map<int, uint64_t> alarms_; /* By node: that its clock is too fast */
    struct SlowStart {               /* Drawn by its deed */
        int leader;                  /* To end; 0: ended */
        uint64_t term;
        uint64_t commit; /* ... once it has committed more than this */
        uint64_t stall_ns;
        uint64_t away_ns;
        bool pause;
        struct prng dice;
    };
    std::optional<SlowStart> slow_start_;
    int bent_ = 0; /* The node whose clock is bad */
    uint64_t bends_ = 0;
    bool over_ = false;
};

} // namespace sim

#endif
