/* What lockd prints for --plan and --help. */
#ifndef OPS_PLAN_H
#define OPS_PLAN_H

#include <stdio.h>

#include "base/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The worksheet of an arena that measured: a line a pool, then the sum. */
void plan_print(const struct arena *arena, FILE *out);

/* All flags, from the table. */
void help_print(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
