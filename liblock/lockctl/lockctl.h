/*
 * What the subcommands of lockctl share. Each is one function from arguments to an exit
 * code.
 */
#ifndef LOCKCTL_LOCKCTL_H
#define LOCKCTL_LOCKCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "liblock.h"
#include "tool/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Exit codes: this list, and the one in lockctl(1). They are those of sysexits.h where one
 * fits, as in flock(1), because commands under `lockctl run` mostly use codes below 64. What
 * stands for a failure of lockctl stands for nothing else. 128 + N: ended by signal N.
 */
enum exit_code {
    EXIT_DONE = 0,
    /* status: serves, but has a problem; release: nothing is held. */
    EXIT_NO = 1,
    EXIT_WRONG_USAGE = 64,  /* The command line can never work. */
    EXIT_NO_CLUSTER = 69,   /* No node, or no leader, answered in time. */
    EXIT_REFUSED = 70,      /* The cluster refused; the message says why. */
    EXIT_SYSTEM = 71,       /* This machine refused: fork, files, descriptors. */
    EXIT_LIMIT = 72,        /* A limit of the cluster is reached; the message names it. */
    EXIT_UNCONFIRMED = 73,  /* The lock was given up, but no answer says that it is free. */
    EXIT_LOST = 74,         /* The lock was lost while it was held. */
    EXIT_NOT_ACQUIRED = 75, /* Others held it until the wait ended. */
    EXIT_BUSY = 76,         /* The cluster was overloaded all the time. */
    EXIT_OUTLIVED = 77,     /* The lock was lost, and the command could not be ended. */
    EXIT_OUT_OF_RANGE = 78, /* --ttl is out of the range that the cluster allows. */
    EXIT_UNDER_WAY = 79,    /* A change was begun, but not done in time. */
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
    EXIT_SIGNAL = 128,
};

/* Options that every subcommand has. */
struct common {
    const char *cluster;
    uint64_t connect_ns; /* How long to look for a node that answers */
    bool json;
    bool verbose;
    char notice[160]; /* The library's last notice: why no node is reached */
};

#define COMMON_INIT                             \
    {                                           \
        NULL, 5 * LK_SECOND, false, false, {0}, \
    }

/* clang-format off */
#define COMMON_ROWS(common)                                                             \
    {"cluster", OPTION_TEXT, &(common)->cluster, 0, 0, "LIST",                          \
            "nodes, host:port,host:port (default: $LOCKD_CLUSTER)"},                    \
    {"connect", OPTION_DURATION, &(common)->connect_ns, LK_MILLISECOND,                 \
            3600 * LK_SECOND, "DUR", "give up when no cluster answers in this time (5s; status: 2s)"}, \
    {"verbose", OPTION_FLAG, &(common)->verbose, 0, 0, NULL,                            \
            "log connection events to stderr"}
#define JSON_ROW(common)                                                                \
    {"json", OPTION_FLAG, &(common)->json, 0, 0, NULL, "print JSON"}
/* clang-format on */

#define ROWS_OF(rows) rows, sizeof(rows) / sizeof((rows)[0])

/* Fills in nodes, times and the log of liblock's options. */
void common_fill(struct common *common, struct lk_options *options);

/* Print why lk_open() failed, which it has just recorded; returns the exit code. */
int open_failed(const struct common *common, enum lk_status status);

/*
 * What a subcommand does first. True: continue. False: end with `*code`, because help was
 * shown, or the command line is wrong and the error was printed.
 */
bool begin_command(const struct options *table, char **arguments, struct operands *operands,
        int *code);

/* True when it is a valid name of a lock; else the error was printed. */
bool name_is_valid(const char *name);

/* The exit code for a status that is not LK_OK and came while nothing was held. */
int status_exit(enum lk_status status);

/*
 * Returns `code`. If it is EXIT_NO_CLUSTER, the nodes are asked first what is wrong with them,
 * for half a second at most, and a line is printed for each that is not well. Call it after
 * the line that says what failed.
 */
int tell_causes(const struct common *common, int code);

int run_command(char **arguments);
int acquire_command(char **arguments);
int release_command(char **arguments);
int check_command(char **arguments);
int status_command(char **arguments);
int list_command(char **arguments);
int query_command(char **arguments);
int members_command(char **arguments);
int transfer_command(char **arguments);
int upgrade_command(char **arguments);
int backup_command(char **arguments);

#ifdef __cplusplus
}
#endif

#endif
