/* What lockd prints for --plan and --help. */
#ifndef OPS_PLAN_H
#define OPS_PLAN_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether the plan can say what the memory of this label is for. */
bool plan_knows(const char *label);

/* What an arena that measured is for: a line per label, in groups, with sums. */
void plan_print(const struct arena *arena, FILE *out);

/* How much disk its data directory takes, and where that comes from. */
void plan_print_disk(const struct node_settings *settings, FILE *out);

/* All flags with their defaults, from the table of settings. */
void help_print(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
