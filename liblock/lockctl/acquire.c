/*
 * lockctl acquire NAME holds a lock until stopped; lockctl release NAME stops it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lockctl/holder.h"
#include "lockctl/keeper.h"
#include "lockctl/lockctl.h"
#include "tool/fail.h"
#include "tool/json_writer.h"

struct keep {
    struct common common;
    struct holder_wish wish;
    struct holder holder;
    struct keeper keeper;
    bool background;
    int report; /* The waiting parent reads the exit code here; -1: no parent waits */
};

static void print_grant(const struct keep *keep)
{
    const struct lk_grant *grant = &keep->holder.grant;
    if (!keep->common.json) {
        (void)printf("token %" PRIu64 ", session %" PRIu64 ", process %d\n", grant->token,
                lk_session_id(keep->holder.session), (int)getpid());
    } else {
        struct json json;
        json_init(&json, stdout);
        json_begin_object(&json, NULL);
        json_bytes(&json, "name", keep->wish.name, strlen(keep->wish.name));
        json_u64(&json, "token", grant->token);
        json_u64(&json, "session", lk_session_id(keep->holder.session));
        json_u64(&json, "deadline_ns", grant->deadline_ns);
        json_u64(&json, "process", (uint64_t)getpid());
        json_end(&json);
    }
    (void)fflush(stdout);
}

/* In the background: let the waiting parent exit, and leave its terminal. */
static void detach(struct keep *keep)
{
    if (keep->report < 0)
        return;
    unsigned char code = EXIT_DONE;
    ssize_t written = write(keep->report, &code, 1);
    (void)written;
    close(keep->report);
    keep->report = -1;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; nowhere >= 0 && i <= 2; i++)
        dup2(nowhere, i);
}

/* Report changes of belief on stderr. Returns false when the lock is lost. */
static bool follow_state(const struct keep *keep, enum lk_state *before)
{
    enum lk_state state = lk_check(keep->holder.session, &keep->holder.grant);
    if (state != *before)
        complain("\"%s\" is %s", keep->wish.name, lk_state_text(state));
    *before = state;
    return state != LK_STATE_LOST;
}

static bool told_to_end(struct watch *watch)
{
    bool end = false;
    for (int signal; (signal = watch_signal(watch)) != 0;) {
        if (signal == SIGTSTP)
            kill(getpid(), SIGSTOP);
        end = end || signal == SIGINT || signal == SIGTERM || signal == SIGHUP;
    }
    return end;
}

static int hold(struct keep *keep)
{
    if (!keeper_announce(&keep->keeper, keep->wish.name, keep->holder.grant.token))
        return EXIT_SYSTEM;
    print_grant(keep);
    detach(keep);
    enum lk_state state = LK_STATE_HELD;
    while (!told_to_end(&keep->holder.watch)) {
        if (!follow_state(keep, &state))
            return EXIT_LOST;
        uint64_t deadline = lk_deadline(keep->holder.session, &keep->holder.grant);
        holder_turn(&keep->holder, deadline != 0 ? deadline + 1 : UINT64_MAX);
    }
    return EXIT_DONE;
}

static int keep_lock(struct keep *keep)
{
    int code = holder_acquire(&keep->holder, &keep->common, &keep->wish);
    if (code == EXIT_DONE)
        code = hold(keep);
    holder_close(&keep->holder);
    keeper_withdraw(&keep->keeper);
    return code;
}

/* The exit code of the process in the background, as soon as it has one. */
static int await_report(int report)
{
    unsigned char code = EXIT_SYSTEM;
    ssize_t count;
    do
        count = read(report, &code, 1);
    while (count < 0 && errno == EINTR);
    return code;
}

static int keep_in_background(struct keep *keep)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        complain("cannot create a pipe: %s", strerror(errno));
        return EXIT_SYSTEM;
    }
    pid_t pid = fork();
    if (pid < 0) {
        complain("cannot fork: %s", strerror(errno));
        return EXIT_SYSTEM;
    }
    if (pid > 0) {
        close(ends[1]);
        return await_report(ends[0]);
    }
    close(ends[0]);
    setsid();
    keep->report = ends[1];
    unsigned char code = (unsigned char)keep_lock(keep);
    if (keep->report >= 0 && write(keep->report, &code, 1) < 0)
        code = EXIT_SYSTEM;
    return code;
}

int acquire_command(char **arguments)
{
    struct keep keep = {.common = COMMON_INIT,
            .wish = HOLDER_WISH_INIT,
            .keeper = {.file = -1},
            .report = -1};
    const struct option_row rows[] = {
            WISH_ROWS(&keep.wish),
            {"background", OPTION_FLAG, &keep.background, 0, 0, NULL,
                    "return once acquired; a process in the background holds it"},
            COMMON_ROWS(&keep.common),
            JSON_ROW(&keep.common),
    };
    const struct options table = {
            "lockctl acquire NAME [options]",
            "Acquire the lock NAME, print its token, and hold it until stopped by ^C, SIGTERM or\n"
            "`lockctl release NAME` by the same user on the same machine.",
            ROWS_OF(rows),
            {"NAME"},
            false,
            "exit: 0 released, 64 wrong usage, 69 no cluster, 70 refused, 74 lost,\n"
            "75 not acquired, 128 + N when signal N ended the wait",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    keep.wish.name = operands.values[0];
    if (!holder_wish_is_valid(&keep.wish))
        return EXIT_WRONG_USAGE;
    return keep.background ? keep_in_background(&keep) : keep_lock(&keep);
}

int release_command(char **arguments)
{
    uint64_t token = 0;
    const struct option_row rows[] = {
            {"token", OPTION_NUMBER, &token, 1, UINT64_MAX, "N",
                    "release only the hold with this token"},
    };
    const struct options table = {
            "lockctl release NAME [options]",
            "Release the lock NAME, which `lockctl acquire` of the same user holds on this\n"
            "machine, and return when it is released.",
            ROWS_OF(rows),
            {"NAME"},
            false,
            "exit: 0 released, 1 no such lock is held here, 64 wrong usage,\n"
            "71 the holding process did not exit",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    if (!name_is_valid(operands.values[0]))
        return EXIT_WRONG_USAGE;
    int count = keeper_dismiss(operands.values[0], token);
    if (count == 0)
        complain("no `lockctl acquire` of this user holds \"%s\" on this machine",
                operands.values[0]);
    return count < 0 ? EXIT_SYSTEM : count == 0 ? EXIT_NO : EXIT_DONE;
}
