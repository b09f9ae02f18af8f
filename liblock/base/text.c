#include "base/text.h"

#include <stdint.h>
#include <string.h>

static uint32_t decode(const unsigned char *bytes, size_t length)
{
    uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (bytes[i] & 0x3f);
    return code;
}

size_t utf8_length(const unsigned char *bytes, size_t count)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (count == 0)
        return 0;
    if (bytes[0] < 0x80)
        return 1;
    size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length > count)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    uint32_t code = decode(bytes, length);
    bool surrogate = 0xd800 <= code && code <= 0xdfff;
    return code < least[length] || code > 0x10ffff || surrogate ? 0 : length;
}

bool text_is_plain(const unsigned char *bytes, size_t length)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } hidden[] = {
            {0x00, 0x1f}, {0x7f, 0x9f}, /* Control characters */
            {0xad, 0xad},               /* Soft hyphen */
            {0x61c, 0x61c},             /* Arabic letter mark */
            {0x200b, 0x200f},           /* No width; marks of direction */
            {0x2028, 0x202e},           /* Ends of lines; direction */
            {0x2060, 0x206f},           /* No width; direction */
            {0xfeff, 0xfeff},           /* Byte order mark */
            {0xfff9, 0xfffb},           /* Annotations */
            {0xe0000, 0xe0fff},         /* Tags */
    };
    if (length == 0)
        return false;
    uint32_t code = decode(bytes, length);
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (hidden[i].first <= code && code <= hidden[i].last)
            return false;
    }
    return true;
}

/* \xNN for each byte of a character, to where there is room for all of it. */
static void show_bytes(char *to, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        to[4 * i] = '\\';
        to[4 * i + 1] = 'x';
        to[4 * i + 2] = digits[bytes[i] >> 4];
        to[4 * i + 3] = digits[bytes[i] & 15];
    }
}

size_t text_show(char *to, size_t room, const void *bytes, size_t count)
{
    const unsigned char *from = bytes;
    size_t end = 0;
    for (size_t at = 0; at < count;) {
        size_t length = utf8_length(from + at, count - at);
        bool plain = text_is_plain(from + at, length);
        length = length == 0 ? 1 : length;
        size_t shown = plain ? length : length * TEXT_SHOWN_MAX;
        if (shown >= room - end)
            break;
        if (plain)
            memcpy(to + end, from + at, length);
        else
            show_bytes(to + end, from + at, length);
        end += shown;
        at += length;
    }
    to[end] = '\0';
    return end;
}
