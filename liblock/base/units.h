/*
 * Units. Times are uint64_t nanoseconds and sizes are bytes, unless a name says otherwise.
 */
#ifndef LOCKD_BASE_UNITS_H
#define LOCKD_BASE_UNITS_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

#define KIB UINT64_C(1024)
#define MIB UINT64_C(1048576)

#endif
