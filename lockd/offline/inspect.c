#include "offline/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/units.h"
#include "offline/new_life.h"
#include "offline/survivor.h"
#include "store/repair_format.h"

/* ---- The state ---- */

static void print_time(const char *label, uint64_t wall_ns)
{
    char text[32];
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) != NULL &&
            strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        (void)printf("%s%s\n", label, text);
}

static const char *role_text(uint8_t role)
{
    switch ((enum member_role)role) {
    case MEMBER_VOTER:
        return "voter";
    case MEMBER_LEARNER:
        return "learner";
    case MEMBER_OBSERVER:
        return "learner (stays)";
    }
    return "other";
}

static void print_members(const struct configuration *configuration)
{
    for (uint8_t i = 0; i < configuration->count; i++) {
        const struct member *member = &configuration->members[i];
        (void)printf("member         %u at %s, %s, directory %016" PRIx64 "\n", member->id,
                member->address[0] == 0 ? "an unknown address" : member->address,
                role_text(member->role), member->incarnation);
    }
}

static void print_state(const struct offline_state *state)
{
    const struct locks *locks = state->locks;
    struct locks_counts counts = locks_tally(locks);
    uint64_t time = locks_time(locks);
    (void)printf("cluster        %016" PRIx64 ", life %" PRIu64 ", version %u\n",
            state->header.cluster, locks_life(locks), locks_settings(locks)->version);
    (void)printf("last entry     %" PRIu64 " of term %" PRIu64 "\n",
            state->header.last.index, state->header.last.term);
    (void)printf("cluster time   %" PRIu64 ".%03" PRIu64 " s\n", time / NS_PER_S,
            time % NS_PER_S / NS_PER_MS);
    (void)printf("last token     %" PRIu64 "\n", locks_token_last(locks));
    (void)printf("digest         %016" PRIx64 "\n", locks_digest(locks));
    (void)printf("sessions       %" PRIu32 "\nlocks held     %" PRIu32
                 "\nwaiting        %" PRIu32 "\n",
            counts.sessions, counts.holds, counts.waits);
    print_members(&state->cluster.configuration);
}

static void print_hold(const struct lock_view *view)
{
    char name[NAME_BYTES_MAX * TEXT_SHOWN_MAX];
    char label[LABEL_BYTES_MAX * TEXT_SHOWN_MAX + 1];
    (void)text_show(name, sizeof name, (const char *)view->name.bytes, view->name.count);
    (void)text_show(
            label, sizeof label, (const char *)view->label.bytes, view->label.count);
    (void)printf("held           %s, token %" PRIu64 ", session %" PRIu64 ", %s\n", name,
            view->token, view->session, label);
}

static void print_holds(const struct locks *locks)
{
    static struct lock_view views[LIST_LOCKS_MAX];
    static unsigned char scratch[LIST_LOCKS_MAX * VIEW_SCRATCH_BYTES];
    const struct view_page page = {views, scratch, LIST_LOCKS_MAX};
    uint64_t cursor = 0;
    do {
        uint32_t count = locks_list(locks, (struct span){0}, &cursor, &page);
        for (uint32_t i = 0; i < count; i++) {
            if (views[i].session != 0)
                print_hold(&views[i]);
        }
    } while (cursor != 0);
}

/* ---- A backup ---- */

static int inspect_file(const struct config *config, int fd)
{
    struct offline_state state;
    const char *why = offline_load(&state, fd, config->node.versions);
    if (why != NULL)
        return offline_fail("--inspect %s: %s", config->inspect, why);
    (void)printf(
            "backup         whole: every part and the state in it are as they were written\n");
    print_time("taken          ", state.header.wall_ns);
    print_state(&state);
    if (config->list_holds)
        print_holds(state.locks);
    offline_drop(&state);
    return EXIT_SUCCESS;
}

/* ---- A data directory ---- */

static const char *verdict_text(enum recovery_verdict verdict)
{
    switch (verdict) {
    case RECOVERY_BLANK:
        return "there is none: nothing was ever durable";
    case RECOVERY_CLEAN:
        return "whole";
    case RECOVERY_CUT:
        return "whole; its end was not finished when the node ended, as after any crash";
    case RECOVERY_DAMAGED:
        return "damaged: what this node acknowledged cannot be read back";
    case RECOVERY_FOREIGN:
        return "not of one node: a segment of another node or cluster lies in it";
    case RECOVERY_NEWER:
        return "of a newer lockd: use that version";
    }
    return "in an unknown state";
}

static bool is_sound(enum recovery_verdict verdict)
{
    return verdict == RECOVERY_BLANK || verdict == RECOVERY_CLEAN ||
           verdict == RECOVERY_CUT;
}

static void print_log(const struct survivor *survivor)
{
    const struct recovery_decision *found = &survivor->found;
    (void)printf("log            %s\n", verdict_text(found->verdict));
    if (!is_sound(found->verdict))
        (void)printf("damage         from segment %" PRIu64 ", offset %" PRIu64
                     " on; below is the state before it\n",
                found->bad.segment, found->bad.offset);
    (void)printf("segments       %" PRIu32 "\n", survivor->segment_count);
    (void)printf("snapshots      %" PRIu32, survivor->snapshot_count);
    if (survivor->snapshot != 0)
        (void)printf(", read: the one of entry %" PRIu64, survivor->snapshot);
    (void)printf("\nnode           %u, directory %016" PRIx64 "\n", found->node,
            found->incarnation);
    (void)printf("term           %" PRIu64 ", vote for %u\n", found->term, found->vote);
}

/* A node that gave up its log says so until it is a voter again. */
static void print_repair(const char *folder)
{
    char path[PATH_MAX];
    unsigned char block[WAL_BLOCK_BYTES];
    struct repair_block repair = {0};
    (void)snprintf(path, sizeof path, "%s/repair", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    bool whole = read(fd, block, sizeof block) == (ssize_t)sizeof block;
    (void)close(fd);
    if (!whole || repair_read(block, &repair) != REPAIR_GOOD) {
        (void)printf("repair         the file repair cannot be read\n");
        return;
    }
    (void)printf(
            "repair         this node gave up its log, which was damaged: its files are in the folder damaged-%" PRIu32
            "; it gets the state from the others when it runs\n",
            repair.folder);
    (void)printf("given up       term %" PRIu64 ", vote for %u, directory %016" PRIx64 "\n",
            repair.term, repair.vote, repair.given_up);
}

static int inspect_directory(const struct config *config)
{
    struct survivor survivor;
    const char *why = survivor_read(&survivor, config->inspect, config->node.versions);
    int status = EXIT_FAILURE;
    if (why != NULL) {
        (void)offline_fail("--inspect %s: %s", config->inspect, why);
    } else {
        print_repair(config->inspect);
        print_log(&survivor);
        if (survivor.state.memory != NULL)
            print_state(&survivor.state);
        if (survivor.state.memory != NULL && config->list_holds)
            print_holds(survivor.state.locks);
        status = is_sound(survivor.found.verdict) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    survivor_drop(&survivor);
    return status;
}

int offline_inspect(const struct config *config)
{
    struct stat status;
    int fd = open(config->inspect, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return offline_fail("--inspect %s: %s", config->inspect, strerror(errno));
    int code =
            S_ISDIR(status.st_mode) ? inspect_directory(config) : inspect_file(config, fd);
    (void)close(fd);
    if (code == EXIT_SUCCESS && fflush(stdout) != 0)
        return offline_fail("cannot write the output: %s", strerror(errno));
    return code;
}
