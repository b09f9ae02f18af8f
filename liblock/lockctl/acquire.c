/*
 * lockctl acquire NAME holds a lock until it is told to release it, or until what the hold
 * is bound to ends.
 *
 * In the background: the process that the caller waits for stays outside, and the one that
 * acquires has a session of its own. A socket pair is between them. The one in the background
 * sends its exit code as soon as it has one, and the other confirms: only then the hold
 * stands. If the socket closes instead, the caller has given up, and the wait or the hold
 * ends at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lockctl/holder.h"
#include "lockctl/hygiene.h"
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
    bool with_stdin;
    uint64_t with_pid; /* 0: not bound to a process */
    int report;        /* The process that waits for the grant; -1: none (any more) */
    int process;       /* Descriptor of the process that it is bound to; -1: none */
    int input;         /* Standard input, if it is bound to that; -1: it is not */
};

/* ---- The grant ---- */

static void print_grant(const struct keep *keep)
{
    const struct lk_grant *grant = &keep->holder.grant;
    if (!keep->common.json) {
        (void)printf("token %" PRIu64 ", session %" PRIu64 ", process %d\n", grant->token,
                lk_session_id(keep->holder.session), (int)getpid());
        return;
    }
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

/* Whoever does not take the token cannot use the lock. A full pipe must not keep us. */
static bool tell_grant(const struct keep *keep)
{
    int wait_ms = (int)(keep->wish.ttl_ns / 10 / LK_MILLISECOND);
    struct pollfd room = {STDOUT_FILENO, POLLOUT, 0};
    errno = EAGAIN;
    bool told = poll(&room, 1, wait_ms) == 1;
    if (told) {
        print_grant(keep);
        told = fflush(stdout) == 0;
    }
    if (!told)
        complain("cannot print the token: %s", strerror(errno));
    return told;
}

static const char *nodes_of(const struct keep *keep)
{
    const char *nodes =
            keep->common.cluster ? keep->common.cluster : getenv("LOCKD_CLUSTER");
    return nodes ? nodes : "";
}

static bool publish(struct keep *keep)
{
    struct keeper_card card = {.token = keep->holder.grant.token,
            .cluster = lk_cluster_id(keep->holder.client),
            .process = (int)getpid()};
    (void)snprintf(card.name, sizeof(card.name), "%s", keep->wish.name);
    (void)snprintf(card.nodes, sizeof(card.nodes), "%s", nodes_of(keep));
    return keeper_publish(&keep->keeper, &card);
}

/* ---- What ends a hold, or a wait ---- */

/*
 * The caller has confirmed the grant: leave its terminal and its files. False: it has gone.
 */
static bool hear_caller(struct keep *keep)
{
    char word;
    ssize_t count = recv(keep->report, &word, 1, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    close(keep->report);
    keep->report = -1;
    watch_add(&keep->holder.watch, WATCH_LINK, -1, 0);
    if (count != 1)
        return false;
    hygiene_leave_terminal();
    complain_without_waiting();
    return true;
}

static bool input_has_ended(const struct keep *keep)
{
    char bytes[512];
    ssize_t count = read(keep->input, bytes, sizeof(bytes));
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

/* True when the reason to hold the lock, or to wait for it, is gone. */
static bool is_over(struct keep *keep)
{
    const struct watch *watch = &keep->holder.watch;
    if (watch_is_ready(watch, WATCH_PROCESS))
        return true;
    if (watch_is_ready(watch, WATCH_INPUT) && input_has_ended(keep))
        return true;
    return watch_is_ready(watch, WATCH_LINK) && keep->report >= 0 && !hear_caller(keep);
}

static int interrupt_wait(void *user)
{
    struct keep *keep = user;
    struct watch *watch = &keep->holder.watch;
    if (is_over(keep)) {
        complain("gave up waiting for \"%s\": %s", keep->wish.name,
                watch_is_ready(watch, WATCH_LINK) ? "the caller has gone"
                                                  : "what it is bound to has ended");
        return EXIT_NOT_ACQUIRED;
    }
    watch_add(watch, WATCH_LINK, keep->report, POLLIN);
    watch_add(watch, WATCH_PROCESS, keep->process, POLLIN);
    watch_add(watch, WATCH_INPUT, keep->input, POLLIN);
    return EXIT_DONE;
}

static bool told_to_end(struct watch *watch)
{
    bool end = false;
    for (int signal; (signal = watch_signal(watch)) != 0;) {
        if (signal == SIGTSTP)
            kill(getpid(), SIGSTOP);
        while (signal == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        end = end || watch_signal_ends(signal);
    }
    return end;
}

/* ---- Holding ---- */

/* Report changes of belief on stderr. Returns false when the lock is lost. */
static bool follow_state(const struct keep *keep, enum lk_state *before)
{
    enum lk_state state = lk_check(keep->holder.session, &keep->holder.grant);
    if (state != *before)
        complain("\"%s\" is %s", keep->wish.name, lk_state_text(state));
    *before = state;
    return state != LK_STATE_LOST;
}

static bool announce(struct keep *keep)
{
    unsigned char code = EXIT_DONE;
    return publish(keep) && tell_grant(keep) &&
           (keep->report < 0 || send(keep->report, &code, 1, MSG_NOSIGNAL) == 1);
}

static int hold(struct keep *keep)
{
    bool announced = announce(keep);
    enum lk_state state = LK_STATE_HELD;
    watch_add(&keep->holder.watch, WATCH_KEEPER, keep->keeper.events, POLLIN);
    while (announced && !told_to_end(&keep->holder.watch) && !is_over(keep) &&
            !keeper_asked(&keep->keeper)) {
        if (!follow_state(keep, &state))
            return EXIT_LOST;
        uint64_t deadline = lk_deadline(keep->holder.session, &keep->holder.grant);
        holder_turn(&keep->holder, deadline != 0 ? deadline + 1 : UINT64_MAX);
    }
    int released = holder_release(&keep->holder, &keep->common, keep->wish.name);
    return announced ? released : EXIT_SYSTEM;
}

/* What the hold is bound to; false: the error was printed. */
static bool bind_hold(struct keep *keep)
{
    if (keep->with_pid != 0) {
        keep->process = (int)syscall(SYS_pidfd_open, (pid_t)keep->with_pid, 0);
        if (keep->process < 0) {
            complain("--with-pid %" PRIu64 ": %s", keep->with_pid, strerror(errno));
            return false;
        }
        fcntl(keep->process, F_SETFD, FD_CLOEXEC);
    }
    if (!keep->with_stdin)
        return true;
    keep->input =
            hygiene_was_closed(STDIN_FILENO) ? -1 : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (keep->input < 0)
        complain("--with-stdin: standard input is closed");
    return keep->input >= 0;
}

static int keep_lock(struct keep *keep)
{
    umask(077);
    if (!keeper_prepare(&keep->keeper))
        return EXIT_SYSTEM;
    keep->wish.interrupt = interrupt_wait;
    keep->wish.user = keep;
    int code = holder_acquire(&keep->holder, &keep->common, &keep->wish);
    if (keep->holder.held)
        code = hold(keep);
    keeper_withdraw(&keep->keeper, code);
    holder_close(&keep->holder);
    return code;
}

/* ---- In the background ---- */

/* The exit code of the process in the background, as soon as it has one. */
static int await_report(int report)
{
    unsigned char code = EXIT_SYSTEM;
    ssize_t count;
    do
        count = recv(report, &code, 1, 0);
    while (count < 0 && errno == EINTR);
    if (count == 1 && code == EXIT_DONE && send(report, "", 1, MSG_NOSIGNAL) != 1)
        code = EXIT_SYSTEM;
    return code;
}

static int keep_in_background(struct keep *keep)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        complain("cannot create a socket pair: %s", strerror(errno));
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
    if (keep->report >= 0)
        (void)!send(keep->report, &code, 1, MSG_NOSIGNAL);
    return code;
}

static int acquire_lock(struct keep *keep)
{
    hygiene_close_others(NULL, 0);
    if (!bind_hold(keep))
        return EXIT_WRONG_USAGE;
    return keep->background ? keep_in_background(keep) : keep_lock(keep);
}

int acquire_command(char **arguments)
{
    struct keep keep = {.common = COMMON_INIT,
            .wish = HOLDER_WISH_INIT,
            .report = -1,
            .process = -1,
            .input = -1};
    const struct option_row rows[] = {
            WISH_ROWS(&keep.wish),
            {"background", OPTION_FLAG, &keep.background, 0, 0, NULL,
                    "return once acquired; a process in the background holds it"},
            {"with-pid", OPTION_NUMBER, &keep.with_pid, 1, INT32_MAX, "PID",
                    "release it when this process ends, as in --with-pid $$"},
            {"with-stdin", OPTION_FLAG, &keep.with_stdin, 0, 0, NULL,
                    "release it when standard input ends"},
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
            "exit: 0 released, 64 wrong usage, 69 no cluster, 70 refused, 71 system, 72 limit\n"
            "reached, 73 release not confirmed, 74 lost, 75 not acquired (-E), 76 overloaded,\n"
            "78 ttl out of range, 128 + N when signal N ended the wait",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    keep.wish.name = operands.values[0];
    if (!holder_wish_is_valid(&keep.wish))
        return EXIT_WRONG_USAGE;
    return acquire_lock(&keep);
}
