/*
 * The verbs about hostile lives (sim/lives/life.h): how the simulator writes down a life that
 * failed.
 *
 *     life 17 nodes 3 persons 2 for 8500ms without jitter
 *     deeds 4 31
 *     live
 *
 * The seed is drawn anew, and then cut down to what is said; so such a file is about the
 * simulator of its day. What it found is told again, in the other verbs, by the person who
 * fixes it.
 */
#include <algorithm>

#include "base/units.h"
#include "scenarios/scenario.h"
#include "sim/lives/shrink.h"

namespace scenarios {

const std::vector<Story::Verb> &Story::life_verbs()
{
    static const std::vector<Verb> all = {
            {"life",
                    "life 17 [nodes 3] [persons 2] [for 8500ms] [without jitter splits "
                    "turns "
                    "rates limits long-names guard]: the life of that seed, with less",
                    &Story::life},
            {"deeds", "deeds 4 31: nothing but these is done in it", &Story::deeds},
            {"live", "live: what happens in it, and what it breaks", &Story::live},
    };
    return all;
}

static uint64_t number(const std::string &word)
{
    if (word.empty() || word.find_first_not_of("0123456789") != std::string::npos)
        throw Wrong("\"" + word + "\" is no number");
    return std::stoull(word);
}

void Story::life(const Words &words)
{
    sim::Plan plan = sim::draw_plan(number(word(words, 1)));
    for (size_t i = 2; i < words.size(); i += 2) {
        const std::string &what = words[i];
        if (what == "without") {
            for (size_t taken = i + 1; taken < words.size(); taken++)
                sim::take_away(plan, words[taken]);
            break;
        }
        const std::string &value = word(words, i + 1);
        if (what == "nodes")
            plan.world.nodes = static_cast<int>(number(value));
        else if (what == "persons")
            plan.persons = static_cast<int>(number(value));
        else if (what == "for")
            plan.hostile_ns = duration(value);
        else
            throw Wrong("life knows no \"" + what + "\"");
    }
    std::erase_if(plan.deeds,
            [&plan](const sim::Deed &deed) { return deed.at_ns >= plan.hostile_ns; });
    plan_ = plan;
    settled_ = true;
}

void Story::deeds(const Words &words)
{
    if (!plan_)
        throw Wrong("there is no life yet");
    std::set<uint64_t> wanted;
    for (size_t i = 1; i < words.size(); i++)
        wanted.insert(number(words[i]));
    std::erase_if(plan_->deeds,
            [&wanted](const sim::Deed &deed) { return wanted.count(deed.number) == 0; });
    settled_ = true;
}

void Story::live(const Words &)
{
    if (!plan_)
        throw Wrong("there is no life yet");
    sim::Verdict verdict = sim::live_apart(*plan_);
    for (const std::string &line : verdict.story)
        say(line);
    for (const std::string &breach : verdict.breaches)
        say("broken: " + breach);
    if (verdict.well())
        say("nothing is broken");
}

} // namespace scenarios
