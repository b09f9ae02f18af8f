/* The member list. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ops/config_table.h"
#include "ops/values.h"

static bool complain(char *allowed, const char *why)
{
    (void)snprintf(allowed, CONFIG_ERROR_BYTES,
            "must be a list like 1=host:port,2=host:port,3=host:port; %s", why);
    return false;
}

static bool take_id(const char *item, size_t count, uint8_t *id)
{
    char digits[3] = "";
    uint64_t number = 0;
    if (count == 0 || count >= sizeof digits)
        return false;
    memcpy(digits, item, count);
    if (!value_number(digits, &number) || number < 1 || number > NODE_ID_MAX)
        return false;
    *id = (uint8_t)number;
    return true;
}

/* One member, [item, item + count), as ID=ADDRESS. */
static bool take_member(
        struct node_settings *node, const char *item, size_t count, char *allowed)
{
    const char *equals = memchr(item, '=', count);
    struct node_member member = {0};
    struct address address;
    const char *why;
    if (equals == NULL || !take_id(item, (size_t)(equals - item), &member.id))
        return complain(allowed, "each member is ID=ADDRESS with an id from 1 to 63");
    if (node->member_count == MEMBERS_MAX)
        return complain(allowed, "a cluster has at most 7 members");
    if (!address_parse(equals + 1, count - (size_t)(equals + 1 - item), &address, &why))
        return complain(allowed, why);
    static_assert(sizeof member.address >= ADDRESS_TEXT_BYTES - 4, "RFC 1035 names fit");
    char text[ADDRESS_TEXT_BYTES];
    size_t length = address_text(&address, text);
    if (length >= sizeof member.address)
        return complain(allowed, "an address is too long");
    memcpy(member.address, text, length + 1);
    node->members[node->member_count++] = member;
    return true;
}

/* By id: everything replicated lists members in this order. */
static void sort_members(struct node_settings *node)
{
    for (uint8_t i = 1; i < node->member_count; i++) {
        struct node_member member = node->members[i];
        uint8_t at = i;
        for (; at > 0 && node->members[at - 1].id > member.id; at--)
            node->members[at] = node->members[at - 1];
        node->members[at] = member;
    }
}

static bool differ(const struct node_settings *node, char *allowed)
{
    for (uint8_t i = 0; i < node->member_count; i++) {
        for (uint8_t k = 0; k < i; k++) {
            if (node->members[i].id == node->members[k].id)
                return complain(allowed, "an id is given twice");
            if (strcmp(node->members[i].address, node->members[k].address) == 0)
                return complain(allowed, "two members have the same address");
        }
    }
    return true;
}

bool config_set_cluster(struct config *config, const char *value, char *allowed)
{
    struct node_settings *node = &config->node;
    node->member_count = 0;
    const char *item = value;
    for (bool more = true; more;) {
        size_t count = strcspn(item, ",");
        more = item[count] == ',';
        if (!take_member(node, item, count, allowed))
            return false;
        item += count + 1;
    }
    sort_members(node);
    return differ(node, allowed);
}
