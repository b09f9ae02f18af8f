/*
 * Which parts of the state a snapshot has still to write, and the room at its side.
 *
 * The walk of a snapshot (snapshot.c) goes over the pools, from place to place. A part that
 * is about to change or to go before the walk has come to it is saved first: its record is
 * put at the side, behind the records of the parts that it names. The walk passes over it
 * later, and over all that has come since the snapshot began. So what is written is the
 * state as it was at the begin, whatever happens between two steps of the walk.
 *
 * The parts that can go in great numbers at once, answers and changes, are walked early.
 */
#ifndef LOCKS_SAVING_H
#define LOCKS_SAVING_H

#include "locks/state.h"

#ifdef __cplusplus
extern "C" {
#endif

void saving_carve(
        struct saving *saving, struct arena *arena, const struct cluster_settings *plan);

/* The state is new: no snapshot of it is being taken. */
void saving_init(struct locks *locks);

/* From here on parts are saved before they change. */
void saving_begin(struct locks *locks);

/* No longer. */
void saving_end(struct locks *locks);

/* The kind of parts that is walked after so many others. */
enum part saving_walked(uint8_t walked);

/* The item at the walk's place if it is still to be written, else NULL; the walk continues. */
const void *saving_step(struct locks *locks, enum part part);

/*
 * The part is about to change or to go, or has just come. Only while `active`. Kept out of
 * line, so that object_change() stays small without a snapshot.
 */
__attribute__((noinline, cold)) void saving_see(
        struct locks *locks, enum edge edge, enum part part, const void *item);

/* The most that `commands` commands, and what falls due in an entry, can put at the side. */
size_t saving_need(const struct locks *locks, uint32_t commands);

/* Asserts that the counts are right. For tests. */
void saving_check(const struct locks *locks);

#ifdef __cplusplus
}
#endif

#endif
