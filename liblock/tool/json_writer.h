/*
 * Writes JSON: one value, nested, straight to a stream.
 *
 * In an object every value is given its key, in an array the key is NULL. Numbers are
 * integers; what uses all 64 bits (ids, digests) is better written with json_hex, because
 * many readers keep numbers as doubles.
 *
 * Names of locks are bytes. Those that are UTF-8 are written as they are; others as text
 * with U+FFFD for what is not, and beside it under the key with "_hex" behind it the exact
 * bytes.
 */
#ifndef TOOL_JSON_WRITER_H
#define TOOL_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JSON_DEPTH_MAX = 8
};

struct json {
    FILE *out;
    uint32_t depth;
    char closing[JSON_DEPTH_MAX]; /* '}' or ']', of each level */
    bool begun[JSON_DEPTH_MAX];   /* It has a value already */
};

void json_init(struct json *json, FILE *out);

void json_begin_object(struct json *json, const char *key);
void json_begin_array(struct json *json, const char *key);
void json_end(struct json *json); /* The innermost; after the outermost the line ends. */

void json_u64(struct json *json, const char *key, uint64_t value);
void json_hex(
        struct json *json, const char *key, uint64_t value); /* As a string of 16 digits */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
void json_text(struct json *json, const char *key, const char *text); /* NULL: null */
void json_bytes(struct json *json, const char *key, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
