#include "base/mark.h"

#include <cstring>
#include <gtest/gtest.h>

namespace {

void pass_one()
{
    MARK(test_of_marks);
}

void pass_other()
{
    MARK(test_of_marks);
}

void pass_never()
{
    MARK(test_of_marks_never);
}

TEST(Mark, CountsAllPlacesOfAName)
{
    uint64_t before = mark_count("test_of_marks");
    pass_one();
    pass_one();
    pass_other();
    EXPECT_EQ(mark_count("test_of_marks"), before + 3);
    EXPECT_EQ(mark_count("test_of"), 0U);
    EXPECT_EQ(mark_count("test_of_marks_not"), 0U);
}

TEST(Mark, IsListedBeforeItIsPassed)
{
    bool listed = false;
    for (const struct mark *mark = mark_begin(); mark < mark_end(); mark++) {
        if (strcmp(mark->name, "test_of_marks_never") == 0) {
            listed = true;
            EXPECT_NE(strstr(mark->file, "mark_test.cc"), nullptr);
        }
    }
    EXPECT_TRUE(listed);
    if (mark_count("test_of_marks_never") != 0)
        pass_never();
}

} // namespace
