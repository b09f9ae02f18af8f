/*
 * Lets `lockctl release` find the `lockctl acquire` that keeps a lock, on this machine.
 *
 * A session belongs to one process, so only `acquire` itself can release what it acquired.
 * Each has a socket in a folder of its user:
 *
 *     $XDG_RUNTIME_DIR/lockctl/4711, or /tmp/lockctl-UID/4711
 *
 * The name is its process id, but that is for people: nobody is ever signalled by it, and
 * in another pid namespace it means another process. Whoever connects is told what is kept
 * there (the card), may answer with one byte, which asks for the release, and gets one byte
 * back, the exit code. A socket whose process is dead refuses connections and is removed.
 */
#ifndef LOCKCTL_KEEPER_H
#define LOCKCTL_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "liblock.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KEEPER_PATH_BYTES = 256,
    KEEPER_NODES_BYTES = 2048,
    KEEPER_CARD_BYTES = KEEPER_NODES_BYTES + 640,
    KEEPER_CALLERS_MAX = 8,
};

/* What a keeper says of itself. */
struct keeper_card {
    uint64_t token;
    uint64_t cluster;
    int process;
    char name[LK_NAME_MAX + 1];
    char nodes[KEEPER_NODES_BYTES]; /* As its user gave them */
};

/* One line of text, and back. */
void keeper_card_text(const struct keeper_card *card, char text[KEEPER_CARD_BYTES]);
bool keeper_card_parse(const char *text, struct keeper_card *card);

/*
 * The folder of this user. False: there is none, or with `make` it cannot be made, which
 * was printed. `path` has room for KEEPER_PATH_BYTES and is set in every case.
 */
bool keeper_folder(char path[], bool make);

struct keeper {
    int folder;
    int listener;
    int events; /* To poll: readable when keeper_asked() has something to do; -1: no socket */
    struct {
        int socket;
        bool asked;
    } callers[KEEPER_CALLERS_MAX];
    char file[64]; /* Its name in the folder */
    char card[KEEPER_CARD_BYTES];
};

/*
 * Make the socket, before there is anything to keep; nobody finds it yet. The process goes
 * to the directory /. False: the error was printed.
 */
bool keeper_prepare(struct keeper *keeper);

/* From now on it is found. False: the error was printed. */
bool keeper_publish(struct keeper *keeper, const struct keeper_card *card);

/* Talk to whoever connects. Returns whether somebody has asked for the release. */
bool keeper_asked(struct keeper *keeper);

/* It is over: nobody finds it any more. Those who asked get the exit code. */
void keeper_withdraw(struct keeper *keeper, int code);

#ifdef __cplusplus
}
#endif

#endif
