/*
 * Durations as people write and read them.
 *
 * Written: a row of numbers with units, as in 500ms, 10s, 1.5s or 1h30m; units are ns, us,
 * ms, s, m, h and d. A number alone means seconds, as for sleep(1) and timeout(1).
 */
#ifndef TOOL_DURATION_H
#define TOOL_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DURATION_TEXT_BYTES = 32
};

/* False, and `*ns` untouched, if `text` is no duration or needs more than 64 bits of ns. */
bool duration_parse(const char *text, uint64_t *ns);

/* Three digits and a unit for tables: "417us", "1.42ms", "10.0s", "2.50h". */
const char *duration_text(uint64_t ns, char text[]);

/* Exact, in the form that duration_parse takes, for messages: "10s", "1500ms". */
const char *duration_exact(uint64_t ns, char text[]);

#ifdef __cplusplus
}
#endif

#endif
