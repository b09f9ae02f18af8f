/*
 * What a process inherits over exec from whoever starts it, and what lockctl does about it:
 *
 *     descriptors 0, 1, 2   closed: /dev/null takes the number, or a socket would get it
 *     descriptors above 2   `run` leaves them to the command, `acquire` closes them
 *     blocked signals       lockctl unblocks all; the command gets the mask of the caller
 *     ignored signals       stay ignored (nohup, "&"); a signal that the caller ignores is
 *                           not taken. SIGCHLD is not ignored here: we wait for children
 *     SIGPIPE, SIGXFSZ      ignored here, because a message must never end lockctl; the
 *                           command gets them as the caller had them
 *     umask, limits,        not touched; a keeper sets its umask and goes to /
 *     directory, terminal
 *     process id 1          orphans are reaped (child.h, watch.h)
 */
#ifndef LOCKCTL_HYGIENE_H
#define LOCKCTL_HYGIENE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* First thing in main(). */
void hygiene_start(void);

/* True when the caller ignores this signal. */
bool hygiene_ignores(int signal);

/* True when descriptor 0, 1 or 2 was closed at the start. */
bool hygiene_was_closed(int descriptor);

/* In a child before exec: mask and signals as the caller had them. */
void hygiene_restore(void);

/* Close every descriptor from 3 on, except those in `keep` and that of messages. */
void hygiene_close_others(const int *keep, size_t count);

/* Put /dev/null in the place of descriptors 0, 1 and 2. */
void hygiene_leave_terminal(void);

#ifdef __cplusplus
}
#endif

#endif
