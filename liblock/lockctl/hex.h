/* A lock's name as hexadecimal digits: for places where a name may not stand as it is. */
#ifndef LOCKCTL_HEX_H
#define LOCKCTL_HEX_H

#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HEX_TEXT_BYTES = 2 * LK_NAME_MAX + 1
};

/* `text` has room for HEX_TEXT_BYTES. */
void hex_text(const char *name, char text[]);

/*
 * Read digits until another character stands there; `name` has room for LK_NAME_MAX + 1.
 * Returns where they end; NULL: this is no name.
 */
const char *hex_parse(const char *text, char name[]);

#ifdef __cplusplus
}
#endif

#endif
