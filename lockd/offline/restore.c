#include "offline/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "offline/new_life.h"
#include "offline/saved_state.h"

int offline_restore(const struct config *config)
{
    struct offline_state state;
    int fd = open(config->restore, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return offline_fail("--restore %s: %s", config->restore, strerror(errno));
    const char *why = offline_load(&state, fd, config->node.versions);
    (void)close(fd);
    if (why != NULL)
        return offline_fail("--restore %s: %s", config->restore, why);
    int status = offline_begin_life(config, &state, config->restore);
    offline_drop(&state);
    return status;
}
