/*
 * Why the cluster grants nothing. A client without a leader knows only that there is none; the
 * nodes know why, and what helps. So they are asked, in the same words as by `lockctl status`.
 */
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "lockctl/lockctl.h"
#include "lockctl/reading.h"
#include "tool/fail.h"

/* A node that is there answers at once; the caller has waited for long enough. */
#define CAUSES_WAIT_NS (500 * LK_MILLISECOND)

/* Each node that answers and is not well. Of the others the caller has told already. */
static void tell_troubles(const struct reading *readings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char *lines = NULL;
        size_t bytes = 0;
        FILE *out = readings[i].status == LK_OK ? open_memstream(&lines, &bytes) : NULL;
        if (out == NULL)
            continue;
        reading_put_troubles(out, readings, count, i);
        if (fclose(out) == 0) {
            char *rest = lines;
            for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';)
                complain("%s", line);
        }
        free(lines);
    }
}

static void ask_all(const struct lk_client *client, uint64_t wait_ns)
{
    uint32_t count = lk_node_count(client);
    struct reading *readings = calloc(count, sizeof(readings[0]));
    if (readings == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        readings[i] = (struct reading){.client = client, .number = i, .wait_ns = wait_ns};
    if (reading_query_all(readings, count))
        tell_troubles(readings, count);
    free(readings);
}

int tell_causes(const struct common *common, int code)
{
    if (code != EXIT_NO_CLUSTER)
        return code;
    struct lk_client *client;
    struct lk_options options = LK_OPTIONS_INIT;
    options.nodes = common->cluster;
    options.flags = LK_FLAG_NO_SESSION;
    if (lk_open(&options, &client) != LK_OK)
        return code; /* The caller has told why. */
    ask_all(client, u64_min(common->connect_ns, CAUSES_WAIT_NS));
    lk_close(client);
    return code;
}
