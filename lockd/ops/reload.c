#include "ops/reload.h"

#include <stdio.h>
#include <string.h>

#include "ops/config_table.h"
#include "ops/page.h"

static bool differs(
        const struct config *one, const struct config *other, const struct setting *setting)
{
    const char *a = (const char *)one + setting->offset;
    const char *b = (const char *)other + setting->offset;
    return memcmp(a, b, setting->bytes) != 0;
}

/* The keys whose values need a restart, with commas between them. */
static void list_others(
        const struct config *running, const struct config *read, struct page *page)
{
    size_t count;
    const struct setting *table = config_table(&count);
    for (size_t row = 0; row < count; row++) {
        bool other = strcmp(table[row].key, "log-level") != 0;
        if (other && differs(running, read, &table[row]))
            page_add(page, "%s%s", page->used > 0 ? "," : "", table[row].key);
    }
}

static void tell(struct logger *logger, const struct config *running, const char *others)
{
    char details[CONFIG_PATH_BYTES + CONFIG_ERROR_BYTES];
    char level[ADDRESS_TEXT_BYTES];
    size_t count;
    const struct setting *table = config_table(&count);
    config_show(running, &table[config_find("log-level")], level);
    if (others[0] == 0)
        (void)snprintf(
                details, sizeof details, "path=\"%s\" log_level=%s", running->file, level);
    else
        (void)snprintf(details, sizeof details,
                "path=\"%s\" log_level=%s restart=%s: these settings of the file differ, and change only when this node is restarted",
                running->file, level, others);
    logger_line(logger, LOGGER_INFO, "reloaded", details);
}

void reload(struct config *running, char **argv, struct logger *logger)
{
    static struct config read; /* Large, and one thread reloads. */
    char error[CONFIG_ERROR_BYTES];
    char others[CONFIG_ERROR_BYTES] = "";
    if (running->file[0] == 0) {
        logger_line(logger, LOGGER_INFO, "not-reloaded",
                "this node was started without --config, so there is nothing to read again");
        return;
    }
    if (!config_read(&read, argv, error)) {
        logger_line(logger, LOGGER_WARN, "not-reloaded", error);
        return;
    }
    struct page page = page_on(others, sizeof others);
    list_others(running, &read, &page);
    running->log_level = read.log_level;
    enum logger_level wanted = (enum logger_level)read.log_level;
    if (wanted > logger->level)
        logger->level = wanted;
    tell(logger, running,
            others); /* By the level that shows more: this is the last line. */
    logger->level = wanted;
}
