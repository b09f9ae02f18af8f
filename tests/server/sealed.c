/*
 * Stands in front of the C library's allocator: from when lockd serves (it then asks
 * whether others can reach it, which is wrapped for this), an allocation on its thread ends it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/listen.h"

/* Names and parameters are the C library's and the linker's. */
/* NOLINTBEGIN */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
bool __real_listen_is_loopback(int socket);
bool __wrap_listen_is_loopback(int socket);

static _Thread_local bool sealed; /* Only of the thread that serves: names may allocate. */

static void check(void)
{
    static const char said[] = "lockd_sealed: memory is allocated while serving\n";
    if (!sealed)
        return;
    ssize_t written = write(STDERR_FILENO, said, sizeof said - 1);
    (void)written;
    sealed = false;
    abort();
}

void *malloc(size_t bytes)
{
    check();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    check();
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    check();
    return __libc_realloc(memory, bytes);
}

bool __wrap_listen_is_loopback(int socket)
{
    bool loopback = __real_listen_is_loopback(socket);
    sealed = true;
    return loopback;
}
/* NOLINTEND */
