/*
 * lockcheck FILE...: is this history possible for locks that keep their promises?
 *
 * Exit status: 0 valid, 1 violation, 2 bad input, 3 undecided, 4 too little evidence, 5 the two
 * engines differ (lockd/doc/history.md).
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>

#include "linear/judge.h"

namespace {

struct Settings {
    linear::Rules rules;
    uint64_t min_grants = 1;
    std::vector<std::string> files;
};

[[noreturn]] void usage(const char *why)
{
    std::fprintf(stderr,
            "lockcheck: %s\n"
            "usage: lockcheck [--min-grants=N] [--drift-ppm=N] [--both] FILE...\n"
            "Reads histories in the format lockhist/1; - is standard input.\n",
            why);
    std::exit(2);
}

[[noreturn]] void help()
{
    std::puts(
            "usage: lockcheck [--min-grants=N] [--drift-ppm=N] [--both] FILE...\n"
            "Is this history possible for locks that keep their promises?\n"
            "\n"
            "  --min-grants=N  with fewer grants the evidence is too little (1)\n"
            "  --drift-ppm=N   the clocks of the servers run apart by at most N ppm (0)\n"
            "  --both          judge locks with up to 16 operations by a second engine "
            "too\n"
            "\n"
            "A file is one history in the format lockhist/1; - is standard input.\n"
            "Exit: 0 valid, 1 violation, 2 bad input, 3 undecided, 4 too little evidence,\n"
            "5 the two engines differ. Of several files the worst counts.");
    std::exit(0);
}

bool number(const char *argument, const char *name, uint64_t *value)
{
    size_t length = std::strlen(name);
    if (std::strncmp(argument, name, length) != 0)
        return false;
    char *end = nullptr;
    *value = std::strtoull(argument + length, &end, 10);
    if (argument[length] == '\0' || *end != '\0')
        usage((std::string(argument) + ": a number is wanted").c_str());
    return true;
}

Settings read_settings(int count, char **arguments)
{
    Settings settings;
    for (int i = 1; i < count; i++) {
        uint64_t value = 0;
        if (number(arguments[i], "--min-grants=", &settings.min_grants))
            continue;
        if (std::strcmp(arguments[i], "--help") == 0)
            help();
        if (std::strcmp(arguments[i], "--both") == 0)
            settings.rules.both = true;
        else if (number(arguments[i], "--drift-ppm=", &value) && value <= 1000000)
            settings.rules.drift_ppm = static_cast<int64_t>(value);
        else if (arguments[i][0] == '-' && arguments[i][1] != '\0')
            usage((std::string(arguments[i]) + ": no such option").c_str());
        else
            settings.files.push_back(arguments[i]);
    }
    if (settings.files.empty())
        usage("no file is named");
    return settings;
}

void print(const linear::Operation &op, const linear::History &history)
{
    std::printf("    line %-8llu proc %-5llu %-9s", (unsigned long long)op.line,
            (unsigned long long)op.proc, linear::text(op.kind));
    if (op.lock >= 0)
        std::printf(" \"%s\"", history.locks[static_cast<size_t>(op.lock)].name.c_str());
    if (op.session)
        std::printf(" session %llu", (unsigned long long)*op.session);
    if (op.token)
        std::printf(" token %llu", (unsigned long long)*op.token);
    std::printf(" -> %s  [%lld, ", linear::text(op.result), (long long)op.call);
    if (op.ret == linear::never)
        std::printf("never]\n");
    else
        std::printf("%lld]\n", (long long)op.ret);
}

/*
 * What shows a violation; of the search, which knows only what could not take effect, also what
 * was open on that lock then and the last that returned before.
 */
std::vector<const linear::Operation *> around(
        const linear::Violation &violation, const linear::History &history)
{
    std::vector<const linear::Operation *> shown = violation.operations;
    if (violation.rule != "linearizability")
        return shown;
    const linear::Operation &stuck = *shown[0];
    std::vector<const linear::Operation *> before;
    for (const linear::Operation &op : history.operations) {
        bool about = op.lock == violation.lock && &op != &stuck;
        bool said = op.result != linear::Result::info && op.result != linear::Result::fail;
        if (about && said && op.call <= stuck.ret && op.ret >= stuck.call &&
                shown.size() < 12)
            shown.push_back(&op);
        else if (about && said && op.ret < stuck.call)
            before.push_back(&op);
    }
    std::sort(
            before.begin(), before.end(), [](auto *a, auto *b) { return a->ret > b->ret; });
    for (size_t i = 0; i < before.size() && i < 6; i++)
        shown.push_back(before[i]);
    std::sort(
            shown.begin(), shown.end(), [](auto *a, auto *b) { return a->call < b->call; });
    return shown;
}

int check(const std::string &file, const Settings &settings)
{
    std::ifstream opened;
    if (file != "-") {
        opened.open(file);
        if (!opened) {
            std::fprintf(stderr, "lockcheck: %s: cannot be read\n", file.c_str());
            return 2;
        }
    }
    linear::History history;
    try {
        history = linear::read_history(file == "-" ? std::cin : opened);
    } catch (const linear::Malformed &error) {
        std::fprintf(stderr, "lockcheck: %s: %s\n", file.c_str(), error.what());
        return 2;
    }
    linear::Judgement judgement = linear::judge(history, settings.rules);
    for (const linear::Violation &violation : judgement.violations) {
        std::printf("%s: violation of %s: %s\n", file.c_str(), violation.rule.c_str(),
                violation.what.c_str());
        for (const linear::Operation *op : around(violation, history))
            print(*op, history);
    }
    std::printf("%s: %zu operations, %llu grants, %llu unknown, %llu refused, "
                "longest_gap_ns %lld\n",
            file.c_str(), history.operations.size(), (unsigned long long)judgement.grants,
            (unsigned long long)judgement.unknown, (unsigned long long)judgement.refused,
            (long long)judgement.longest_gap_ns);
    int verdict = 0;
    const char *word = "valid";
    if (judgement.different > 0) {
        verdict = 5;
        word = "the two engines differ";
    } else if (!judgement.violations.empty()) {
        verdict = 1;
        word = "violation";
    } else if (judgement.undecided > 0) {
        verdict = 3;
        word = "undecided";
    } else if (judgement.grants < settings.min_grants) {
        verdict = 4;
        word = "too little evidence";
    }
    std::printf("%s: %s\n", file.c_str(), word);
    return verdict;
}

/* Of several files the worst verdict counts: a violation first, then bad input. */
int worse(int a, int b)
{
    static const int rank[] = {0, 4, 3, 2, 1, 5};
    return rank[a] > rank[b] ? a : b;
}

} // namespace

int main(int count, char **arguments)
{
    Settings settings = read_settings(count, arguments);
    int verdict = 0;
    for (const std::string &file : settings.files)
        verdict = worse(verdict, check(file, settings));
    return verdict;
}
