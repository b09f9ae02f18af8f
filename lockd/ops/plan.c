#include "ops/plan.h"

#include <string.h>

#include "ops/config.h"

/* In the largest unit of which there is one at least, with one digit behind the point. */
static void print_bytes(uint64_t bytes, FILE *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint64_t tenths = bytes * 10;
    size_t unit = 0;
    for (; tenths >= 10240 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        tenths /= 1024;
    (void)fprintf(out, "%8llu.%llu %-3s\n", (unsigned long long)(tenths / 10),
            (unsigned long long)(tenths % 10), units[unit]);
}

void plan_print(const struct arena *arena, FILE *out)
{
    uint32_t count;
    const struct arena_row *rows = arena_rows(arena, &count);
    (void)fprintf(out, "%-28s %10s %12s %14s\n", "pool", "count", "bytes each", "in all");
    for (uint32_t i = 0; i < count; i++) {
        (void)fprintf(
                out, "%-28s %10zu %12zu ", rows[i].name, rows[i].count, rows[i].item_bytes);
        print_bytes((uint64_t)rows[i].count * rows[i].item_bytes, out);
    }
    (void)fprintf(out, "%-52s ", "total, with padding");
    print_bytes(arena_used_bytes(arena), out);
    (void)fprintf(out,
            "\nAll of it is mapped at start and nothing later; a page takes memory "
            "when it is first used.\n");
}

static void print_row(const struct config_row *row, FILE *out)
{
    char flag[64];
    const char *argument = row->argument != NULL ? row->argument : "";
    (void)snprintf(flag, sizeof flag, "--%s %s", row->key, argument);
    (void)fprintf(out, "  %-26s %s", flag, row->help);
    if (row->standard[0] != 0)
        (void)fprintf(out, " [%s]", row->standard);
    (void)fputc('\n', out);
}

void help_print(FILE *out)
{
    struct config_row row;
    (void)fprintf(out,
            "usage: lockd --id N --cluster 1=HOST:PORT,2=HOST:PORT,3=HOST:PORT --data DIR\n"
            "       lockd --config FILE\n"
            "       lockd --dev DIR\n\n"
            "A node of a replicated lock service. A port left out is 5625; IPv6 addresses\n"
            "stand in brackets. A file has the same keys, without dashes: KEY = "
            "VALUE.\n\n");
    for (size_t i = 0; config_describe(i, &row); i++)
        print_row(&row, out);
    (void)fprintf(out,
            "\n[] is what holds unless told otherwise. * is decided when the cluster is\n"
            "founded, for all nodes and for ever; after that it only plans memory.\n"
            "Exit status: 0 stopped as asked, 1 an error that was said, 2 wrong usage.\n");
}
