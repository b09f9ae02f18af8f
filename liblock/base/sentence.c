#include "base/sentence.h"

#include <string.h>

static void add_bytes(struct sentence *sentence, const char *bytes, size_t count)
{
    size_t room = sizeof(sentence->bytes) - sentence->count;
    if (count > room)
        count = room;
    memcpy(sentence->bytes + sentence->count, bytes, count);
    sentence->count += (uint32_t)count;
}

void sentence_add(struct sentence *sentence, const char *text)
{
    add_bytes(sentence, text, strlen(text));
}

void sentence_add_u64(struct sentence *sentence, uint64_t number)
{
    char digits[20]; /* As many as 2^64 - 1 has */
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add_bytes(sentence, digits + at, sizeof(digits) - at);
}

void sentence_add_nodes(struct sentence *sentence, uint64_t nodes)
{
    if (nodes == 0) {
        sentence_add(sentence, "no node");
        return;
    }
    sentence_add(sentence, (nodes & (nodes - 1)) == 0 ? "node " : "nodes ");
    for (uint64_t id = 0; nodes != 0; id++, nodes >>= 1) {
        if ((nodes & 1) == 0)
            continue;
        sentence_add_u64(sentence, id);
        uint64_t later = nodes >> 1;
        if (later != 0)
            sentence_add(sentence, (later & (later - 1)) == 0 ? " and " : ", ");
    }
}
