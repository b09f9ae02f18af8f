/*
 * Values as people write them in flags and config files: numbers, sizes and spans of time.
 * Each takes the whole text or nothing.
 */
#ifndef OPS_VALUES_H
#define OPS_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    VALUE_TEXT_BYTES = 32
};

/* 4096 */
bool value_number(const char *text, uint64_t *number);

/* 4096, 4KiB, 64MiB, 1GiB; a number alone is bytes. */
bool value_bytes(const char *text, uint64_t *bytes);

/* 250ms, 2s, 1500us, 1m, 1h: one number and one unit, which must be there. */
bool value_duration(const char *text, uint64_t *ns);

/* In the largest unit that leaves a whole number: what the functions above read. */
const char *value_bytes_text(uint64_t bytes, char text[]);
const char *value_duration_text(uint64_t ns, char text[]);

#ifdef __cplusplus
}
#endif

#endif
