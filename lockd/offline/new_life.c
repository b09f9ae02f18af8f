#include "offline/new_life.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/units.h"
#include "offline/directory.h"
#include "protocol/token.h"

int offline_fail(const char *format, ...)
{
    char text[2 * OFFLINE_WHY_BYTES];
    char shown[sizeof text * TEXT_SHOWN_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)text_show(shown, sizeof shown, text, strlen(text));
    (void)fprintf(stderr, "lockd: %s\n", shown);
    return EXIT_FAILURE;
}

static bool draw(uint64_t *random)
{
    bool drawn = getrandom(random, sizeof *random, 0) == (ssize_t)sizeof *random;
    *random |= 1; /* 0 means that there is none. */
    return drawn;
}

static uint64_t wall_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* This node, with its directory's new number, and nobody else. */
static void set_configuration(
        const struct config *config, struct offline_state *state, uint64_t incarnation)
{
    struct cluster_record *cluster = &state->cluster;
    struct member alone = {.id = config->node.self,
            .role = MEMBER_VOTER,
            .priority = PRIORITY_DEFAULT,
            .incarnation = incarnation};
    for (uint8_t i = 0; i < config->node.member_count; i++) {
        if (config->node.members[i].id == alone.id)
            memcpy(alone.address, config->node.members[i].address, sizeof alone.address);
    }
    cluster->settings = *locks_settings(state->locks);
    cluster->index = state->header.last.index;
    cluster->configuration = (struct configuration){.count = 1, .members = {alone}};
}

static void print_done(const struct config *config, const struct offline_state *state,
        const struct locks_counts *ended, const char *source)
{
    const struct snapshot_header *header = &state->header;
    uint64_t quarantine_ns = locks_quarantine(state->locks) - locks_time(state->locks);
    (void)printf("lockd: %s holds a new cluster now, %016" PRIx64 ", made from %s\n",
            config->data, header->cluster, source);
    (void)printf("  as of        entry %" PRIu64 " of term %" PRIu64 "\n",
            header->last.index, header->last.term);
    (void)printf("  life         %" PRIu64 "\n", locks_life(state->locks));
    (void)printf("  ended        %" PRIu32 " sessions with %" PRIu32
                 " locks held; what was granted later is not known\n",
            ended->sessions, ended->holds);
    (void)printf("  first token  %" PRIu64 "\n", locks_token_last(state->locks) + 1);
    (void)printf("  quarantine   %" PRIu64 ".%03" PRIu64
                 " s: nothing is granted so long after the start\n",
            quarantine_ns / NS_PER_S, quarantine_ns % NS_PER_S / NS_PER_MS);
    (void)printf("  members      node %u alone\n\n", config->node.self);
    (void)printf(
            "Never start a node of the old cluster again: delete its data directory, or keep it aside.\n"
            "Start lockd here, then start the other nodes with empty data directories, and add each\n"
            "with `lockctl members add ID ADDRESS`.\n");
}

int offline_begin_life(
        const struct config *config, struct offline_state *state, const char *source)
{
    char why[OFFLINE_WHY_BYTES];
    struct snapshot_header *header = &state->header;
    struct begin_block begin = {.node = config->node.self,
            .begin = {.before = header->last, .sum = header->last_sum, .segment = 2},
            .fresh = true,
            .term = header->last.term};
    uint64_t wall_ns = wall_clock_ns();
    const struct token_past past = {locks_token_last(state->locks), header->wall_ns};
    uint64_t first = token_first(&past, wall_ns);
    struct locks_counts ended = locks_tally(state->locks);
    if (first <= past.last)
        return offline_fail("%s: the tokens of that cluster are used up", source);
    if (!draw(&begin.cluster) || !draw(&begin.incarnation))
        return offline_fail("no random numbers: %s", strerror(errno));
    int folder = offline_new_directory(config->data, why);
    if (folder < 0)
        return offline_fail("%s", why);
    locks_begin_life(state->locks, first);
    set_configuration(config, state, begin.incarnation);
    header->cluster = begin.cluster;
    header->wall_ns = wall_ns;
    bool filled = offline_fill_directory(folder, state, &begin, why);
    (void)close(folder);
    if (!filled)
        return offline_fail(
                "cannot write to %s: %s; empty that directory before you try again",
                config->data, why);
    print_done(config, state, &ended, source);
    return EXIT_SUCCESS;
}
