/*
 * lockctl run NAME -- COMMAND: the command runs while the lock is held, and not longer.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lockctl/child.h"
#include "lockctl/holder.h"
#include "lockctl/lease.h"
#include "lockctl/lockctl.h"
#include "tool/duration.h"
#include "tool/fail.h"

struct run {
    struct holder holder;
    struct child child;
    struct lease lease;
    bool lost;    /* The child was ended because the lease was lost. */
    bool to_wake; /* It was stopped and has to continue. */
};

static void set_environment(
        const struct run *run, const struct holder_wish *wish, const struct common *common)
{
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRIu64, run->holder.grant.token);
    setenv("LOCKD_TOKEN", number, 1);
    (void)snprintf(number, sizeof(number), "%" PRIu64, run->holder.grant.deadline_ns);
    setenv("LOCKD_DEADLINE", number, 1);
    setenv("LOCKD_LOCK", wish->name, 1);
    if (common->cluster)
        setenv("LOCKD_CLUSTER", common->cluster, 1);
}

static uint64_t deadline_of(const struct run *run)
{
    return lk_deadline(run->holder.session, &run->holder.grant);
}

static void say_lost(const char *what)
{
    complain("the lease could not be renewed: %s", what);
}

/* Do what the lease requires. Returns whether the child may run. */
static bool keep_lease(struct run *run)
{
    uint64_t now = boottime_ns();
    enum lease_step step = lease_decide(&run->lease, deadline_of(run), now);
    if (step == LEASE_KEEP)
        return true;
    if (!run->lost)
        say_lost(step == LEASE_TERM ? "ending the command" : "killing the command");
    run->lost = true;
    if (step == LEASE_KILL) {
        child_signal(&run->child, SIGKILL);
    } else if (run->lease.term_ns == 0) {
        run->lease.term_ns = now;
        child_signal(&run->child, SIGTERM);
        /* A stopped process gets it only when it continues. */
        child_signal(&run->child, SIGCONT);
    }
    return false;
}

/* Stop as the child did, until SIGCONT. Meanwhile no lease is renewed. */
static void stop_too(struct run *run)
{
    child_take_terminal(&run->child);
    kill(getpid(), SIGSTOP);
    run->to_wake = true;
}

static void pass_signals(struct run *run)
{
    for (int signal; (signal = watch_signal(&run->holder.watch)) != 0;) {
        if (signal == SIGCONT)
            run->to_wake = true;
        else if (signal != SIGCHLD)
            child_signal(&run->child, signal);
    }
}

static uint64_t next_wake(const struct run *run)
{
    uint64_t deadline = deadline_of(run);
    uint64_t now = boottime_ns();
    uint64_t wake = lease_wake(&run->lease, deadline);
    /* Killed already, and not yet dead: look again, but do not spin. */
    return wake > now ? wake : now + 20 * LK_MILLISECOND;
}

/*
 * Kill what the command left in its group when it was ended; give the kernel a moment for
 * it.
 */
static void clear_group(const struct run *run)
{
    for (int i = 0; i < 100 && !child_group_is_gone(&run->child); i++) {
        child_signal(&run->child, SIGKILL);
        poll(NULL, 0, 1);
    }
}

static int supervise(struct run *run)
{
    while (!run->child.ended) {
        holder_turn(&run->holder, next_wake(run));
        bool may_run = keep_lease(run);
        pass_signals(run);
        if (child_look(&run->child) == CHILD_STOPPED) {
            stop_too(run);
        } else if (may_run && run->to_wake) {
            run->to_wake = false;
            child_continue(&run->child);
        }
    }
    if (!run->lost)
        return child_exit_code(&run->child);
    clear_group(run);
    complain("the lock was lost");
    return EXIT_LOST;
}

static bool kill_after_is_valid(uint64_t *kill_after_ns, uint64_t ttl_ns)
{
    uint64_t most = lease_kill_after_max(ttl_ns);
    if (*kill_after_ns == UINT64_MAX)
        *kill_after_ns = lease_kill_after_default(ttl_ns);
    if (*kill_after_ns <= most)
        return true;
    char given[DURATION_TEXT_BYTES];
    char allowed[DURATION_TEXT_BYTES];
    complain("--kill-after %s: must be at most two fifths of --ttl, which is %s",
            duration_exact(*kill_after_ns, given), duration_exact(most, allowed));
    return false;
}

static int run_under_lock(struct run *run, struct common *common,
        const struct holder_wish *wish, char **command)
{
    int code = holder_acquire(&run->holder, common, wish);
    if (code == EXIT_DONE) {
        set_environment(run, wish, common);
        code = child_start(&run->child, command, &run->holder.watch.mask_before);
        if (code == EXIT_DONE)
            code = supervise(run);
    }
    holder_close(&run->holder);
    return code;
}

int run_command(char **arguments)
{
    struct common common = COMMON_INIT;
    struct holder_wish wish = HOLDER_WISH_INIT;
    struct run run = {.lease = {.kill_after_ns = UINT64_MAX}};
    const struct option_row rows[] = {
            WISH_ROWS(&wish),
            {"kill-after", OPTION_DURATION, &run.lease.kill_after_ns, 0,
                    UINT64_C(86400) * LK_SECOND, "DUR",
                    "time from SIGTERM to SIGKILL when the lease ends (a fifth of --ttl)"},
            COMMON_ROWS(&common),
    };
    const struct options table = {
            "lockctl run NAME [options] -- COMMAND [ARGUMENT...]",
            "Acquire the lock NAME, run COMMAND while holding it, then release it. If the lease\n"
            "cannot be renewed, COMMAND gets SIGTERM, then SIGKILL, and has ended before\n"
            "anyone else can get the lock. COMMAND finds LOCKD_TOKEN, LOCKD_LOCK and\n"
            "LOCKD_DEADLINE (CLOCK_BOOTTIME in ns, as of its start) in its environment.",
            ROWS_OF(rows),
            {"NAME"},
            true,
            "exit: the command's code, or 128 + N if signal N ended it; 64 wrong usage,\n"
            "69 no cluster, 70 refused, 74 lost, 75 not acquired, 126 and 127 as in sh(1)",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    wish.name = operands.values[0];
    wish.command = operands.command[0];
    if (!holder_wish_is_valid(&wish) ||
            !kill_after_is_valid(&run.lease.kill_after_ns, wish.ttl_ns))
        return EXIT_WRONG_USAGE;
    return run_under_lock(&run, &common, &wish, operands.command);
}
