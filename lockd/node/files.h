/*
 * Who may work on files beside the log: snapshots that are taken, received, sent and
 * installed, and the beginning of the log. One piece of work is under way at a time, and
 * the users take turns, so that no one starves the others. The log's own writes and reads do not
 * wait here.
 */
#ifndef NODE_FILES_H
#define NODE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

enum files_user {
    FILES_SNAPSHOTTER,
    FILES_COMPACTOR,
    FILES_RECEIVER,
    FILES_SENDER,
    FILES_BACKUPS,
    FILES_SCRUBBER,
    FILES_USER_COUNT
};

struct files {
    struct node_file wanted[FILES_USER_COUNT];
    bool asked[FILES_USER_COUNT]; /* The user waits for this one to be done. */
    bool busy;                    /* One is under way ... */
    uint8_t busy_for;
    uint64_t id;  /* ... with this number. */
    uint8_t turn; /* The user that is looked at first */
};

/* What became of a user's work. */
struct file_done {
    enum files_user user;
    struct node_file file;
    bool failed;
    const unsigned char *bytes; /* Of a read */
    size_t count;
};

/* The user wants this; it wants nothing else until it is done. */
void files_ask(struct files *files, enum files_user user, const struct node_file *file);

static inline bool files_is_idle(const struct files *files, enum files_user user)
{
    return !files->asked[user];
}

/* Turn end: tell io the next piece of work, if none is under way. */
void files_next(struct files *files, struct node_effects *effects);

struct file_done files_take(struct files *files, const struct node_event *event);

void files_check(const struct files *files);

#ifdef __cplusplus
}
#endif

#endif
