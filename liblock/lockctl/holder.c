#include "lockctl/holder.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/fail.h"

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

static void on_acquired(void *user, const struct lk_result *result)
{
    struct holder *holder = user;
    holder->answered = true;
    holder->status = result->status;
    holder->grant = result->grant;
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
    return true;
}

static bool ask(struct holder *holder, const struct holder_wish *wish)
{
    struct lk_acquire_options options = LK_ACQUIRE_OPTIONS_INIT;
    options.wait_ns = wish->try_only ? 0 : wish->wait_ns;
    struct lk_done done = {on_acquired, holder};
    holder->status = lk_acquire_async(
            holder->session, wish->name, strlen(wish->name), &options, done);
    if (holder->status == LK_OK)
        return true;
    complain("%s", lk_last_error());
    return false;
}

/* A signal while nothing is held: signals that end programs end this one. */
static int signal_exit(int signal)
{
    if (signal == SIGTSTP)
        kill(getpid(), SIGSTOP);
    bool ends =
            signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
    return ends ? EXIT_SIGNAL + signal : EXIT_DONE;
}

/* Wait until there is an answer or a signal, or until no cluster was found in time. */
static int await_answer(struct holder *holder, const struct common *common)
{
    uint64_t limit = boottime_ns() + common->connect_ns;
    while (!holder->answered) {
        bool open = lk_session_id(holder->session) != 0;
        if (!open && boottime_ns() >= limit) {
            holder->status = LK_STATUS_UNKNOWN;
            (void)snprintf(holder->why, sizeof(holder->why), "no leader found in time: %s",
                    common->notice);
            break;
        }
        uint64_t wake = waiting_turn(&holder->waiting, boottime_ns());
        holder_turn(holder, open || wake < limit ? wake : limit);
        for (int signal; (signal = watch_signal(&holder->watch)) != 0;) {
            int code = signal_exit(signal);
            if (code != EXIT_DONE)
                return code;
        }
    }
    return status_exit(holder->status);
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
    *holder = (struct holder){.client = NULL};
    if (!watch_open(&holder->watch))
        return EXIT_SYSTEM;
    if (!open_client(holder, common, wish) || !ask(holder, wish))
        return status_exit(holder->status);
    waiting_init(
            &holder->waiting, holder->client, holder->session, wish->name, wish->quiet);
    int code = await_answer(holder, common);
    if (code == EXIT_NOT_ACQUIRED && holder->status == LK_STATUS_TIMEOUT)
        tell_refused(holder, wish);
    else if (code != EXIT_DONE && code < EXIT_SIGNAL)
        complain("\"%s\" was not acquired: %s", wish->name, holder->why);
    return code;
}

void holder_turn(struct holder *holder, uint64_t until_ns)
{
    watch_wait(&holder->watch, lk_fd(holder->client), until_ns);
    (void)lk_process(holder->client);
}

void holder_close(struct holder *holder)
{
    lk_close(holder->client);
    watch_close(&holder->watch);
}
