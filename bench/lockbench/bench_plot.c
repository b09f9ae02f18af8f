#include "bench_plot.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "tool/fail.h"

extern char **environ;

enum {
    PATH_BYTES = 4096,
    NINES_MAX = 10000 /* p99.99 */
};

static FILE *create(const struct plot *plot, const char *name)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s", plot->folder, name);
    FILE *file = fopen(path, "we");
    if (!file)
        complain("--plot: cannot write %s: %s", path, strerror(errno));
    return file;
}

static bool finish(const struct plot *plot, FILE *file)
{
    bool bad = ferror(file) != 0;
    if (fclose(file) == 0 && !bad)
        return true;
    complain("--plot: cannot write in %s: %s", plot->folder, strerror(errno));
    return false;
}

/* ---- The text under each picture ---- */

static void find_machine(struct plot *plot)
{
    char line[256];
    char model[160] = "unknown processor";
    struct utsname names;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && fgets(line, sizeof(line), file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            (void)snprintf(model, sizeof(model), "%.120s", colon + 2);
            model[strcspn(model, "\n\"\\")] = '\0';
            break;
        }
    }
    if (file)
        (void)fclose(file);
    bool known = uname(&names) == 0;
    (void)snprintf(plot->machine, sizeof(plot->machine), "%ld x %.100s, Linux %.60s",
            sysconf(_SC_NPROCESSORS_ONLN), model, known ? names.release : "?");
}

/* The command line, without characters that would end a string of gnuplot. */
static void keep_command(struct plot *plot, char **arguments)
{
    size_t used = 0;
    for (size_t i = 0; arguments[i]; i++) {
        int added = snprintf(plot->command + used, sizeof(plot->command) - used, "%s%s",
                i == 0 ? "" : " ", i == 0 ? "lockbench" : arguments[i]);
        used += (size_t)added;
        if (used >= sizeof(plot->command))
            break;
    }
    for (char *c = plot->command; *c; c++) {
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = '?';
    }
}

bool plot_open(struct plot *plot, const char *folder, char **arguments)
{
    *plot = (struct plot){.folder = folder};
    if (!folder)
        return true;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        complain("--plot: cannot make %s: %s", folder, strerror(errno));
        return false;
    }
    find_machine(plot);
    keep_command(plot, arguments);
    plot->latency = create(plot, "latency.dat");
    plot->sweep = plot->latency ? create(plot, "sweep.dat") : NULL;
    if (!plot->sweep)
        return false;
    (void)fputs("# 1/(1-p) acquire_ms release_ms\n", plot->latency);
    (void)fputs("# inflight per_second p50_ms p99_ms p99.9_ms\n", plot->sweep);
    return true;
}

/* ---- Data ---- */

static double ms_at(const struct histogram *histogram, double nines)
{
    double rank = HISTOGRAM_ALL * (1 - 1 / nines);
    return (double)histogram_at(histogram, (uint32_t)(rank + 0.5)) / NS_PER_MS;
}

/* Twelve points from each number to its double. */
static double nines_at(uint32_t number)
{
    return 1.01 * exp2(number / 12.0);
}

/*
 * Up to p99.99, or less if there are few operations: with ten of them, one in a thousand
 * means nothing.
 */
static void add_latency(struct plot *plot, uint64_t inflight, const struct tally *tally)
{
    const struct histogram *acquires = &tally->acquires.latency;
    const struct histogram *releases = &tally->releases.latency;
    double end = acquires->count < NINES_MAX ? (double)acquires->count : NINES_MAX;
    (void)fprintf(plot->latency, "# %" PRIu64 " in flight\n", inflight);
    for (uint32_t i = 0; nines_at(i) < end; i++)
        (void)fprintf(plot->latency, "%.3f %.6f %.6f\n", nines_at(i),
                ms_at(acquires, nines_at(i)), ms_at(releases, nines_at(i)));
    if (end >= 1)
        (void)fprintf(plot->latency, "%.3f %.6f %.6f\n", end, ms_at(acquires, end),
                ms_at(releases, end));
    (void)fputs("\n\n", plot->latency);
}

static bool write_timeline(const struct plot *plot, const struct tally *tally)
{
    FILE *file = create(plot, "timeline.dat");
    if (!file)
        return false;
    (void)fputs("# s grants_per_second longest_gap_ms\n", file);
    for (uint64_t i = 0; i < tally->slice_count; i++) {
        const struct tally_slice *slice = &tally->slices[i];
        (void)fprintf(file, "%.2f %" PRIu64 " %.3f\n",
                (double)i * TALLY_SLICE_NS / NS_PER_S,
                (uint64_t)slice->grants * (NS_PER_S / TALLY_SLICE_NS),
                (double)slice->longest_gap_ns / NS_PER_MS);
    }
    return finish(plot, file);
}

bool plot_add(struct plot *plot, const struct settings *settings, const struct tally *tally)
{
    if (!plot->folder)
        return true;
    size_t used = strlen(plot->points);
    uint64_t done = tally->acquires.in_span + tally->releases.in_span;
    (void)snprintf(plot->points + used, sizeof(plot->points) - used, "%s%" PRIu64,
            used > 0 ? " " : "", settings->inflight);
    add_latency(plot, settings->inflight, tally);
    (void)fprintf(plot->sweep, "%" PRIu64 " %" PRIu64 " %.6f %.6f %.6f\n",
            settings->inflight, done * 1000 / u64_max(tally_span_ns(tally) / NS_PER_MS, 1),
            ms_at(&tally->both, 2), ms_at(&tally->both, 100), ms_at(&tally->both, 1000));
    return write_timeline(plot, tally);
}

