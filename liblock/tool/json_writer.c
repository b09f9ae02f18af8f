#include "tool/json_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"

void json_init(struct json *json, FILE *out)
{
    *json = (struct json){.out = out};
}

static void put_escaped(struct json *json, unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        (void)fprintf(json->out, "\\%c", c);
        break;
    case '\n':
        (void)fputs("\\n", json->out);
        break;
    case '\t':
        (void)fputs("\\t", json->out);
        break;
    default:
        if (c < 0x20 || c == 0x7f)
            (void)fprintf(json->out, "\\u%04x", c);
        else
            (void)fputc(c, json->out);
    }
}

/*
 * Somebody may read this on a terminal, so what is not plain is escaped. JSON counts in
 * UTF-16: what is above U+FFFF needs two escapes.
 */
static void put_wide(struct json *json, const unsigned char *bytes, size_t length)
{
    uint32_t code = bytes[0] & (0x7fU >> length);
    if (text_is_plain(bytes, length)) {
        (void)fwrite(bytes, 1, length, json->out);
        return;
    }
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    if (code > 0xffff) {
        code -= 0x10000;
        (void)fprintf(json->out, "\\u%04" PRIx32, 0xd800 + (code >> 10));
        code = 0xdc00 + (code & 0x3ff);
    }
    (void)fprintf(json->out, "\\u%04" PRIx32, code);
}

static bool put_string(struct json *json, const unsigned char *bytes, size_t count)
{
    bool exact = true;
    (void)fputc('"', json->out);
    for (size_t at = 0; at < count;) {
        size_t length = utf8_length(bytes + at, count - at);
        if (length == 0) {
            (void)fputs("\\ufffd", json->out);
            exact = false;
            length = 1;
        } else if (length == 1) {
            put_escaped(json, bytes[at]);
        } else {
            put_wide(json, bytes + at, length);
        }
        at += length;
    }
    (void)fputc('"', json->out);
    return exact;
}

/* Comma and key, before every value. */
static void put_key(struct json *json, const char *key)
{
    if (json->depth == 0)
        return;
    assert((key != NULL) == (json->closing[json->depth - 1] == '}'));
    if (json->begun[json->depth - 1])
        (void)fputc(',', json->out);
    json->begun[json->depth - 1] = true;
    if (key) {
        put_string(json, (const unsigned char *)key, strlen(key));
        (void)fputc(':', json->out);
    }
}

static void begin(struct json *json, const char *key, char opening, char closing)
{
    put_key(json, key);
    assert(json->depth < JSON_DEPTH_MAX);
    (void)fputc(opening, json->out);
    json->closing[json->depth] = closing;
    json->begun[json->depth] = false;
    json->depth++;
}

void json_begin_object(struct json *json, const char *key)
{
    begin(json, key, '{', '}');
}

void json_begin_array(struct json *json, const char *key)
{
    begin(json, key, '[', ']');
}

void json_end(struct json *json)
{
    assert(json->depth > 0);
    json->depth--;
    (void)fputc(json->closing[json->depth], json->out);
    if (json->depth == 0)
        (void)fputc('\n', json->out);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    (void)fprintf(json->out, "%" PRIu64, value);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    (void)fprintf(json->out, "\"%016" PRIx64 "\"", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    put_key(json, key);
    (void)fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
    put_key(json, key);
    (void)fputs("null", json->out);
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (!text) {
        json_null(json, key);
        return;
    }
    put_key(json, key);
    put_string(json, (const unsigned char *)text, strlen(text));
}

void json_bytes(struct json *json, const char *key, const void *bytes, size_t count)
{
    const unsigned char *from = bytes;
    put_key(json, key);
    if (put_string(json, from, count) || !key)
        return;
    (void)fprintf(json->out, ",\"%s_hex\":\"", key);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(json->out, "%02x", from[i]);
    (void)fputc('"', json->out);
}
