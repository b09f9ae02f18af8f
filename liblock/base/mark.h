/*
 * Marks: `MARK(vote_refused_old_term);` on a rare branch gives it a name and a counter.
 *
 * The same record has three uses: the coverage mark that a test requires (tests/tidy fails
 * for a mark that no test names), the operator's counter, and the simulator's report of
 * branches that no seed has reached. Counting is always on. The records are in their own
 * linker section. They are the only mutable statics of pure modules, and no pure module may
 * read them.
 *
 * A name is an identifier, and may mark several places: then their counts add up. Within
 * a static inline function in a header a mark is one record per file that includes it.
 */
#ifndef LOCKD_BASE_MARK_H
#define LOCKD_BASE_MARK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Aligned to its size, so that the section has no gaps. */
struct __attribute__((aligned(32))) mark {
    const char *name;
    const char *file;
    uint64_t line;
    uint64_t count;
};

#define MARK(mark_name)                                                                \
    do {                                                                               \
        static struct mark mark_here __attribute__((section("lockd_marks"), used)) = { \
                #mark_name, __FILE__, __LINE__, 0};                                    \
        __atomic_fetch_add(&mark_here.count, 1, __ATOMIC_RELAXED);                     \
    } while (0)

/* All marks that are linked into this program or library: [begin, end). */
const struct mark *mark_begin(void);
const struct mark *mark_end(void);

/* How often the places of that name were passed; 0 also if there are none. For tests. */
uint64_t mark_count(const char *name);

#ifdef __cplusplus
}
#endif

#endif
