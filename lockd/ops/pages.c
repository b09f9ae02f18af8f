#include "ops/pages.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ops/http_request.h"
#include "ops/metrics.h"
#include "ops/probes.h"

enum {
    FIELDS_ROOM = 512 /* For the status line and the fields, before the content */
};

static const char plain[] = "text/plain; charset=utf-8";

/* A response that is being made: its content lies behind the room for its fields. */
struct response {
    int status;
    const char *type;
    struct page content;
};

static const char *phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

static void put_metrics(const struct pages_call *call, struct response *response)
{
    struct node_report report;
    report_fill(call->node, &report);
    response->type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&response->content, &report, call->process);
}

static void put_live(const struct pages_call *call, struct response *response)
{
    (void)call;
    page_add(&response->content, "ok\n");
}

static void put_ready(const struct pages_call *call, struct response *response)
{
    struct node_report report;
    report_fill(call->node, &report);
    if (!probes_ready(&report, &response->content))
        response->status = 503;
}

static void put_status(const struct pages_call *call, struct response *response)
{
    struct node_report report;
    report_fill(call->node, &report);
    response->type = "application/json";
    probes_status(&report, &response->content);
}

static void put_index(const struct pages_call *call, struct response *response);

static const struct {
    const char *path;
    const char *about;
    void (*put)(const struct pages_call *call, struct response *response);
} pages[] = {
        {"/", "this list", put_index},
        {"/metrics", "metrics for Prometheus", put_metrics},
        {"/livez", "200 while this process works", put_live},
        {"/readyz", "200 if clients may be sent to this node, else 503", put_ready},
        {"/status.json", "the status of this node", put_status},
};

enum {
    PAGE_COUNT = sizeof pages / sizeof pages[0]
};

static void put_index(const struct pages_call *call, struct response *response)
{
    (void)call;
    for (size_t i = 0; i < PAGE_COUNT; i++)
        page_add(&response->content, "%-14s %s\n", pages[i].path, pages[i].about);
}

static void put_page(
        const struct pages_call *call, struct span path, struct response *response)
{
    for (size_t i = 0; i < PAGE_COUNT; i++) {
        if (!http_request_is(path, pages[i].path))
            continue;
        pages[i].put(call, response);
        return;
    }
    response->status = 404;
    page_add(&response->content, "there is no such page; / lists those that there are\n");
}

static void explain(struct response *response, int status, const char *text)
{
    response->status = status;
    page_add(&response->content, "%s\n", text);
}

static void respond(const struct pages_call *call, struct response *response)
{
    struct http_request request;
    int status = http_request_read(call->head, &request);
    if (!call->whole)
        explain(response, 431, "the request is too long");
    else if (status == 505)
        explain(response, status, "this server speaks HTTP/1.1");
    else if (status != 200)
        explain(response, status, "this is no HTTP request");
    else if (!http_request_is(request.method, "GET"))
        explain(response, 405, "only GET is possible here");
    else
        put_page(call, request.path, response);
}

size_t pages_answer(const struct pages_call *call, char *room)
{
    struct response response = {
            .status = 200,
            .type = plain,
            .content = page_on(room + FIELDS_ROOM, PAGES_ROOM - FIELDS_ROOM),
    };
    respond(call, &response);
    assert(!response.content.full); /* A test fills every figure with its largest value. */
    struct page fields = page_on(room, FIELDS_ROOM);
    page_add(&fields, "HTTP/1.1 %d %s\r\n", response.status, phrase(response.status));
    page_add(&fields, "Content-Type: %s\r\nContent-Length: %zu\r\n", response.type,
            response.content.used);
    if (response.status == 405)
        page_add(&fields, "Allow: GET\r\n");
    page_add(&fields,
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
    assert(!fields.full);
    memmove(room + fields.used, response.content.text, response.content.used);
    return fields.used + response.content.used;
}
