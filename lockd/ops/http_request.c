#include "ops/http_request.h"

#include <string.h>

enum {
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_VERSION = 505,
};

/* Up to the first `end`, which is taken off too. False if there is none. */
static bool cut(struct span *text, char end, struct span *part)
{
    const unsigned char *at =
            text->count == 0 ? NULL : memchr(text->bytes, end, text->count);
    if (at == NULL)
        return false;
    *part = (struct span){text->bytes, (uint32_t)(at - text->bytes)};
    text->count -= part->count + 1;
    text->bytes = at + 1;
    return true;
}

static bool is_visible(struct span text)
{
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.bytes[i] <= ' ' || text.bytes[i] >= 0x7f)
            return false;
    }
    return text.count > 0;
}

static bool begins_with(struct span text, const char *word)
{
    size_t length = strlen(word);
    return text.count >= length && memcmp(text.bytes, word, length) == 0;
}

static struct span skip(struct span text, size_t count)
{
    return (struct span){text.bytes + count, text.count - (uint32_t)count};
}

bool http_request_is(struct span text, const char *word)
{
    return text.count == strlen(word) && begins_with(text, word);
}

/* "http://host:port/path", as proxies are asked: the path is what counts. */
static bool take_path(struct span target, struct span *path)
{
    if (begins_with(target, "http://")) {
        struct span rest = skip(target, strlen("http://"));
        const unsigned char *slash = memchr(rest.bytes, '/', rest.count);
        if (slash == NULL)
            return false;
        target = skip(rest, (size_t)(slash - rest.bytes));
    }
    if (!begins_with(target, "/"))
        return false;
    struct span query = target;
    if (!cut(&query, '?', path))
        *path = target;
    return true;
}

int http_request_read(struct span head, struct http_request *request)
{
    struct span line;
    struct span target;
    *request = (struct http_request){0};
    if (!cut(&head, '\n', &line))
        return HTTP_BAD_REQUEST;
    if (line.count > 0 && line.bytes[line.count - 1] == '\r')
        line.count--;
    if (!cut(&line, ' ', &request->method) || !cut(&line, ' ', &target))
        return HTTP_BAD_REQUEST;
    if (!is_visible(request->method) || !is_visible(target) || !is_visible(line))
        return HTTP_BAD_REQUEST;
    if (!begins_with(line, "HTTP/"))
        return HTTP_BAD_REQUEST;
    if (!http_request_is(line, "HTTP/1.1") && !http_request_is(line, "HTTP/1.0"))
        return HTTP_VERSION;
    return take_path(target, &request->path) ? HTTP_OK : HTTP_BAD_REQUEST;
}
