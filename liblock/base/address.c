#include "base/address.h"

/* The position of `wanted` in [text, text + count), or `count`. */
static size_t find_char(const char *text, size_t count, char wanted)
{
    size_t at = 0;
    while (at < count && text[at] != wanted)
        at++;
    return at;
}

static bool parse_port(const char *text, size_t count, uint16_t *port)
{
    uint32_t value = 0;
    if (count == 0 || count > 5)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= UINT16_MAX;
}

static bool is_host_char(char c)
{
    return c > ' ' && c != 0x7f && c != '[' && c != ']' && c != ',' && c != '=' && c != '/';
}

static bool take_host(const char *text, size_t count, struct address *address)
{
    if (count == 0 || count >= ADDRESS_HOST_BYTES)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_host_char(text[i]))
            return false;
    }
    memcpy(address->host, text, count);
    address->host[count] = 0;
    return true;
}

/* Whether it has more than one colon, as only an IPv6 address has. */
static bool looks_like_ipv6(const char *text, size_t count)
{
    size_t first = find_char(text, count, ':');
    return first < count &&
           first + 1 + find_char(text + first + 1, count - first - 1, ':') < count;
}

bool address_parse(
        const char *text, size_t count, struct address *address, const char **why)
{
    bool bracketed = count > 0 && text[0] == '[';
    size_t begin = bracketed ? 1 : 0;
    size_t end = find_char(text, count, bracketed ? ']' : ':');
    size_t rest = bracketed ? end + 1 : end;

    *address = (struct address){.port = ADDRESS_PORT_DEFAULT};
    *why = "an IPv6 address needs brackets, like [::1]:5625";
    if (!bracketed && looks_like_ipv6(text, count))
        return false;
    *why = "the bracket is not closed";
    if (bracketed && end == count)
        return false;
    *why = "this is not a valid host name";
    if (!take_host(text + begin, end - begin, address))
        return false;
    *why = "the port must be a number from 1 to 65535";
    if (rest == count)
        return true;
    return text[rest] == ':' &&
           parse_port(text + rest + 1, count - rest - 1, &address->port);
}

size_t address_text(const struct address *address, char *text)
{
    char digits[5];
    size_t digit_count = 0;
    size_t host_count = find_char(address->host, ADDRESS_HOST_BYTES, 0);
    bool bracketed = find_char(address->host, host_count, ':') < host_count;
    size_t at = 0;

    if (bracketed)
        text[at++] = '[';
    memcpy(text + at, address->host, host_count);
    at += host_count;
    if (bracketed)
        text[at++] = ']';
    text[at++] = ':';
    for (uint32_t port = address->port; port > 0 || digit_count == 0; port /= 10)
        digits[digit_count++] = (char)('0' + port % 10);
    while (digit_count > 0)
        text[at++] = digits[--digit_count];
    text[at] = 0;
    return at;
}
