/*
 * Reads the head of an HTTP request, as far as lockd needs it: method, path and version
 * (RFC 9112). Fields are not read: no page depends on any. A query after `?` is cut off.
 */
#ifndef OPS_HTTP_REQUEST_H
#define OPS_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct http_request {
    struct span method;
    struct span path; /* Begins with '/' */
};

/* The status to answer if nothing else is wrong: 200, 400 or 505. */
int http_request_read(struct span head, struct http_request *request);

bool http_request_is(struct span text, const char *word);

#ifdef __cplusplus
}
#endif

#endif
