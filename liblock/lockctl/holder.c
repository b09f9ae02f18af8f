#include "lockctl/holder.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/numbers.h"
#include "lockctl/nested.h"
#include "tool/duration.h"
#include "tool/fail.h"

/* Between two attempts, when the cluster is overloaded: doubled each time, up to the most. */
#define PAUSE_LEAST_NS (50 * LK_MILLISECOND)
#define PAUSE_MOST_NS  (2 * LK_SECOND)

bool holder_wish_is_valid(const struct holder_wish *wish)
{
    if (wish->label && strlen(wish->label) > LK_LABEL_MAX) {
        complain("--label \"%s\": must have at most %d bytes, but has %zu", wish->label,
                LK_LABEL_MAX, strlen(wish->label));
        return false;
    }
    if (wish->try_only && wish->wait_ns != LK_FOREVER && wish->wait_ns != 0) {
        complain("--try and --wait cannot be used together");
        return false;
    }
    return name_is_valid(wish->name);
}

/* ---- Requests ---- */

static void on_answer(void *user, const struct lk_result *result)
{
    struct holder *holder = user;
    holder->answered = true;
    holder->status = result->status;
    if (result->status == LK_OK)
        holder->grant = result->grant;
    else
        (void)snprintf(holder->why, sizeof(holder->why), "%s", lk_last_error());
}

static bool open_client(
        struct holder *holder, struct common *common, const struct holder_wish *wish)
{
    struct lk_options options = LK_OPTIONS_INIT;
    common_fill(common, &options);
    options.flags = LK_FLAG_EXTERNAL_LOOP;
    options.sessions_max = 1;
    options.requests_max = 16;
    options.holds_max = 16;
    options.ttl_ns = wish->ttl_ns;
    options.label = wish->label;
    char label[WAITING_LABEL_BYTES];
    if (!options.label) {
        waiting_label(label, wish->command);
        options.label = label;
    }
    holder->status = lk_open(&options, &holder->client);
    if (holder->status != LK_OK) {
        (void)open_failed(common, holder->status);
        return false;
    }
    holder->session = lk_client_session(holder->client);
    holder->was_open = false;
    holder->heard_ns = boottime_ns();
    holder->deadline_ns = 0;
    waiting_init(
            &holder->waiting, holder->client, holder->session, wish->name, wish->quiet);
    return true;
}

/* ---- Waiting ---- */

/* A signal while nothing is held. */
static int on_signal(int signal)
{
    if (signal == SIGTSTP)
        kill(getpid(), SIGSTOP);
    while (signal == SIGCHLD && waitpid(-1, NULL, WNOHANG) > 0)
        continue; /* As process 1 we get the orphans of others. */
    return watch_signal_ends(signal) ? EXIT_SIGNAL + signal : EXIT_DONE;
}

static int on_signals(struct holder *holder)
{
    for (int signal; (signal = watch_signal(&holder->watch)) != 0;) {
        int code = on_signal(signal);
        if (code != EXIT_DONE)
            return code;
    }
    return EXIT_DONE;
}

/*
 * Until when an answer must come: --connect from the start or, once the session is open,
 * from when its next keepalive is due, which is a third of the ttl after the last one.
 */
static uint64_t silent_until(
        struct holder *holder, const struct common *common, const struct holder_wish *wish)
{
    uint64_t deadline = lk_deadline(holder->session, NULL);
    if (lk_session_id(holder->session) != 0)
        holder->was_open = true;
    if (deadline > holder->deadline_ns) {
        holder->deadline_ns = deadline;
        holder->heard_ns = boottime_ns();
    }
    uint64_t due = holder->deadline_ns != 0 ? wish->ttl_ns / 3 : 0;
    return u64_sum(u64_sum(holder->heard_ns, due), common->connect_ns);
}

static void explain_silence(struct holder *holder, const struct common *common)
{
    char text[DURATION_TEXT_BYTES];
    holder->answered = true;
    holder->status = LK_STATUS_UNKNOWN;
    /* Its cluster is known: a leader was found. */
    if (holder->was_open || lk_cluster_id(holder->client) != 0)
        (void)snprintf(holder->why, sizeof(holder->why),
                "the cluster has not answered within --connect %s: %s",
                duration_exact(common->connect_ns, text), common->notice);
    else
        (void)snprintf(holder->why, sizeof(holder->why),
                "no leader found within --connect %s: %s",
                duration_exact(common->connect_ns, text), common->notice);
}

