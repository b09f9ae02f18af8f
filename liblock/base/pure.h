/*
 * The build includes this before every file of the pure modules (`-include`). It has the
 * only standard headers that they may use, and then bans what would tie them to the system.
 * Any other system header fails to compile, because it mentions a banned name.
 *
 * Only names that have no other use are banned. Ordinary words (read, time, send) stay free
 * for fields and parameters: without their headers they cannot be called, and tests/tidy
 * also checks the undefined symbols of the objects.
 */
#ifndef LOCKD_BASE_PURE_H
#define LOCKD_BASE_PURE_H

#ifdef NDEBUG
#error "assertions are always on: build without NDEBUG"
#endif

#include <assert.h>
#include <limits.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Allocation. */
#pragma GCC poison malloc calloc realloc reallocarray free aligned_alloc posix_memalign
#pragma GCC poison alloca strdup strndup mmap munmap mremap brk sbrk

/* Time and randomness. */
#pragma GCC poison clock_gettime gettimeofday timespec_get localtime gmtime strftime mktime
#pragma GCC poison nanosleep usleep rand srand rand_r srandom drand48 getrandom getentropy

/* Files, sockets, processes. */
#pragma GCC poison FILE fopen fclose fread fwrite fflush fseek openat pread pwrite preadv
#pragma GCC poison pwritev fsync fdatasync ftruncate unlink ioctl socket recv recvmsg sendto
#pragma GCC poison sendmsg epoll_wait fork execve getenv exit abort errno setjmp longjmp

/* Printing and reading of text. */
#pragma GCC poison printf fprintf sprintf snprintf vprintf vfprintf vsprintf vsnprintf
#pragma GCC poison puts fputs putchar perror scanf sscanf fscanf strtol strtoul strerror

/* Floating point: replicas must agree to the bit, and so must runs of the simulator. */
#pragma GCC poison float double

#endif
