#include "links.h"

#include <algorithm>
#include <ctime>
#include <sstream>
#include <stdexcept>

namespace wire {

Nanoseconds monotonic_now()
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * Nanoseconds{1000000000} + now.tv_nsec;
}

size_t Links::endpoint(const std::string &name)
{
    auto known = std::find(names_.begin(), names_.end(), name);
    if (known != names_.end())
        return static_cast<size_t>(known - names_.begin());
    if (names_.size() == endpoints_max)
        throw std::runtime_error("too many endpoints");
    names_.push_back(name);
    return names_.size() - 1;
}

bool Links::happens(uint32_t ppm)
{
    return ppm != 0 && dice_() % 1000000 < ppm;
}

Nanoseconds Links::lateness(const Rule &rule)
{
    if (rule.jitter == 0)
        return rule.delay;
    return rule.delay +
           static_cast<Nanoseconds>(dice_() % static_cast<uint64_t>(rule.jitter));
}

std::vector<size_t> Links::matching(const std::string &name) const
{
    std::vector<size_t> found;
    for (size_t i = 0; i < names_.size(); i++) {
        if (name == "*" || names_[i] == name)
            found.push_back(i);
    }
    if (found.empty())
        throw std::runtime_error("no such endpoint: " + name);
    return found;
}

static void read_word(Rule &rule, const std::string &word)
{
    size_t sign = word.find('=');
    std::string key = word.substr(0, sign);
    uint64_t value = sign == std::string::npos ? 0 : std::stoull(word.substr(sign + 1));
    if (key == "cut")
        rule.cut = true;
    else if (key == "shuffle")
        rule.shuffle = true;
    else if (key == "delay")
        rule.delay = static_cast<Nanoseconds>(value) * 1000;
    else if (key == "jitter")
        rule.jitter = static_cast<Nanoseconds>(value) * 1000;
    else if (key == "loss")
        rule.loss_ppm = static_cast<uint32_t>(value);
    else if (key == "twice")
        rule.twice_ppm = static_cast<uint32_t>(value);
    else
        throw std::runtime_error("no such word: " + word);
}

std::string Links::set_link(const std::vector<std::string> &words)
{
    if (words.size() < 3)
        throw std::runtime_error("link FROM TO [word...]");
    Rule rule;
    for (size_t i = 3; i < words.size(); i++)
        read_word(rule, words[i]);
    for (size_t from : matching(words[1])) {
        for (size_t to : matching(words[2]))
            rules_[from * endpoints_max + to] = rule;
    }
    return "ok";
}

std::string Links::command(const std::string &line)
{
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;)
        words.push_back(word);
    try {
        if (words.empty())
            return "error: an empty line";
        if (words[0] == "link")
            return set_link(words);
        if (words[0] == "heal") {
            std::fill(rules_.begin(), rules_.end(), Rule{});
            return "ok";
        }
        if (words[0] == "reset" && words.size() == 2) {
            resets = matching(words[1]);
            return "ok";
        }
        if (words[0] != "count")
            return "error: no such command: " + words[0];
        return "ok passed=" + std::to_string(counts.passed) +
               " dropped=" + std::to_string(counts.dropped) +
               " cut=" + std::to_string(counts.cut) +
               " delayed=" + std::to_string(counts.delayed) +
               " doubled=" + std::to_string(counts.doubled) +
               " reset=" + std::to_string(counts.reset);
    } catch (const std::exception &error) {
        return std::string("error: ") + error.what();
    }
}

} // namespace wire
