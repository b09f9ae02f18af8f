/*
 * Text from elsewhere, made safe to show.
 *
 * Names of locks, labels, addresses and whatever else comes from users or from the wire are
 * bytes. On a terminal some bytes are commands: they move the cursor, change colours, or
 * make text look like other text. Every program shows such bytes through text_show(), which
 * writes them as \xNN.
 */
#ifndef LOCKD_BASE_TEXT_H
#define LOCKD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TEXT_SHOWN_MAX = 4 /* Characters for one byte, at most: \xNN */
};

/* The length of the UTF-8 sequence at `bytes`, 0 if there is none. Shortest forms only. */
size_t utf8_length(const unsigned char *bytes, size_t count);

/*
 * Whether the character at `bytes`, of `length` bytes as utf8_length() says, is shown as it
 * is. Not so: control characters, and what changes the direction of text or has no width.
 */
bool text_is_plain(const unsigned char *bytes, size_t length);

/*
 * Write `count` bytes for people to `to`, which has room for `room` (not 0), with a final
 * NUL. Returns the length. What does not fit is cut, never within a character. `to` must
 * not be `bytes`.
 */
size_t text_show(char *to, size_t room, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
