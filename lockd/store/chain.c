#include "store/chain.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "base/mark.h"

void chain_carve(struct chain *chain, struct arena *arena, const char *name)
{
    chain->links = arena_take(
            arena, name, CHAIN_MAX, sizeof(struct chain_link), alignof(struct chain_link));
}

void chain_init(struct chain *chain, struct entry_id before, uint64_t sum)
{
    assert((before.index == 0) == (before.term == 0));
    chain->before = before;
    chain->before_sum = sum;
    chain->begin = before.index + 1;
    chain->end = chain->begin;
}

void chain_copy(struct chain *to, const struct chain *from)
{
    to->before = from->before;
    to->before_sum = from->before_sum;
    to->begin = from->begin;
    to->end = from->end;
    memcpy(to->links, from->links, CHAIN_MAX * sizeof(struct chain_link));
}

bool chain_at(const struct chain *chain, uint64_t index, struct chain_link *link)
{
    *link = (struct chain_link){0, 0};
    bool is_before = index == chain->before.index;
    if (is_before)
        *link = (struct chain_link){.term = chain->before.term, .sum = chain->before_sum};
    else if (chain->begin <= index && index < chain->end)
        *link = chain->links[index % CHAIN_MAX];
    else
        return false;
    return true;
}

struct entry_id chain_last(const struct chain *chain)
{
    struct chain_link link;
    (void)chain_at(chain, chain->end - 1, &link);
    return (struct entry_id){.term = link.term, .index = chain->end - 1};
}

bool chain_is_known(const struct chain *chain)
{
    return chain->end == chain->before.index + 1 || chain->begin < chain->end;
}

bool chain_fits(const struct chain *chain, const struct entry_head *head)
{
    if (head->id.index != chain->end || head->id.term < head->previous_term)
        return false;
    struct chain_link link;
    if (!chain_at(chain, chain->end - 1, &link))
        return true;
    return head->previous_term == link.term && head->previous_sum == link.sum;
}

void chain_learn(struct chain *chain, struct entry_id id, uint64_t sum)
{
    assert(!chain_is_known(chain));
    assert(id.index == chain->end - 1);
    chain->begin = id.index;
    chain->links[id.index % CHAIN_MAX] = (struct chain_link){.term = id.term, .sum = sum};
}

void chain_add(struct chain *chain, const struct entry_head *head)
{
    assert(chain_fits(chain, head));
    if (!chain_is_known(chain)) {
        MARK(chain_adopted);
        struct entry_id id = {.term = head->previous_term, .index = head->id.index - 1};
        chain_learn(chain, id, head->previous_sum);
    }
    chain->links[head->id.index % CHAIN_MAX] =
            (struct chain_link){.term = head->id.term, .sum = head->sum};
    chain->end++;
    if (chain->end - chain->begin > CHAIN_MAX)
        chain->begin++;
}

void chain_cut(struct chain *chain, uint64_t from)
{
    assert(chain->before.index < from && from < chain->end);
    chain->end = from;
    if (chain->begin > chain->end)
        chain->begin = chain->end;
    if (!chain_is_known(chain))
        MARK(chain_unknown);
}

void chain_drop_before(struct chain *chain, struct entry_id before, uint64_t sum)
{
    assert(chain->before.index <= before.index && before.index < chain->end);
    struct chain_link link;
    if (chain_at(chain, before.index, &link))
        assert(link.term == before.term && link.sum == sum);
    chain->before = before;
    chain->before_sum = sum;
    if (chain->begin <= before.index)
        chain->begin = before.index + 1;
}