/* ---- Scripts ---- */

static void write_head(
        const struct plot *plot, FILE *file, const char *name, const char *title)
{
    (void)fprintf(file,
            "# Draws %s.svg from %s.dat: gnuplot %s.gp\n"
            "set terminal svg size 960,600 dynamic font \"sans,14\" background \"white\" noenhanced\n"
            "set output \"%s.svg\"\n"
            "set title \"%s\" font \"sans,17\" noenhanced\n"
            "set bmargin 7\n"
            "set label 100 \"%.110s%s\" at screen 0.02,0.065 font \"sans,11\" noenhanced\n"
            "set label 101 \"%s\" at screen 0.02,0.03 font \"sans,11\" noenhanced\n"
            "set grid xtics ytics mytics lc rgb \"#dddddd\", lc rgb \"#eeeeee\"\n"
            "set tics nomirror\nset border 3\nset lmargin 11\n",
            name, name, name, name, title, plot->command,
            strlen(plot->command) > 110 ? " ..." : "", plot->machine);
}

static void latency_script(const struct plot *plot, FILE *file)
{
    write_head(plot, file, "latency", "Latency distribution");
    (void)fprintf(file,
            "set logscale xy\n"
            "set xrange [1:10000]\n"
            "set xtics (\"0 %%%%\" 1, \"50 %%%%\" 2, \"90 %%%%\" 10, \"99 %%%%\" 100, \"99.9 %%%%\" 1000, \"99.99 %%%%\" 10000)\n"
            "set xlabel \"share of operations that took at most this long\"\n"
            "set ylabel \"latency, ms\"\n"
            "set key top left\n"
            "points = \"%s\"\n"
            "if (words(points) == 1) {\n"
            "  plot \"latency.dat\" index 0 using 1:2 with lines lw 2 title \"acquire\", \\\n"
            "       \"\" index 0 using 1:3 with lines lw 2 title \"release\"\n"
            "} else {\n"
            "  plot for [i=1:words(points)] \"latency.dat\" index i-1 using 1:2 with lines lw 2 \\\n"
            "       title \"acquire, \" . word(points, i) . \" in flight\"\n"
            "}\n",
            plot->points);
}

static void sweep_script(const struct plot *plot, FILE *file)
{
    write_head(plot, file, "sweep", "Throughput against latency");
    (void)fputs(
            "set logscale y\n"
            "set xlabel \"acquires and releases per second\" offset 0,0.3\n"
            "set ylabel \"latency, ms\"\n"
            "set format x \"%.0f\"\n"
            "set xrange [0:*]\nset offsets graph 0, graph 0.08, graph 0.05, graph 0.05\n"
            "set key top left\n"
            "plot \"sweep.dat\" using 2:5 with linespoints pt 7 ps 0.6 lw 2 title \"p99.9\", \\\n"
            "     \"\" using 2:4 with linespoints pt 7 ps 0.6 lw 2 title \"p99\", \\\n"
            "     \"\" using 2:3 with linespoints pt 7 ps 0.6 lw 2 title \"p50\", \\\n"
            "     \"\" using 2:3:1 with labels offset 0,-1 font \"sans,11\" title \"numbers: in flight\"\n",
            file);
}

static void timeline_script(const struct plot *plot, FILE *file)
{
    write_head(plot, file, "timeline", "Grants, and the longest time without one");
    (void)fputs(
            "set multiplot\n"
            "set lmargin 13\n"
            "set tmargin at screen 0.91\nset bmargin at screen 0.56\n"
            "set format x \"\"\nset format y \"%.0f\"\nset yrange [0:*]\n"
            "set ylabel \"grants per second\" offset -1,0\n"
            "plot \"timeline.dat\" using 1:2 with steps lw 1 lc 1 notitle\n"
            "unset label 100\nunset label 101\nunset title\n"
            "set tmargin at screen 0.50\nset bmargin at screen 0.20\n"
            "set format x \"%g\"\nset format y \"%g\"\n"
            "set xlabel \"seconds of the measured time, in steps of 10 ms\"\n"
            "set ylabel \"longest gap, ms\"\nset yrange [0.1:*]\nset logscale y\n"
            "plot \"timeline.dat\" using 1:($3 > 0.1 ? $3 : 0.1) with steps lw 1 lc 7 notitle\n"
            "unset multiplot\n",
            file);
}

static bool run_gnuplot(const struct plot *plot, const char *script)
{
    const char *arguments[] = {"gnuplot", script, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, plot->folder);
    int error = posix_spawnp(
            &pid, "gnuplot", &actions, NULL, (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error == ENOENT) {
        complain(
                "--plot: gnuplot is not installed (Debian: gnuplot-nox); data and scripts are in %s, run \"gnuplot %s\" there",
                plot->folder, script);
        return false;
    }
    if (error != 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        complain("--plot: gnuplot failed on %s/%s", plot->folder, script);
        return false;
    }
    return true;
}

static bool draw(const struct plot *plot, const char *script,
        void (*write)(const struct plot *plot, FILE *file))
{
    FILE *file = create(plot, script);
    if (!file)
        return false;
    write(plot, file);
    return finish(plot, file) && run_gnuplot(plot, script);
}

bool plot_close(struct plot *plot, const struct settings *settings)
{
    if (!plot->folder)
        return true;
    bool good = finish(plot, plot->latency);
    good = finish(plot, plot->sweep) && good;
    good = good && draw(plot, "latency.gp", latency_script);
    good = good && draw(plot, "timeline.gp", timeline_script);
    if (settings->sweep_count > 1)
        good = good && draw(plot, "sweep.gp", sweep_script);
    return good;
}
