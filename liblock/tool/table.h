/*
 * A table for people: cells are collected, then printed in columns as wide as they need.
 * Columns of numbers are aligned right. What is not printable in a cell is shown as \xNN,
 * so that the name of a lock cannot play tricks with a terminal.
 */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct table {
    size_t column_count;
    const char *right; /* One letter per column: 'r' aligns right, 'l' left */
    char **cells;      /* Row after row */
    size_t cell_count;
    size_t cell_max;
};

/* `columns` has one letter per column, like "lrrl". It is kept, so pass a literal. */
void table_init(struct table *table, const char *columns);

/* Add the next cell; after the last of a row the next row begins. */
void table_cell(struct table *table, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void table_bytes(struct table *table, const void *bytes, size_t count);

/* Print all rows, each with `indent` before it. */
void table_print(const struct table *table, FILE *out, const char *indent);

void table_drop(struct table *table);

#ifdef __cplusplus
}
#endif

#endif
