#include "sim/lives/lives_report.h"

#include <cinttypes>
#include <cstdio>

#include "base/mark.h"
#include "base/units.h"

namespace sim {

namespace {

std::string row(const char *what, uint64_t times, uint64_t lives, const std::string &name)
{
    char text[200];
    snprintf(text, sizeof(text), "%-5s %10" PRIu64 " in %6" PRIu64 "  %s\n", what, times,
            lives, name.c_str());
    return text;
}

} // namespace

void LivesReport::Met::add(uint64_t more)
{
    times += more;
    lives += more > 0;
}

/* A mark may stand at several places; their passes add up. */
std::map<std::string, uint64_t> LivesReport::passed()
{
    std::map<std::string, uint64_t> passed;
    for (const struct mark *mark = mark_begin(); mark < mark_end(); mark++)
        passed[mark->name] += mark->count;
    return passed;
}

LivesReport::LivesReport() : passed_(passed())
{
    for (const auto &[name, count] : passed_)
        marks_[name] = {};
    for (int kind = 0; kind < static_cast<int>(Kind::count); kind++)
        faults_[name_of(static_cast<Kind>(kind))] = {};
}

void LivesReport::add(Life &life)
{
    std::map<std::string, uint64_t> now = passed();
    for (const auto &[name, count] : now)
        marks_[name].add(count - passed_[name]);
    passed_ = now;
    for (const auto &[kind, times] : life.done())
        faults_[name_of(kind)].add(times);
    lives_++;
    simulated_ns_ += life.world().now();
    turns_ += life.world().turns();
    entries_ += life.oracle().committed();
    grants_ += life.oracle().grants();
}

std::string LivesReport::text() const
{
    char text[200];
    snprintf(text, sizeof(text),
            "%" PRIu64 " lives, %" PRIu64 " s simulated, %" PRIu64 " turns, %" PRIu64
            " entries, %" PRIu64 " grants\n",
            lives_, simulated_ns_ / NS_PER_S, turns_, entries_, grants_);
    std::string all = text;
    std::string reached;
    for (const auto &[name, met] : marks_)
        (met.times == 0 ? all : reached) += row("mark", met.times, met.lives, name);
    all += reached;
    for (const auto &[name, met] : faults_)
        all += row("fault", met.times, met.lives, name);
    return all;
}

} // namespace sim
