/*
 * lockcheck FILE... checks whether a history is possible for locks that keep their
 * promises.
 *
 * Exit status: 0 valid, 1 violation, 2 bad input, 3 undecided, 4 too little evidence, 5 the
 * two engines differ (lockd/doc/history.md). The library reads, checks and cuts; here are
 * options, files and what to print. Everything printed goes through `say`, so that a reader
 * who stops early (`| head`) does not change the verdict.
 */
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "lockcheck/history/write.h"
#include "lockcheck/judge/doubts.h"
#include "lockcheck/report/picture.h"

namespace {

using linear::Finding;
using linear::Report;

constexpr int bad_usage = 2;

struct Settings {
    linear::Rules rules;
    uint64_t min_grants = 1;
    bool json = false;
    bool quiet = false;
    std::string svg; /* Where to; empty: nowhere */
    std::string window;
    std::vector<std::string> files;
};

const char usage_line[] = "usage: lockcheck [OPTION...] FILE...\n";

[[noreturn]] void refuse(const std::string &why)
{
    std::fprintf(stderr, "lockcheck: %s\n%sTry \"lockcheck --help\".\n",
            linear::shown(why).c_str(), usage_line);
    std::exit(bad_usage);
}

void say(const std::string &text)
{
    bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
                   std::fflush(stdout) == 0;
    if (written || errno == EPIPE)
        return;
    std::fprintf(stderr, "lockcheck: cannot write: %s\n", std::strerror(errno));
    std::exit(bad_usage);
}

[[noreturn]] void help()
{
    say(std::string(usage_line) +
            "Check whether correct locks can produce this history.\n"
            "\n"
            "  --json          print JSON: the verdict, and each violation with its window\n"
            "  --svg FILE      draw each window as a timeline (one history only)\n"
            "  --window FILE   write the first window to FILE, as a history of its own\n"
            "  --quiet         print nothing; only set the exit status\n"
            "  --min-grants=N  require at least N grants as evidence (1)\n"
            "  --drift-ppm=N   the rates of the server clocks differ by at most N ppm (0)\n"
            "  --both          also check locks with up to 16 operations by a second engine\n"
            "  --version       print the version\n"
            "  --help          print this help\n"
            "\n"
            "A FILE is one history in the format lockhist/1; - is standard input. For a\n"
            "violation, the window is shown: the fewest operations that are a violation\n"
            "without the others.\n"
            "\n"
            "Exit: 0 valid, 1 violation, 2 bad input, 3 undecided, 4 too little evidence,\n"
            "5 the two engines differ. With several files the worst result counts.\n");
    std::exit(0);
}

/* Walks the arguments: `--name=value` and `--name value` are the same. */
class Arguments {
public:
    Arguments(int count, char **arguments) : all_(arguments + 1, arguments + count) {}

    bool next()
    {
        if (at_ == all_.size())
            return false;
        word_ = all_[at_++];
        size_t end = literal_ ? std::string::npos : word_.find('=');
        is_option_ = !literal_ && word_.size() > 1 && word_[0] == '-';
        name_ = is_option_ ? word_.substr(0, end) : "";
        has_value_ = is_option_ && end != std::string::npos;
        value_ = has_value_ ? word_.substr(end + 1) : "";
        if (word_ != "--" || literal_)
            return true;
        literal_ = true;
        return next();
    }

    bool is_option() const
    {
        return is_option_;
    }

    const std::string &word() const
    {
        return word_;
    }

    bool is(const char *name) const
    {
        if (name_ == name && has_value_)
            refuse(name_ + " takes no value");
        return name_ == name;
    }

    bool is_number(const char *name, uint64_t most, uint64_t *number)
    {
        std::string text;
        if (!is_text(name, &text))
            return false;
        const char *end = text.data() + text.size();
        auto [stop, error] = std::from_chars(text.data(), end, *number);
        if (error != std::errc{} || stop != end || *number > most)
            refuse(name_ + ": \"" + text + "\" is not a number from 0 to " +
                    std::to_string(most));
        return true;
    }

