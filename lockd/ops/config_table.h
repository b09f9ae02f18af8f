/* The table of settings: only config*.c and reload.c include this. */
#ifndef OPS_CONFIG_TABLE_H
#define OPS_CONFIG_TABLE_H

#include "ops/config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum setting_kind {
    SETTING_SWITCH,   /* bool, without a value */
    SETTING_TEXT,     /* char[], not empty */
    SETTING_NUMBER,   /* Unsigned of 1, 4 or 8 bytes, from `least` to `most` */
    SETTING_BYTES,    /* The same, a size */
    SETTING_DURATION, /* The same, in ns */
    SETTING_CHOICE,   /* uint32_t: index of the word in `choices` */
    SETTING_CLUSTER,  /* node.members */
    SETTING_ADDRESS,  /* struct address */
    SETTING_PORT,     /* struct address; a port alone is one of 127.0.0.1. */
};

struct setting {
    const char *key;
    const char *argument;
    const char *help;
    enum setting_kind kind;
    size_t offset; /* In struct config */
    size_t bytes;
    uint64_t least;
    uint64_t most;
    const char *const *choices; /* Ends with NULL */
};

/* `*count` rows, in the order in which they are shown. */
const struct setting *config_table(size_t *count);

/* The row of a key, or the count if there is none. */
size_t config_find(const char *key);

/* Whether the key is allowed in a file: not those that decide what is started. */
bool config_in_file(const struct setting *setting);

/* Read `value` for the row into `config`. False with what is allowed in `allowed`. */
bool config_set(struct config *config, const struct setting *setting, const char *value,
        char *allowed);

/* Its value as a user writes it; "" if none. ADDRESS_TEXT_BYTES at `text`. */
void config_show(const struct config *config, const struct setting *setting, char *text);

/* The member list: 1=host:port,2=host:port. False with what is allowed in `allowed`. */
bool config_set_cluster(struct config *config, const char *value, char *allowed);

/* The relations between settings; false with the line in `error`. */
bool config_judge(struct config *config, char *error);

#ifdef __cplusplus
}
#endif

#endif