/*
 * Until there is an answer, or it is `until_ns`. EXIT_DONE, or the exit code of what ended
 * the wait. A cluster that is silent for too long is an answer, too.
 */
static int await(struct holder *holder, const struct common *common,
        const struct holder_wish *wish, uint64_t until_ns)
{
    while (!holder->answered && boottime_ns() < until_ns) {
        uint64_t limit = silent_until(holder, common, wish);
        if (boottime_ns() >= limit) {
            explain_silence(holder, common);
            break;
        }
        uint64_t show = waiting_turn(&holder->waiting, boottime_ns());
        holder_turn(holder, u64_min(show, u64_min(limit, until_ns)));
        int code = on_signals(holder);
        if (code == EXIT_DONE && wish->interrupt)
            code = wish->interrupt(wish->user);
        if (code != EXIT_DONE)
            return code;
    }
    return EXIT_DONE;
}

/* ---- The lock of a `lockctl run` around this one ---- */

static int refuse_nested(
        struct holder *holder, struct common *common, const struct holder_wish *wish)
{
    struct nested outer;
    const struct lk_lock *lock = &holder->asked;
    if (!nested_find(wish->name, &outer))
        return EXIT_DONE;
    struct lk_done done = {on_answer, holder};
    holder->answered = lk_query_async(holder->client, wish->name, strlen(wish->name),
                               &holder->asked, done) != LK_OK;
    int code = await(holder, common, wish, UINT64_MAX);
    bool known = code == EXIT_DONE && holder->status == LK_OK;
    if (!known || lock->session == 0 || lock->token != outer.token ||
            lk_cluster_id(holder->client) != outer.cluster)
        return code;
    complain("the lockctl run around this command holds \"%s\" already (token %" PRIu64
             "): it would wait for itself",
            wish->name, outer.token);
    return EXIT_NOT_ACQUIRED;
}

/* ---- Acquiring ---- */

struct attempt {
    uint64_t end_ns;   /* Of the wait for the lock */
    uint64_t retry_ns; /* An overloaded cluster is asked again until then. */
    uint64_t pause_ns;
};

static bool ask(struct holder *holder, const struct holder_wish *wish, uint64_t end_ns)
{
    struct lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.wait_ns = end_ns == UINT64_MAX ? LK_FOREVER : u64_rest(end_ns, boottime_ns());
    struct lk_done done = {on_answer, holder};
    holder->answered = false;
    enum lk_status status = lk_acquire_async(
            holder->session, wish->name, strlen(wish->name), &options, done);
    if (status == LK_OK)
        return true;
    holder->answered = true;
    holder->status = status;
    (void)snprintf(holder->why, sizeof(holder->why), "%s", lk_last_error());
    return false;
}

/*
 * Overloaded: try again later. A session that was open and is lost (a machine that slept, a
 * cluster that was down): wait again, at the end of the queue.
 */
static bool is_worth_another(
        const struct holder *holder, const struct attempt *attempt, const char *name)
{
    bool busy = holder->status == LK_STATUS_BUSY;
    bool lost = holder->status == LK_STATUS_LOST && holder->was_open;
    if ((!busy && !lost) || boottime_ns() >= attempt->retry_ns)
        return false;
    if (lost)
        complain("the session was lost while it waited for \"%s\": waiting again", name);
    return true;
}

static int pause_before_next(struct holder *holder, struct common *common,
        const struct holder_wish *wish, struct attempt *attempt)
{
    if (lk_check(holder->session, NULL) == LK_STATE_LOST) {
        lk_close(holder->client);
        holder->client = NULL;
        if (!open_client(holder, common, wish))
            return status_exit(holder->status);
    }
    holder->answered = false;
    int code = await(holder, common, wish, boottime_ns() + attempt->pause_ns);
    attempt->pause_ns = u64_min(attempt->pause_ns * 2, PAUSE_MOST_NS);
    return code;
}

