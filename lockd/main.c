/*
 * lockd: a node of a replicated lock service. Connects its settings (ops) and the system
 * (io).
 */
#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/loop.h"
#include "offline/inspect.h"
#include "offline/recover.h"
#include "offline/restore.h"
#include "offline/trial.h"
#include "ops/config.h"
#include "ops/logger.h"
#include "ops/memory_limit.h"
#include "ops/pages.h"
#include "ops/plan.h"
#include "ops/probes.h"
#include "ops/reload.h"

enum {
    EXIT_USAGE = 2,
    FLUSH_MS = 500, /* At the end, for the last lines of the log */
};

static_assert((int)TELL_ERROR == (int)LOGGER_ERROR && (int)TELL_DEBUG == (int)LOGGER_DEBUG,
        "levels are the same on both sides");

/* What the loop hands back when it reports. */
struct reporter {
    struct logger logger;
    struct config *config;
    char **argv;
};

static void write_line(
        void *context, enum tell_level level, const char *event, const char *details)
{
    struct reporter *reporter = context;
    logger_line(&reporter->logger, (enum logger_level)level, event, details);
}

static void write_notice(
        void *context, const struct node *node, const struct node_notice *notice)
{
    struct reporter *reporter = context;
    logger_notice(&reporter->logger, node, notice);
}

static uint64_t count_dropped(void *context)
{
    const struct reporter *reporter = context;
    return log_writer_dropped(reporter->logger.writer);
}

static void flush_log(void *context)
{
    const struct reporter *reporter = context;
    log_writer_flush(reporter->logger.writer, FLUSH_MS);
}

static void write_state(const struct node *node, char *line, size_t room)
{
    struct node_report report;
    struct page page = page_on(line, room);
    report_fill(node, &report);
    probes_line(&report, &page);
}

static void read_again(void *context)
{
    struct reporter *reporter = context;
    reload(reporter->config, reporter->argv, &reporter->logger);
}

/*
 * A closed standard stream would be the number of the next file or socket, and lines of the
 * log would go into that.
 */
static bool hold_standard_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", O_RDWR) != stream)
            return false;
    }
    return true;
}

/*
 * A reader of the log that goes away ends no node, and a terminal that does only makes it
 * read its settings again. SIGTERM and SIGINT stop it: see loop.c.
 */
static void tame_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t held;
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &held, NULL);
}

static size_t answer_page(const struct http_call *call, char *room)
{
    const struct pages_call page = {
            .node = call->node,
            .process = call->process,
            .head = {call->head, (uint32_t)call->count},
            .whole = call->whole,
    };
    return pages_answer(&page, room);
}

static struct loop_settings settings_of(const struct config *config)
{
    return (struct loop_settings){
            .data = config->data,
            .listen = config->listen,
            .congestion = config->congestion,
            .sync_after = config->write == CONFIG_WRITE_FSYNC,
            .to_try = config->dev[0] != 0,
            .http = config->http,
            .pages = {.answer = answer_page, .room_bytes = PAGES_ROOM},
    };
}

static int check(const struct config *config)
{
    const struct loop_settings settings = settings_of(config);
    return trial_run(config, &settings);
}

static int print_plan(const struct config *config)
{
    struct arena arena;
    const struct loop_settings settings = settings_of(config);
    arena_init(&arena, NULL, 0);
    (void)loop_measure(&arena, &settings, &config->node);
    plan_print(&arena, stdout);
    plan_print_disk(&config->node, stdout);
    return EXIT_SUCCESS;
}

/* The limit may be meant so: the node starts, and its operator knows. */
static void warn_of_memory_limit(struct logger *logger,
        const struct loop_settings *settings, const struct node_settings *node)
{
    struct arena arena;
    struct memory_limit limit;
    char details[2 * MEMORY_LIMIT_SOURCE_BYTES];
    arena_init(&arena, NULL, 0);
    (void)loop_measure(&arena, settings, node);
    memory_limit_find(&limit, "");
    if (limit.bytes >= arena_used_bytes(&arena))
        return;
    memory_limit_text(&limit, arena_used_bytes(&arena), details, sizeof details);
    logger_line(logger, LOGGER_WARN, "memory-limit", details);
}

static int run(struct config *config, char **argv)
{
    /* Used by a thread until the process ends, so they are not on the stack. */
    static struct log_writer writer;
    static struct reporter reporter;
    struct logger *logger = &reporter.logger;
    reporter = (struct reporter){.config = config, .argv = argv};
    logger->descriptor = STDERR_FILENO;
    logger->level = (enum logger_level)config->log_level;
    logger->style = (struct log_style){.form = (enum log_form)config->log_format,
            .journal = log_line_is_for_journal(STDERR_FILENO)};
    tame_signals();
    logger_start(logger, &writer);
    struct loop_settings settings = settings_of(config);
    settings.tell = (struct tell){.context = &reporter,
            .line = write_line,
            .notice = write_notice,
            .state = write_state,
            .reload = read_again,
            .dropped = count_dropped,
            .flush = flush_log};
    int status = EXIT_FAILURE;
    if (loop_fit_connections(&settings.tell, config->node.member_count,
                &config->node.limits.connections_max)) {
        warn_of_memory_limit(logger, &settings, &config->node);
        status = loop_run(&settings, &config->node);
    }
    flush_log(&reporter);
    return status;
}

/* Tests build a program that knows the next version, too. */
#ifndef LOCKD_VERSION_MOST
#define LOCKD_VERSION_MOST VERSION_MOST
#endif

int main(int argc, char **argv)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    assert(argc > 0);
    if (!hold_standard_streams())
        return EXIT_FAILURE;
    if (!config_read(&config, argv, error)) {
        char shown[CONFIG_ERROR_BYTES * TEXT_SHOWN_MAX];
        (void)text_show(shown, sizeof shown, error, strlen(error));
        (void)fprintf(stderr, "lockd: %s\n", shown);
        return EXIT_USAGE;
    }
    config.node.version = LOCKD_VERSION;
    config.node.versions.most = LOCKD_VERSION_MOST;
    if (config.help)
        help_print(stdout);
    else if (config.version)
        (void)printf("lockd %s\n", LOCKD_VERSION);
    else if (config.check)
        return check(&config);
    else if (config.plan)
        return print_plan(&config);
    else if (config.restore[0] != 0)
        return offline_restore(&config);
    else if (config.recover[0] != 0)
        return offline_recover(&config);
    else if (config.inspect[0] != 0)
        return offline_inspect(&config);
    else
        return run(&config, argv);
    return EXIT_SUCCESS;
}
