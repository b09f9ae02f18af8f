/*
 * The list of nodes: "host", "host:port", "[v6]", "[v6]:port", each with or without "ID=" in
 * front, separated by commas; blanks around them are passed over.
 */
#include <stdio.h>
#include <string.h>

#include "lk_internal.h"
#include "protocol/settings.h"

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

/* A number of up to `digits` digits and nothing else; 0 if it is none. */
static uint32_t read_number(struct span text, uint32_t digits)
{
    uint32_t number = 0;
    if (text.count == 0 || text.count > digits)
        return 0;
    for (uint32_t i = 0; i < text.count; i++) {
        if (!is_digit(text.bytes[i]))
            return 0;
        number = number * 10 + (uint32_t)(text.bytes[i] - '0');
    }
    return number;
}

static struct span cut_blanks(struct span text)
{
    while (text.count > 0 && text.bytes[0] == ' ')
        text = (struct span){text.bytes + 1, text.count - 1};
    while (text.count > 0 && text.bytes[text.count - 1] == ' ')
        text.count--;
    return text;
}

static uint32_t find(struct span text, unsigned char byte)
{
    const void *found = text.count == 0 ? NULL : memchr(text.bytes, byte, text.count);
    if (found == NULL)
        return text.count;
    return (uint32_t)((const unsigned char *)found - text.bytes);
}

/* Where the host ends: behind the bracket, or at the colon. */
static uint32_t host_end(struct span text)
{
    if (text.count > 0 && text.bytes[0] == '[') {
        uint32_t end = find(text, ']');
        return end < text.count ? end + 1 : 0;
    }
    return find(text, ':');
}

/* "host" becomes "host:5625", as nodes call themselves. */
static bool read_address(struct span text, char *address)
{
    uint32_t end = host_end(text);
    bool bare = end == text.count;
    uint32_t host_bytes = end;
    if (text.count > 0 && text.bytes[0] == '[')
        host_bytes = end < 2 ? 0 : end - 2;
    if (host_bytes == 0 || host_bytes > 255)
        return false;
    uint32_t port = LK_PORT;
    if (!bare) {
        if (text.bytes[end] != ':')
            return false;
        port = read_number((struct span){text.bytes + end + 1, text.count - end - 1}, 5);
    }
    if (port == 0 || port > UINT16_MAX)
        return false;
    snprintf(address, ADDRESS_BYTES_MAX + 1, "%.*s:%u", (int)end, (const char *)text.bytes,
            port);
    return true;
}

static bool read_node(struct span text, struct core_node *node)
{
    uint32_t equals = find(text, '=');
    if (equals < text.count) {
        uint32_t id = read_number((struct span){text.bytes, equals}, 2);
        if (id < 1 || id > NODE_ID_MAX)
            return false;
        node->id = (uint8_t)id;
        text = (struct span){text.bytes + equals + 1, text.count - equals - 1};
    }
    return read_address(text, node->address);
}

bool nodes_parse(const char *list, struct core_settings *settings, struct span *bad)
{
    struct span rest = span_of(list, strlen(list));
    settings->node_count = 0;
    for (;;) {
        uint32_t comma = find(rest, ',');
        struct span part = cut_blanks((struct span){rest.bytes, comma});
        *bad = part;
        struct core_node node = {0};
        if (settings->node_count == CORE_NODES_MAX || !read_node(part, &node))
            return false;
        settings->nodes[settings->node_count++] = node;
        if (comma == rest.count)
            return true;
        rest = (struct span){rest.bytes + comma + 1, rest.count - comma - 1};
    }
}

bool address_cut(const char *address, struct host_port *cut)
{
    struct span text = span_of(address, strlen(address));
    uint32_t end = host_end(text);
    if (end == 0 || end + 1 >= text.count || text.bytes[end] != ':')
        return false;
    bool bracket = text.bytes[0] == '[';
    const char *host = bracket ? address + 1 : address;
    uint32_t bytes = bracket ? end - 2 : end;
    snprintf(cut->host, sizeof(cut->host), "%.*s", (int)bytes, host);
    snprintf(cut->port, sizeof(cut->port), "%s", address + end + 1);
    return true;
}
