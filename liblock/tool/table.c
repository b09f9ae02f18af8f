#include "tool/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tool/fail.h"

void table_init(struct table *table, const char *columns)
{
    *table = (struct table){.column_count = strlen(columns), .right = columns};
    assert(table->column_count > 0);
}

static void take_cell(struct table *table, char *cell)
{
    if (table->cell_count == table->cell_max) {
        table->cell_max = table->cell_max == 0 ? 64 : table->cell_max * 2;
        table->cells =
                need(realloc(table->cells, table->cell_max * sizeof(table->cells[0])));
    }
    table->cells[table->cell_count++] = cell;
}

void table_cell(struct table *table, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    table_bytes(table, text, strlen(text));
}

void table_bytes(struct table *table, const void *bytes, size_t count)
{
    size_t room = count * TEXT_SHOWN_MAX + 1;
    char *cell = need(malloc(room));
    size_t length = text_show(cell, room, bytes, count);
    take_cell(table, need(realloc(cell, length + 1)));
}

/* Characters, as near as counting code points comes to it. */
static size_t width_of(const char *cell)
{
    size_t width = 0;
    for (; *cell != '\0'; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t width = 0;
    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t cell = width_of(table->cells[i]);
        width = cell > width ? cell : width;
    }
    return width;
}

static void print_padded(FILE *out, const char *cell, size_t width, char side)
{
    int padding = (int)(width - width_of(cell));
    if (side == 'r')
        (void)fprintf(out, "%*s%s", padding, "", cell);
    else
        (void)fprintf(out, "%s%*s", cell, padding, "");
}

/* Up to the last cell that has something: no blanks at the end of a line. */
static void print_row(
        const struct table *table, char **row, const size_t *widths, FILE *out)
{
    size_t count = table->column_count;
    while (count > 0 && row[count - 1][0] == '\0')
        count--;
    for (size_t i = 0; i < count; i++) {
        bool cut = i == count - 1 && table->right[i] != 'r';
        (void)fputs(i == 0 ? "" : "  ", out);
        print_padded(out, row[i], cut ? width_of(row[i]) : widths[i], table->right[i]);
    }
    (void)fputc('\n', out);
}

void table_print(const struct table *table, FILE *out, const char *indent)
{
    size_t count = table->column_count;
    assert(table->cell_count % count == 0);
    size_t *widths = need(calloc(count, sizeof(widths[0])));
    for (size_t column = 0; column < count; column++)
        widths[column] = column_width(table, column);
    for (size_t i = 0; i < table->cell_count; i += count) {
        (void)fputs(indent, out);
        print_row(table, &table->cells[i], widths, out);
    }
    free(widths);
}

void table_drop(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){.column_count = table->column_count, .right = table->right};
}
