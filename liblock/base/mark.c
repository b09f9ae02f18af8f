#include "base/mark.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The linker defines these for a section whose name is an identifier. Weak, for a program
 * without any mark; hidden, so that a library sees its own and not its program's.
 */
extern const struct mark __start_lockd_marks[] __attribute__((weak, visibility("hidden")));
extern const struct mark __stop_lockd_marks[] __attribute__((weak, visibility("hidden")));

const struct mark *mark_begin(void)
{
    return __start_lockd_marks;
}

const struct mark *mark_end(void)
{
    return __stop_lockd_marks;
}

/* Written out, because pure objects may not refer to strcmp. */
static bool is_same(const char *a, const char *b)
{
    size_t at = 0;
    while (a[at] != '\0' && a[at] == b[at])
        at++;
    return a[at] == b[at];
}

uint64_t mark_count(const char *name)
{
    uint64_t count = 0;
    for (const struct mark *mark = mark_begin(); mark < mark_end(); mark++)
        if (is_same(mark->name, name))
            count += __atomic_load_n(&mark->count, __ATOMIC_RELAXED);
    return count;
}
