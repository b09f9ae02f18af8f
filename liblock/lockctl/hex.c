#include "lockctl/hex.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void hex_text(const char *name, char text[])
{
    size_t at = 0;
    for (; *name != '\0' && at + 2 < HEX_TEXT_BYTES; name++) {
        text[at++] = digits[(unsigned char)*name / 16];
        text[at++] = digits[(unsigned char)*name % 16];
    }
    text[at] = '\0';
}

static int value_of(char c)
{
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

const char *hex_parse(const char *text, char name[])
{
    size_t count = 0;
    for (; value_of(text[0]) >= 0; text += 2) {
        if (value_of(text[1]) < 0 || count == LK_NAME_MAX)
            return NULL;
        name[count++] = (char)(value_of(text[0]) * 16 + value_of(text[1]));
    }
    name[count] = '\0';
    return count > 0 && strlen(name) == count ? text : NULL;
}
