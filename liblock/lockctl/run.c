/*
 * lockctl run NAME -- COMMAND: the command runs while the lock is held, and not longer.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/numbers.h"
#include "lockctl/child.h"
#include "lockctl/holder.h"
#include "lockctl/lease.h"
#include "lockctl/lockctl.h"
#include "lockctl/nested.h"
#include "tool/duration.h"
#include "tool/fail.h"

/* What was killed and lives: look again, often at first. */
#define LOOK_AGAIN_NS  (20 * LK_MILLISECOND)
#define LOOK_SELDOM_NS LK_SECOND

enum {
    CLEAR_WAIT_MS = 100
};

struct run {
    struct holder holder;
    struct child child;
    struct lease lease;
    bool lost;        /* The child was ended because the lease was lost. */
    bool outlived;    /* And it could not be, in time. */
    bool to_wake;     /* It was stopped and has to continue. */
    bool refused;     /* It was said that it may not be signalled. */
    uint64_t kill_ns; /* When it was first killed; 0: not yet */
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
    struct nested held = {lk_cluster_id(run->holder.client), run->holder.grant.token};
    nested_announce(wish->name, &held);
}

static uint64_t deadline_of(const struct run *run)
{
    return lk_deadline(run->holder.session, &run->holder.grant);
}

static void say_alive(struct run *run, const struct survivors *alive)
{
    if (!run->outlived)
        complain("the lock was lost, but process %d of user %u cannot be ended: it still "
                 "runs, and others may get the lock",
                (int)alive->pid, (unsigned)alive->user);
    run->outlived = true;
}

static void kill_all(struct run *run, uint64_t now)
{
    struct survivors alive = child_kill(&run->child);
    if (run->kill_ns == 0)
        run->kill_ns = now;
    bool late = now - run->kill_ns >= LEASE_MARGIN_NS;
    if (alive.count > 0 && (alive.refused || late))
        say_alive(run, &alive);
}

/* Do what the lease requires, then say it. Returns whether the child may run. */
static bool keep_lease(struct run *run)
{
    uint64_t now = boottime_ns();
    uint64_t deadline = deadline_of(run);
    enum lease_step step = lease_decide(&run->lease, deadline, now);
    child_extend(&run->child, deadline);
    if (step == LEASE_KEEP)
        return true;
    bool first = !run->lost;
    run->lost = true;
    if (step == LEASE_KILL) {
        kill_all(run, now);
    } else if (run->lease.term_ns == 0) {
        run->lease.term_ns = now;
        child_signal(&run->child, SIGTERM);
        /* A stopped process gets it only when it continues. */
        child_signal(&run->child, SIGCONT);
    }
    if (first)
        complain("the lease could not be renewed: %s the command",
                step == LEASE_TERM ? "ending" : "killing");
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
        else if (signal != SIGCHLD && !child_signal(&run->child, signal) &&
                 errno == EPERM && !run->refused) {
            run->refused = true;
            complain("cannot pass signals on to the command: %s", strerror(errno));
        }
    }
}

static uint64_t next_wake(const struct run *run)
{
    uint64_t now = boottime_ns();
    uint64_t wake = lease_wake(&run->lease, deadline_of(run));
    if (wake > now)
        return wake;
    /* Killed already, and not yet dead: look again, but do not spin. */
    bool young = run->kill_ns == 0 || now - run->kill_ns < LK_SECOND;
    return now + (young ? LOOK_AGAIN_NS : LOOK_SELDOM_NS);
}

static void react(struct run *run, enum child_change change, bool may_run)
{
    watch_add(&run->holder.watch, WATCH_LINK, child_link(&run->child), POLLIN);
    if (change == CHILD_UNGUARDED && !run->child.ended) {
        (void)child_kill(&run->child);
        complain("the warden of the command was killed: killing the command");
    } else if (change == CHILD_STOPPED) {
        stop_too(run);
    } else if (may_run && run->to_wake) {
        run->to_wake = false;
        child_continue(&run->child);
    }
}

/* Nothing of the command may be left when the lock was lost. */
static int end_lost(struct run *run)
{
    struct survivors alive = child_end(&run->child, CLEAR_WAIT_MS);
    if (alive.count > 0)
        say_alive(run, &alive);
    else
        complain("the lock was lost");
    return run->outlived ? EXIT_OUTLIVED : EXIT_LOST;
}

static int supervise(struct run *run, const char *command)
{
    watch_add(&run->holder.watch, WATCH_LINK, child_link(&run->child), POLLIN);
    while (!run->child.ended) {
        holder_turn(&run->holder, next_wake(run));
        bool may_run = keep_lease(run);
        pass_signals(run);
        react(run, child_look(&run->child), may_run);
    }
    watch_add(&run->holder.watch, WATCH_LINK, -1, 0);
    int code = child_exit_code(&run->child);
    run->lost = run->lost || warden_has_killed(&run->child.warden);
    if (run->lost)
        code = end_lost(run);
    else if (run->child.warden.link < 0)
        (void)child_end(&run->child, CLEAR_WAIT_MS);
    else if (run->child.exec_error != 0)
        complain("cannot run %s: %s", command, strerror(run->child.exec_error));
    child_bury(&run->child);
    return code;
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

/*
 * The command's code stands, unless it is 0 and the lock may not be free. What was lost is
 * not released: nobody waits for a word about it.
 */
static int run_under_lock(struct run *run, struct common *common,
        const struct holder_wish *wish, char **command)
{
    int code = holder_acquire(&run->holder, common, wish);
    if (run->holder.held) {
        set_environment(run, wish, common);
        code = child_start(&run->child, command, deadline_of(run));
        if (code == EXIT_DONE)
            code = supervise(run, command[0]);
        if (!run->lost) {
            int released = holder_release(&run->holder, common, wish->name);
            code = code == EXIT_DONE ? released : code;
        }
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
            "69 no cluster, 70 refused, 71 system, 72 limit reached, 73 release not confirmed,\n"
            "74 lost, 75 not acquired (-E), 76 overloaded, 77 lost and not ended,\n"
            "78 ttl out of range, 126 and 127 as in sh(1)",
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
