/* What is said when io_uring is missing or forbidden, and that it works where it should. */
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "io/uring.h"

namespace {

std::string refusal(int error, int disabled)
{
    char reason[URING_REASON_BYTES];
    uring_refusal(error, disabled, "5.10.0", reason);
    return reason;
}

bool has(const std::string &text, const char *part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

TEST(Uring, EachRefusalSaysWhatIsMissingWhoHasItAndWhatToDo)
{
    struct {
        int error;
        int disabled;
        const char *says;
    } rows[] = {
            {EPERM, 2, "kernel.io_uring_disabled=2"},
            {EPERM, 1, "kernel.io_uring_group"},
            {EPERM, 0, "seccomp"},
            {EPERM, -1, "seccomp"},
            {ENOSYS, -1, "has no io_uring"},
            {EINVAL, 0, "Linux 6.1"},
            {EOPNOTSUPP, 0, "Linux 6.1"},
            {ENOMEM, 0, "RLIMIT_MEMLOCK"},
            {EMFILE, 0, "RLIMIT_NOFILE"},
    };
    for (const auto &row : rows) {
        std::string text = refusal(row.error, row.disabled);
        EXPECT_TRUE(has(text, row.says)) << text;
        EXPECT_TRUE(has(text, "kernel 5.10.0")) << text;
        EXPECT_TRUE(has(text, "6.1")) << text;
        EXPECT_FALSE(has(text, "\n")) << text;
        EXPECT_LT(text.size(), URING_REASON_BYTES - 1u);
    }
}

TEST(Uring, OpensAndProbesHere)
{
    struct uring uring;
    char reason[URING_REASON_BYTES] = "";
    for (int round = 0; round < 3; round++) {
        ASSERT_TRUE(uring_open(&uring, 64, reason)) << reason;
        struct uring_done done;
        EXPECT_EQ(uring_take(&uring, &done, 1), 0u) << "the probe leaves nothing behind";
        uring_close(&uring);
    }
}

TEST(Uring, TagsKeepWhatTheyAreGiven)
{
    uint64_t tag = uring_tag(OP_LOG_SYNC, 0xfffffffe);
    EXPECT_EQ(uring_tag_op(tag), OP_LOG_SYNC);
    EXPECT_EQ(uring_tag_slot(tag), 0xfffffffe);
}

/* More submissions than the ring has room for are submitted on the way, in order. */
TEST(Uring, TakesMoreThanItsEntries)
{
    struct uring uring;
    char reason[URING_REASON_BYTES] = "";
    ASSERT_TRUE(uring_open(&uring, 4096, reason)) << reason;
    for (uint32_t i = 0; i < 3 * URING_ENTRIES; i++) {
        struct io_uring_sqe *sqe = uring_next(&uring);
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, uring_tag(OP_IGNORED, i));
    }
    uint32_t seen = 0;
    for (int round = 0; round < 100 && seen < 3 * URING_ENTRIES; round++) {
        ASSERT_EQ(uring_wait(&uring, 1000000), 0);
        struct uring_done done;
        while (uring_take(&uring, &done, 1) == 1)
            EXPECT_EQ(uring_tag_slot(done.tag), seen++);
    }
    EXPECT_EQ(seen, 3 * URING_ENTRIES);
    uring_close(&uring);
}