static int acquire(
        struct holder *holder, struct common *common, const struct holder_wish *wish)
{
    uint64_t now = boottime_ns();
    uint64_t wait_ns = wish->try_only ? 0 : wish->wait_ns;
    struct attempt attempt = {.end_ns = u64_sum(now, wait_ns),
            .retry_ns = u64_sum(now, u64_max(wait_ns, common->connect_ns)),
            .pause_ns = PAUSE_LEAST_NS};
    for (;;) {
        int code = ask(holder, wish, attempt.end_ns)
                           ? await(holder, common, wish, UINT64_MAX)
                           : EXIT_DONE;
        if (code != EXIT_DONE)
            return code;
        if (!is_worth_another(holder, &attempt, wish->name))
            break;
        code = pause_before_next(holder, common, wish, &attempt);
        if (code != EXIT_DONE)
            return code;
        if (holder->answered) /* The cluster fell silent. */
            break;
    }
    /* Name, label and wait were checked, so what is out of range is the ttl. */
    return holder->status == LK_STATUS_INVALID ? EXIT_OUT_OF_RANGE
                                               : status_exit(holder->status);
}

/* Others hold it: say who. */
static void tell_refused(struct holder *holder, const struct holder_wish *wish)
{
    char text[WAITING_HOLDER_BYTES];
    uint64_t limit = boottime_ns() + LK_SECOND;
    if (wish->quiet)
        return;
    waiting_ask(&holder->waiting);
    while (!waiting_is_answered(&holder->waiting) && boottime_ns() < limit)
        holder_turn(holder, limit);
    complain("another session holds \"%s\"%s", wish->name,
            waiting_holder(&holder->waiting, text));
}

int holder_acquire(
        struct holder *holder, struct common *common, const struct holder_wish *wish)
{
    *holder = (struct holder){.client = NULL, .asked = LK_LOCK_INIT};
    if (!watch_open(&holder->watch))
        return EXIT_SYSTEM;
    if (!open_client(holder, common, wish))
        return status_exit(holder->status);
    int code = refuse_nested(holder, common, wish);
    if (code == EXIT_DONE) {
        code = acquire(holder, common, wish);
        holder->held = code == EXIT_DONE;
        if (code == EXIT_NOT_ACQUIRED && holder->status == LK_STATUS_TIMEOUT)
            tell_refused(holder, wish);
        else if (code != EXIT_DONE && holder->answered && code < EXIT_SIGNAL)
            complain("\"%s\" was not acquired: %s", wish->name, holder->why);
        if (holder->answered)
            (void)tell_causes(common, code);
    }
    return code == EXIT_NOT_ACQUIRED ? (int)wish->conflict_code : code;
}

void holder_turn(struct holder *holder, uint64_t until_ns)
{
    watch_wait(&holder->watch, lk_fd(holder->client), until_ns);
    (void)lk_process(holder->client);
}

/* ---- Releasing ---- */

int holder_release(struct holder *holder, const struct common *common, const char *name)
{
    uint64_t limit = u64_sum(boottime_ns(), common->connect_ns);
    struct lk_done done = {on_answer, holder};
    holder->answered = false;
    holder->status = LK_STATUS_UNKNOWN;
    bool asked = lk_session_close_async(holder->session, done) == LK_OK;
    holder->session = NULL;
    holder->held = false;
    bool interrupted = false;
    while (asked && !holder->answered && !interrupted && boottime_ns() < limit) {
        holder_turn(holder, limit);
        interrupted = on_signals(holder) != EXIT_DONE;
    }
    /* A session that is lost holds nothing either. */
    if (holder->status == LK_OK || holder->status == LK_STATUS_LOST)
        return EXIT_DONE;
    complain("the cluster has not confirmed that \"%s\" is released: it becomes free when "
             "its lease ends",
            name);
    if (!interrupted)
        (void)tell_causes(common, EXIT_NO_CLUSTER);
    return EXIT_UNCONFIRMED;
}

void holder_close(struct holder *holder)
{
    lk_close(holder->client);
    watch_close(&holder->watch);
}
