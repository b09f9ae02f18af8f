/*
 * How many clients of each address are connected, so that one machine cannot take all
 * connections of a node. A client of an unknown address is counted nowhere.
 */
#ifndef NODE_CALLERS_H
#define NODE_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/pool.h"
#include "protocol/request.h"

#ifdef __cplusplus
extern "C" {
#endif

struct caller {
    unsigned char address[CLIENT_ADDRESS_BYTES];
    uint32_t clients;
};

struct callers {
    struct pool pool; /* Of struct caller: those that have clients here */
    struct map by_address;
};

void callers_carve(struct callers *callers, struct arena *arena, uint32_t most);
void callers_init(struct callers *callers);

/* How many clients of that address are connected. */
uint32_t callers_clients(const struct callers *callers, const unsigned char *address);

/* One more, for which there is room, or one fewer. */
void callers_add(struct callers *callers, const unsigned char *address);
void callers_remove(struct callers *callers, const unsigned char *address);

/* The address with the most clients; NULL: none is known. Looks at all of them. */
const struct caller *callers_largest(const struct callers *callers);

#ifdef __cplusplus
}
#endif

#endif
