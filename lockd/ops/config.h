/*
 * The settings of lockd: flags, and a config file with the same keys, from one table.
 *
 *     --heartbeat 50ms   --heartbeat=50ms          on the command line
 *     heartbeat = 50ms                             in the file; # starts a comment
 *     data = "/var/lib/lock #1"                    also with quotes
 *
 * A flag overrides the file. An error is one line that names the flag, the value and what
 * is allowed; then nothing is started.
 */
#ifndef OPS_CONFIG_H
#define OPS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CONFIG_PATH_BYTES = 1024,
    CONFIG_WORD_BYTES = 16,
    CONFIG_ERROR_BYTES = 512,
    CONFIG_SETTINGS_MAX = 64,
};

enum config_write {
    CONFIG_WRITE_DSYNC,
    CONFIG_WRITE_FSYNC
};

struct config {
    struct node_settings node; /* Complete, except version */
    char data[CONFIG_PATH_BYTES];
    char file[CONFIG_PATH_BYTES];
    char dev[CONFIG_PATH_BYTES];
    /* Made or read while no node runs; "": a node is to run */
    char restore[CONFIG_PATH_BYTES]; /* A backup */
    char recover[CONFIG_PATH_BYTES]; /* The data directory of a survivor */
    char inspect[CONFIG_PATH_BYTES]; /* Either of them */
    uint8_t only_member;             /* As --recover wants it said; 0: it was not */
    bool accept_loss;
    bool list_holds; /* --inspect shows each lock that is held */
    char congestion[CONFIG_WORD_BYTES];
    struct address listen;
    struct address http; /* Port 0: no HTTP */
    uint32_t write;      /* enum config_write */
    uint32_t log_level;  /* enum logger_level */
    uint32_t log_format; /* enum log_form */
    bool check;
    bool plan;
    bool version;
    bool help;
    bool given[CONFIG_SETTINGS_MAX]; /* By row of the table */
};

/* A row of the table, for help, pages and their test. */
struct config_row {
    const char *key;
    const char *argument; /* "SIZE"; NULL: a switch */
    const char *help;
    char standard[ADDRESS_TEXT_BYTES]; /* The default; "" if there is none */
};

/*
 * Read the command line (argv[0] is skipped) and the file it names. False with the line to
 * show in `error`, CONFIG_ERROR_BYTES. With --help or --version nothing else is validated.
 */
bool config_read(struct config *config, char **argv, char *error);

/* The table: false past the last row. */
bool config_describe(size_t number, struct config_row *row);

#ifdef __cplusplus
}
#endif

#endif
