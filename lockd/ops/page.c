#include "ops/page.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/units.h"

struct page page_on(char *text, size_t room)
{
    return (struct page){.text = text, .room = room};
}

void page_add(struct page *page, const char *format, ...)
{
    if (page->full)
        return;
    va_list arguments;
    va_start(arguments, format);
    size_t left = page->room - page->used;
    int length = vsnprintf(page->text + page->used, left, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= left)
        page->full = true;
    else
        page->used += (size_t)length;
}

void page_seconds(struct page *page, uint64_t ns)
{
    uint64_t rest = ns % NS_PER_S;
    page_add(page, "%llu", (unsigned long long)(ns / NS_PER_S));
    if (rest == 0)
        return;
    int digits = 9;
    while (rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    page_add(page, ".%0*llu", digits, (unsigned long long)rest);
}
