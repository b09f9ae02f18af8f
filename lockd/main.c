/*
 * lockd: a node of a replicated lock service. Connects its settings (ops) and the system
 * (io).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "io/loop.h"
#include "ops/config.h"
#include "ops/logger.h"
#include "ops/memory_limit.h"
#include "ops/plan.h"

enum {
    EXIT_USAGE = 2
};

static_assert((int)TELL_ERROR == (int)LOGGER_ERROR && (int)TELL_DEBUG == (int)LOGGER_DEBUG,
        "levels are the same on both sides");

static void write_line(
        void *context, enum tell_level level, const char *event, const char *details)
{
    logger_line(context, (enum logger_level)level, event, details);
}

static void write_notice(
        void *context, const struct node *node, const struct node_notice *notice)
{
    logger_notice(context, node, notice);
}

static int print_plan(const struct node_settings *settings)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    (void)loop_measure(&arena, settings);
    plan_print(&arena, stdout);
    return EXIT_SUCCESS;
}

/* The limit may be meant so: the node starts, and its operator knows. */
static void warn_of_memory_limit(
        struct logger *logger, const struct node_settings *settings)
{
    struct arena arena;
    struct memory_limit limit;
    char details[2 * MEMORY_LIMIT_SOURCE_BYTES];
    arena_init(&arena, NULL, 0);
    (void)loop_measure(&arena, settings);
    memory_limit_find(&limit, "");
    if (limit.bytes >= arena_used_bytes(&arena))
        return;
    memory_limit_text(&limit, arena_used_bytes(&arena), details, sizeof details);
    logger_line(logger, LOGGER_WARN, "memory-limit", details);
}

static int run(struct config *config)
{
    struct logger logger = {
            .descriptor = STDERR_FILENO, .level = (enum logger_level)config->log_level};
    struct loop_settings settings = {
            .data = config->data,
            .listen = config->listen,
            .congestion = config->congestion,
            .sync_after = config->write == CONFIG_WRITE_FSYNC,
            .tell = {.context = &logger, .line = write_line, .notice = write_notice},
    };
    if (!loop_fit_connections(&settings.tell, config->node.member_count,
                &config->node.limits.connections_max))
        return EXIT_FAILURE;
    warn_of_memory_limit(&logger, &config->node);
    return loop_run(&settings, &config->node);
}

int main(int argc, char **argv)
{
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    assert(argc > 0);
    if (!config_read(&config, argv, error)) {
        char shown[CONFIG_ERROR_BYTES * TEXT_SHOWN_MAX];
        (void)text_show(shown, sizeof shown, error, strlen(error));
        (void)fprintf(stderr, "lockd: %s\n", shown);
        return EXIT_USAGE;
    }
    config.node.version = LOCKD_VERSION;
    if (config.help)
        help_print(stdout);
    else if (config.version)
        (void)printf("lockd %s\n", LOCKD_VERSION);
    else if (config.check)
        (void)printf("lockd: the settings are valid\n");
    else if (config.plan)
        return print_plan(&config.node);
    else
        return run(&config);
    return EXIT_SUCCESS;
}
