/* The label of a session to which the user gave none: who holds the lock, and where. */
#ifndef LOCKCTL_LABEL_H
#define LOCKCTL_LABEL_H

#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "user@host:pid command", cut to what a label may have; `command` may be a path. */
void label_default(char label[LK_LABEL_MAX + 1], const char *command);

#ifdef __cplusplus
}
#endif

#endif
