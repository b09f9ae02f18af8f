#include "lockctl/label.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the environment: the user database may be a server that does not answer. */
static const char *user_name(char number[], size_t bytes)
{
    const char *name = getenv("LOGNAME");
    if (!name || !*name)
        name = getenv("USER");
    if (name && *name)
        return name;
    (void)snprintf(number, bytes, "%u", (unsigned)geteuid());
    return number;
}

/* What was cut off may leave a part of a character of several bytes. */
static void tidy(char *label)
{
    size_t length = strlen(label);
    size_t begin = length;
    while (begin > 0 && ((unsigned char)label[begin - 1] & 0xc0) == 0x80)
        begin--;
    if (length == LK_LABEL_MAX && begin > 0 && (unsigned char)label[begin - 1] >= 0xc0)
        label[begin - 1] = '\0';
    for (char *at = label; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == '\x7f')
            *at = '?';
    }
}

void label_default(char label[LK_LABEL_MAX + 1], const char *command)
{
    char host[65] = "";
    char number[16];
    if (gethostname(host, sizeof(host) - 1) < 0 || host[0] == '\0')
        (void)snprintf(host, sizeof(host), "localhost");
    host[strcspn(host, ".")] = '\0';
    const char *slash = strrchr(command, '/');
    (void)snprintf(label, LK_LABEL_MAX + 1, "%.20s@%.24s:%d %s",
            user_name(number, sizeof(number)), host, (int)getpid(),
            slash ? slash + 1 : command);
    tidy(label);
}