    bool is_text(const char *name, std::string *text)
    {
        if (name_ != name)
            return false;
        if (!has_value_ && at_ < all_.size())
            value_ = all_[at_++];
        if (value_.empty())
            refuse(name_ + " needs a value");
        *text = value_;
        return true;
    }

private:
    std::vector<std::string> all_;
    size_t at_ = 0;
    std::string word_;
    std::string name_;
    std::string value_;
    bool is_option_ = false;
    bool has_value_ = false;
    bool literal_ = false; /* After -- */
};

void read_option(Arguments &arguments, Settings &settings)
{
    uint64_t drift = 0;
    if (arguments.is("--help") || arguments.is("-h"))
        help();
    if (arguments.is("--version")) {
        say(std::string("lockcheck ") + LOCKCHECK_VERSION + "\n");
        std::exit(0);
    }
    if (arguments.is("--both"))
        settings.rules.both = true;
    else if (arguments.is("--json"))
        settings.json = true;
    else if (arguments.is("--quiet"))
        settings.quiet = true;
    else if (arguments.is_number("--drift-ppm", 1000000, &drift))
        settings.rules.drift_ppm = static_cast<int64_t>(drift);
    else if (!arguments.is_text("--svg", &settings.svg) &&
             !arguments.is_text("--window", &settings.window) &&
             !arguments.is_number("--min-grants", UINT64_MAX, &settings.min_grants))
        refuse(arguments.word() + ": no such option");
}

Settings read_settings(int count, char **words)
{
    Settings settings;
    Arguments arguments(count, words);
    while (arguments.next()) {
        if (arguments.is_option())
            read_option(arguments, settings);
        else
            settings.files.push_back(arguments.word());
    }
    if (settings.files.empty())
        refuse("no file is given");
    if (std::count(settings.files.begin(), settings.files.end(), "-") > 1)
        refuse("standard input can be read only once");
    if (!(settings.svg + settings.window).empty() && settings.files.size() > 1)
        refuse("--svg and --window work with one history only");
    if (settings.json && settings.quiet)
        refuse("--json and --quiet cannot be used together");
    return settings;
}

/* Whether the history could be read; else the report says why not. */
bool read(Report &report)
{
    std::ifstream opened;
    report.finding = Finding::bad_input;
    std::error_code ignored;
    if (report.file != "-") {
        if (std::filesystem::is_directory(report.file, ignored)) {
            report.error = "is a directory";
            return false;
        }
        opened.open(report.file);
        if (!opened) {
            report.error = std::string("cannot be read: ") + std::strerror(errno);
            return false;
        }
    }
    std::istream &input = report.file == "-" ? std::cin : opened;
    try {
        report.history = linear::read_history(input);
    } catch (const linear::Malformed &error) {
        report.error = error.what();
    }
    if (input.bad())
        report.error = "cannot be read to the end";
    return report.error.empty();
}

Finding find(const Report &report, const Settings &settings)
{
    const linear::Judgement &judgement = report.judgement;
    if (judgement.different > 0)
        return Finding::differ;
    if (!judgement.violations.empty())
        return Finding::violation;
    if (judgement.undecided > 0)
        return Finding::undecided;
    return judgement.grants < settings.min_grants ? Finding::too_little : Finding::valid;
}

Finding check(Report &report, const Settings &settings)
{
    if (!read(report))
        return report.finding;
    report.judgement = linear::judge(report.history, settings.rules);
    linear::settle_doubts(report.history, settings.rules, report.judgement);
    report.finding = find(report, settings);
    if (!settings.quiet || !(settings.svg + settings.window).empty())
        report.windows =
                linear::cut_windows(report.history, report.judgement, settings.rules);
    return report.finding;
}

void write(const std::string &text, const std::string &path)
{
    std::ofstream out(path, std::ios::binary);
    if (out)
        out << text << std::flush;
    if (out)
        return;
    std::fprintf(stderr, "lockcheck: %s: cannot be written: %s\n",
            linear::shown(path).c_str(), std::strerror(errno));
    std::exit(bad_usage);
}

void write_files(const Report &report, const Settings &settings)
{
    if (!settings.svg.empty())
        write(svg_of(report), settings.svg);
    if (settings.window.empty() || report.windows.empty())
        return;
    std::string lines;
    for (const std::string &line :
            linear::lines_of(linear::part_of(report.history, report.windows[0].operations)))
        lines += line + "\n";
    write(lines, settings.window);
}

} // namespace

int main(int count, char **arguments)
{
    std::signal(SIGPIPE, SIG_IGN);
    Settings settings = read_settings(count, arguments);
    Finding worst = Finding::valid;
    std::string files;
    for (const std::string &file : settings.files) {
        Report report;
        report.file = file;
        worst = linear::worse(worst, check(report, settings));
        if (!report.error.empty())
            std::fprintf(stderr, "lockcheck: %s: %s\n", linear::shown(file).c_str(),
                    linear::shown(report.error).c_str());
        else if (!settings.json && !settings.quiet)
            say(text_of(report));
        if (report.error.empty())
            write_files(report, settings);
        if (settings.json)
            files += (files.empty() ? "" : ",") + json_of(report);
    }
    if (settings.json)
        say(R"({"lockcheck":")" LOCKCHECK_VERSION R"(","verdict":)" +
                linear::quoted(text(worst)) + ",\"exit\":" +
                std::to_string(static_cast<int>(worst)) + ",\"files\":[" + files + "]}\n");
    return static_cast<int>(worst);
}
