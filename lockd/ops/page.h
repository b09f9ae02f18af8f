/* Text of bounded length, built piece by piece. */
#ifndef OPS_PAGE_H
#define OPS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct page {
    char *text;
    size_t room;
    size_t used;
    bool full; /* Something found no room: the page cannot be used. */
};

/* An empty page on `room` bytes at `text`. */
struct page page_on(char *text, size_t room);

void page_add(struct page *page, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Nanoseconds as seconds, without a rounding: 1500000000 is "1.5". */
void page_seconds(struct page *page, uint64_t ns);

#ifdef __cplusplus
}
#endif

#endif
