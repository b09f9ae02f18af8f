/*
 * Assertions are the standard assert(), always on. They find our own mistakes. What comes
 * from peers, clients and disks is decoded and never asserted.
 */
#ifndef LOCKD_BASE_CHECK_H
#define LOCKD_BASE_CHECK_H

#include <assert.h>

#ifdef NDEBUG
#error "assertions are always on: build without NDEBUG"
#endif

/*
 * Says that both answers are fine, where a reader would expect an assertion:
 * `maybe(index == end);`. The condition is evaluated and must have no effect.
 */
#define maybe(condition) ((void)(condition))

#endif
