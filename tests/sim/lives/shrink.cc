#include "sim/lives/shrink.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <functional>
#include <sstream>

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

namespace {

constexpr unsigned seconds_most = 60; /* Of a life, before it counts as stuck */
const std::string breach_mark = "BREACH ";

/* In the child: the story, then what was broken, to `out`. */
[[noreturn]] void tell(const Plan &plan, int out)
{
    alarm(seconds_most);
    dup2(out, STDERR_FILENO); /* What an assertion says */
    auto say = [out](const std::string &line) {
        std::string whole = line + "\n";
        if (write(out, whole.data(), whole.size()) < 0)
            _exit(1);
    };
    Life life(plan, say);
    life.run();
    for (const std::string &breach : life.oracle().breaches)
        say(breach_mark + breach);
    _exit(0);
}

std::string read_all(int in)
{
    std::string text;
    char bytes[65536];
    for (ssize_t count; (count = read(in, bytes, sizeof(bytes))) > 0;)
        text.append(bytes, static_cast<size_t>(count));
    return text;
}

Verdict judge_text(const std::string &text, int status)
{
    Verdict verdict;
    std::istringstream input(text);
    std::string last;
    for (std::string line; std::getline(input, line); last = line) {
        if (line.rfind(breach_mark, 0) == 0)
            verdict.breaches.push_back(line.substr(breach_mark.size()));
        else
            verdict.story.push_back(line);
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        verdict.breaches.push_back("the life does not end");
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        verdict.breaches.push_back(last);
    return verdict;
}

/* The search: what is kept so far, and how often it may still try. */
class Shrinker {
public:
    Shrinker(const Plan &plan, const std::string &breach, unsigned lives_most)
            : plan_(plan), kind_(kind_of_breach(breach)), left_(lives_most)
    {
    }

    Plan run()
    {
        bool smaller = true;
        while (smaller && left_ > 0) {
            smaller = shorten();
            smaller = leave_deeds_out() || smaller;
            smaller = fewer_ends() || smaller;
            smaller = plainer() || smaller;
        }
        return plan_;
    }

private:
    bool breaks_still(const Plan &plan)
    {
        if (left_ == 0)
            return false;
        left_--;
        std::vector<std::string> breaches = live_apart(plan).breaches;
        return std::any_of(
                breaches.begin(), breaches.end(), [this](const std::string &breach) {
                    return kind_of_breach(breach) == kind_;
                });
    }

    bool try_it(const std::function<void(Plan &)> &change)
    {
        Plan smaller = plan_;
        change(smaller);
        if (!breaks_still(smaller))
            return false;
        plan_ = smaller;
        return true;
    }

    static void end_at(Plan &plan, uint64_t ns)
    {
        plan.hostile_ns = ns;
        std::erase_if(plan.deeds, [ns](const Deed &deed) { return deed.at_ns >= ns; });
    }

    bool shorten()
    {
        bool shorter = false;
        for (uint64_t parts : {2, 4, 8}) {
            uint64_t ms = plan_.hostile_ns / NS_PER_MS;
            uint64_t ns = (ms - ms / parts) * NS_PER_MS;
            while (ns < plan_.hostile_ns &&
                    try_it([ns](Plan &plan) { end_at(plan, ns); })) {
                shorter = true;
                ms = plan_.hostile_ns / NS_PER_MS;
                ns = (ms - ms / parts) * NS_PER_MS;
            }
        }
        return shorter;
    }

    /* Parts of the list, halves first, then ever smaller ones [Zeller 1999]. */
    bool leave_deeds_out()
    {
        bool fewer = false;
        for (size_t part = (plan_.deeds.size() + 1) / 2; part > 0; part /= 2) {
            for (size_t begin = 0; begin < plan_.deeds.size();) {
                auto leave_out = [begin, part](Plan &plan) {
                    size_t end = std::min(begin + part, plan.deeds.size());
                    plan.deeds.erase(plan.deeds.begin() + static_cast<ptrdiff_t>(begin),
                            plan.deeds.begin() + static_cast<ptrdiff_t>(end));
                };
                if (try_it(leave_out))
                    fewer = true;
                else
                    begin += part;
            }
        }
        return fewer;
    }

    bool fewer_ends()
    {
        bool fewer = false;
        for (int persons = 1; persons < plan_.persons; persons++)
            fewer = try_it([persons](Plan &plan) { plan.persons = persons; }) || fewer;
        for (int nodes = 1; nodes < plan_.world.nodes; nodes++)
            fewer = try_it([nodes](Plan &plan) { plan.world.nodes = nodes; }) || fewer;
        return fewer;
    }

    bool plainer()
    {
        bool plain = false;
        for (const std::string &name : plain_names) {
            bool taken = std::count(plan_.taken.begin(), plan_.taken.end(), name) > 0;
            if (!taken)
                plain = try_it([&name](Plan &plan) { take_away(plan, name); }) || plain;
        }
        return plain;
    }

    Plan plan_;
    std::string kind_;
    unsigned left_;
};

} // namespace

Verdict live_apart(const Plan &plan)
{
    int ends[2];
    if (pipe(ends) != 0)
        return {{}, {"no pipe"}};
    fflush(nullptr);
    pid_t child = fork();
    if (child == 0)
        tell(plan, ends[1]);
    close(ends[1]);
    std::string text = read_all(ends[0]);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return judge_text(text, status);
}

std::string kind_of_breach(const std::string &breach)
{
    std::string kind = breach.substr(
            breach.find(" us: ") == std::string::npos ? 0 : breach.find(" us: ") + 5);
    kind.resize(std::min(kind.size(), kind.find('\n')));
    std::erase_if(kind, [](unsigned char c) { return std::isdigit(c) != 0; });
    return kind;
}

Plan shrink(const Plan &plan, const std::string &breach, unsigned lives_most)
{
    return Shrinker(plan, breach, lives_most).run();
}

const std::vector<std::string> plain_names = {"jitter", "splits", "turns", "rates",
        "limits", "long-names", "guard", "late-writes", "page-cache", "crowds"};

void take_away(Plan &plan, const std::string &plain)
{
    plan.taken.push_back(plain);
    if (plain == "jitter")
        plan.world.net_jitter_ns = plan.world.disk_jitter_ns = 0;
    else if (plain == "splits")
        plan.world.splits = false;
    else if (plain == "turns")
        plan.world.turn_ns = 0;
    else if (plain == "rates")
        plan.rate_most = 0;
    else if (plain == "guard")
        plan.tests_guard = false;
    else if (plain == "crowds")
        plan.rough = false;
    else if (plain == "long-names")
        plan.long_names = false;
    else if (plain == "late-writes")
        plan.world.late_writes = false;
    else if (plain == "page-cache")
        plan.world.page_cache = false;
    else if (plain == "limits") {
        plan.world.tiny = true;
        plan.world.tune = nullptr;
    }
}

std::string commands_of(const Plan &plan)
{
    std::ostringstream text;
    text << "life " << plan.seed << " nodes " << plan.world.nodes << " persons "
         << plan.persons << " for " << plan.hostile_ns / NS_PER_MS << "ms";
    if (!plan.taken.empty())
        text << " without";
    for (const std::string &name : plan.taken)
        text << " " << name;
    text << "\ndeeds";
    for (const Deed &deed : plan.deeds)
        text << " " << deed.number;
    text << "\nlive\n";
    return text.str();
}

} // namespace sim
