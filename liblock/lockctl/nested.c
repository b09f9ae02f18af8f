#include "lockctl/nested.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liblock.h"
#include "lockctl/hex.h"

static const char variable[] = "LOCKD_HELD";

/* One entry, which ends at ':' or at the end of the text. */
static bool parse(const char *entry, const char *name, struct nested *found)
{
    char *at = NULL;
    struct nested read = {.cluster = strtoull(entry, &at, 16)};
    if (at == entry || *at != '.')
        return false;
    const char *token = at + 1;
    read.token = strtoull(token, &at, 16);
    if (at == token || *at != '.')
        return false;
    char named[LK_NAME_MAX + 1];
    const char *end = hex_parse(at + 1, named);
    if (!end || (*end != ':' && *end != '\0') || strcmp(named, name) != 0)
        return false;
    *found = read;
    return true;
}

bool nested_find(const char *name, struct nested *found)
{
    bool any = false;
    const char *at = getenv(variable);
    while (at) {
        any = parse(at, name, found) || any;
        at = strchr(at, ':');
        at += at != NULL;
    }
    return any;
}

void nested_announce(const char *name, const struct nested *held)
{
    const char *before = getenv(variable);
    size_t room = (before ? strlen(before) : 0) + HEX_TEXT_BYTES + 64;
    char *text = malloc(room);
    if (!text)
        return;
    char hex[HEX_TEXT_BYTES];
    hex_text(name, hex);
    (void)snprintf(text, room, "%s%s%" PRIx64 ".%" PRIx64 ".%s", before ? before : "",
            before && *before ? ":" : "", held->cluster, held->token, hex);
    setenv(variable, text, 1);
    free(text);
}
