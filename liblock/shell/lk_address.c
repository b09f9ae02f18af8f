/*
 * The list of nodes: addresses as in base/address.h, each with or without "ID=" before it,
 * separated by commas; blanks around them are skipped.
 */
#include <string.h>

#include "base/address.h"
#include "lk_internal.h"
#include "protocol/settings.h"

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The id before "=", or 0 if it is not an id. */
static uint8_t read_id(const char *text, size_t count)
{
    unsigned id = 0;
    if (count < 1 || count > 2)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_digit(text[i]))
            return 0;
        id = id * 10 + (unsigned)(text[i] - '0');
    }
    return id <= NODE_ID_MAX ? (uint8_t)id : 0;
}

static bool read_node(
        const char *text, size_t count, struct core_node *node, const char **why)
{
    const char *equals = memchr(text, '=', count);
    if (equals != NULL) {
        size_t digits = (size_t)(equals - text);
        node->id = read_id(text, digits);
        *why = "the id must be from 1 to 63";
        if (node->id == 0)
            return false;
        text += digits + 1;
        count -= digits + 1;
    }
    struct address address;
    char full[ADDRESS_TEXT_BYTES];
    if (!address_parse(text, count, &address, why))
        return false;
    *why = "it is too long";
    size_t bytes = address_text(&address, full);
    if (bytes > ADDRESS_BYTES_MAX)
        return false;
    memcpy(node->address, full, bytes + 1);
    return true;
}

bool nodes_parse(const char *list, struct core_settings *settings, struct span *bad,
        const char **why)
{
    settings->node_count = 0;
    for (;;) {
        size_t length = strcspn(list, ",");
        const char *part = list + strspn(list, " ");
        size_t blanks = (size_t)(part - list);
        size_t count = blanks < length ? length - blanks : 0;
        while (count > 0 && part[count - 1] == ' ')
            count--;
        *bad = span_of(part, count);
        struct core_node node = {0};
        *why = "a list has at most 16 nodes";
        if (settings->node_count == CORE_NODES_MAX || !read_node(part, count, &node, why))
            return false;
        settings->nodes[settings->node_count++] = node;
        if (list[length] == '\0')
            return true;
        list += length + 1;
    }
}

bool address_cut(const char *text, struct host_port *cut)
{
    const char *why;
    if (!address_parse(text, strlen(text), &cut->address, &why))
        return false;
    unsigned port = cut->address.port;
    size_t at = sizeof(cut->port) - 1;
    cut->port[at] = '\0';
    for (; port > 0; port /= 10)
        cut->port[--at] = (char)('0' + port % 10);
    cut->port_at = at;
    return true;
}

uint32_t lk_node_count(const struct lk_client *client)
{
    return client == NULL ? 0 : client->settings.node_count;
}

const char *lk_node_address(const struct lk_client *client, uint32_t number)
{
    return number < lk_node_count(client) ? client->settings.nodes[number].address : NULL;
}
