/*
 * An address as people write it: `host:port`, `host` alone (the port then is the default),
 * `[IPv6]:port` or `[IPv6]`. Pure: nothing is resolved here, and a host may be any name.
 */
#ifndef LOCKD_BASE_ADDRESS_H
#define LOCKD_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ADDRESS_HOST_BYTES = 256, /* With its NUL; RFC 1035 allows 253 characters */
    ADDRESS_PORT_DEFAULT = 5625,
    ADDRESS_TEXT_BYTES = ADDRESS_HOST_BYTES + 10, /* "[", "]:", five digits, NUL */
};

struct address {
    char host[ADDRESS_HOST_BYTES]; /* Without brackets */
    uint16_t port;
};

/*
 * Read the `count` characters of `text`. False, with `*why` a few words on the error, for
 * an empty or overlong host, a port that is not 1 to 65535, and brackets that do not close;
 * an IPv6 address needs brackets, because its colons could be a port's.
 */
bool address_parse(
        const char *text, size_t count, struct address *address, const char **why);

/* Write it in full, with its port, to ADDRESS_TEXT_BYTES at `text`; returns the length. */
size_t address_text(const struct address *address, char *text);

#ifdef __cplusplus
}
#endif

#endif
