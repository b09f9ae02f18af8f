#include "workload.h"

#include <stdio.h>
#include <string.h>

uint32_t workload_lock_count(const struct settings *settings)
{
    return (uint32_t)(settings->inflight + settings->locks);
}

void workload_init(struct workload *workload, const struct settings *settings,
        const char *prefix, struct workload_lock *locks)
{
    *workload = (struct workload){.load = settings->load,
            .slot_count = (uint32_t)settings->inflight,
            .shared_count = (uint32_t)settings->locks,
            .look = (uint32_t)settings->look,
            .locks = locks};
    (void)snprintf(workload->prefix, sizeof(workload->prefix), "%s", prefix);
    workload->prefix_length = strlen(workload->prefix);
    prng_init(&workload->prng, settings->seed);
}

static uint32_t any_shared(struct workload *workload)
{
    return workload->slot_count +
           (uint32_t)prng_below(&workload->prng, workload->shared_count);
}

static struct errand next_acquire(struct workload *workload, uint32_t slot)
{
    struct errand own = {slot, false, false};
    if (workload->load == LOAD_UNCONTENDED)
        return own;
    if (workload->load == LOAD_CONTENDED) {
        /* In turn, so that each lock has as many waiters as the others. */
        struct errand shared = {
                workload->slot_count + slot % workload->shared_count, false, false};
        return shared;
    }
    /* Of ten: seven own, two waits for a shared one, one try of it. */
    uint64_t die = prng_below(&workload->prng, 10);
    if (die < 7)
        return own;
    struct errand shared = {any_shared(workload), die == 9, false};
    return shared;
}

struct errand workload_next(struct workload *workload, uint32_t slot)
{
    struct errand errand = next_acquire(workload, slot);
    if (workload->look > 0 && prng_below(&workload->prng, 100) < workload->look)
        errand = (struct errand){errand.lock, false, true};
    return errand;
}

/* It costs only a few divisions, because a load makes a name for each request. */
static size_t put_number(char *text, uint32_t number)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    return count;
}

size_t workload_name(const struct workload *workload, uint32_t lock, char name[])
{
    bool own = lock < workload->slot_count;
    size_t length = workload->prefix_length;
    memcpy(name, workload->prefix, length);
    name[length++] = own ? 'o' : 's';
    length += put_number(name + length, own ? lock : lock - workload->slot_count);
    name[length] = '\0';
    return length;
}

enum grant_verdict workload_granted(struct workload *workload, uint32_t lock,
        uint64_t token, uint64_t now, uint64_t until)
{
    struct workload_lock *known = &workload->locks[lock];
    bool grows = token > known->token;
    bool held = known->held_until > now;
    known->token = grows ? token : known->token;
    known->held_until = until;
    if (!grows)
        return GRANT_TOKEN_OLD;
    return held ? GRANT_HELD_BEFORE : GRANT_GOOD;
}

void workload_releasing(struct workload *workload, uint32_t lock, uint64_t token)
{
    struct workload_lock *known = &workload->locks[lock];
    if (known->token == token)
        known->held_until = 0;
}
