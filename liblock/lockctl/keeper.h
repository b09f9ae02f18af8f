/*
 * Finds the `lockctl acquire` that keeps a lock, from another `lockctl` on this machine.
 *
 * A session belongs to one process, so only `acquire` itself can release what it acquired.
 * Each has a file in a directory of its user. The file's name is its process id:
 *
 *     $XDG_RUNTIME_DIR/lockctl/4711, or /tmp/lockctl-UID/4711:   "TOKEN HEXNAME\n"
 *
 * and holds flock(2) on it while it runs. A file that can be locked belongs to a dead
 * process, and its process id means nothing. `release` finds the file and sends SIGTERM.
 */
#ifndef LOCKCTL_KEEPER_H
#define LOCKCTL_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KEEPER_PATH_BYTES = 256
};

struct keeper {
    int file;
    char path[KEEPER_PATH_BYTES];
};

/* Announce this process as the keeper of a lock. False: the error was printed. */
bool keeper_announce(struct keeper *keeper, const char *name, uint64_t token);
void keeper_withdraw(struct keeper *keeper);

/*
 * Tell the keepers of `name` to release it and wait until they exit; `token` 0: any token.
 * Returns how many exited; -1: the error was printed.
 */
int keeper_dismiss(const char *name, uint64_t token);

/* One line of a keeper's file. */
bool keeper_line_parse(const char *line, char name[], uint64_t *token);
void keeper_line_text(char line[], const char *name, uint64_t token);

enum {
    KEEPER_LINE_BYTES = 640
};

#ifdef __cplusplus
}
#endif

#endif
