#include "tool/table.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

namespace {

std::string printed(const struct table *table)
{
    char *text = nullptr;
    size_t count = 0;
    FILE *out = open_memstream(&text, &count);
    table_print(table, out, "  ");
    fclose(out);
    std::string result(text, count);
    free(text);
    return result;
}

TEST(Table, ColumnsAreAsWideAsTheyNeed)
{
    struct table table;
    table_init(&table, "lrl");
    for (const char *cell :
            {"name", "count", "note", "b\xc3\xa4r", "7", "", "x", "12345", "end"})
        table_cell(&table, "%s", cell);
    EXPECT_EQ(printed(&table), "  name  count  note\n"
                               "  b\xc3\xa4r       7\n"
                               "  x     12345  end\n");
    table_drop(&table);
}

TEST(Table, NamesPlayNoTricksWithATerminal)
{
    struct table table;
    table_init(&table, "l");
    table_bytes(&table, "a\x1b[2J\n\xff\xc2\x9b\0z", 11);
    EXPECT_EQ(printed(&table), "  a\\x1b[2J\\x0a\\xff\\xc2\\x9b\\x00z\n");
    table_drop(&table);
}

} // namespace
