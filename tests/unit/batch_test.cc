/* Bodies of batches: what a leader writes is what every replica walks. */
#include "protocol/batch.h"

#include "worlds/messages.h"

namespace {

using namespace messages;

struct batch {
    bytes body;
    std::vector<command> commands; /* With their sections */
    std::vector<keepalive> keepalives;
};

void append(bytes &to, const bytes &what)
{
    ASSERT_FALSE(what.empty());
    to.insert(to.end(), what.begin(), what.end());
}

/* One section and its commands, as a leader writes them. */
void add_section(dice &dice, batch &batch, bytes &body)
{
    command command{};
    command.section = make_section(dice, false);
    if (command.section.session != 0)
        command.section.count = static_cast<uint16_t>(dice.between(1, 5));
    append(body, encode(wire_section_logged, command.section));
    for (unsigned i = 0; i < command.section.count; i++) {
        uint8_t kind = REQUEST_OPEN;
        if (command.section.session == 0) {
            for (unsigned char &byte : command.section.secret)
                byte = dice.byte(0, 255);
        } else {
            kind = dice.byte(command.section.unproved ? REQUEST_KEEPALIVE : REQUEST_CLOSE,
                    REQUEST_RELEASE);
        }
        command.request = make_request(dice, kind);
        append(body, encode(wire_command, command));
        batch.commands.push_back(command);
    }
}

batch make_batch(dice &dice, uint64_t sections, uint32_t keepalives)
{
    batch batch;
    bytes commands;
    for (uint64_t i = 0; i < sections; i++)
        add_section(dice, batch, commands);
    batch_head head{5, 6, static_cast<uint32_t>(commands.size()), keepalives};
    append(batch.body, encode(wire_batch_head, head));
    batch.body.insert(batch.body.end(), commands.begin(), commands.end());
    for (uint32_t i = 0; i < keepalives; i++) {
        batch.keepalives.push_back(keepalive_case::make(dice));
        append(batch.body, encode(wire_keepalive, batch.keepalives.back()));
    }
    return batch;
}

TEST(Batch, IsWalkedAsItWasWritten)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        class dice dice(seed);
        batch batch =
                make_batch(dice, dice.below(20), static_cast<uint32_t>(dice.below(20)));
        struct batch_reader reader;
        ASSERT_TRUE(batch_reader_init(&reader, batch.body.data(), batch.body.size()));
        EXPECT_EQ(reader.head.dt_ns, 5U);
        EXPECT_EQ(reader.head.wall_ns, 6U);
        for (const keepalive &expected : batch.keepalives) {
            keepalive heard;
            ASSERT_TRUE(batch_next_keepalive(&reader, &heard));
            ASSERT_EQ(keepalive_case::fields(heard), keepalive_case::fields(expected));
        }
        for (const command &expected : batch.commands) {
            command heard{};
            ASSERT_TRUE(batch_next_command(&reader, &heard));
            ASSERT_EQ(request_fields(heard.request), request_fields(expected.request));
            ASSERT_EQ(section_fields(heard.section), section_fields(expected.section));
        }
        keepalive none;
        command nothing{};
        EXPECT_FALSE(batch_next_keepalive(&reader, &none));
        EXPECT_FALSE(batch_next_command(&reader, &nothing));
        EXPECT_TRUE(batch_complete(&reader));
    }
}

/* A TERM_START. */
TEST(Batch, MayBeEmpty)
{
    class dice dice(1);
    batch batch = make_batch(dice, 0, 0);
    EXPECT_EQ(batch.body.size(), size_t{BATCH_HEAD_BYTES});
    struct batch_reader reader;
    EXPECT_TRUE(batch_reader_init(&reader, batch.body.data(), batch.body.size()));
    EXPECT_TRUE(batch_complete(&reader));
}

/* Walks to the end, and says whether it was a batch; without the walk the same is said. */
bool walk(const bytes &body)
{
    struct batch_reader reader;
    if (!batch_reader_init(&reader, body.data(), body.size()))
        return false;
    bool whole = batch_is_whole(&reader);
    keepalive keepalive;
    while (batch_next_keepalive(&reader, &keepalive))
        ;
    command command{};
    while (batch_next_command(&reader, &command))
        ;
    EXPECT_EQ(whole, batch_complete(&reader));
    return whole;
}

TEST(Batch, CutShortOrLongerIsRefused)
{
    class dice dice(2);
    batch batch = make_batch(dice, 5, 5);
    ASSERT_TRUE(walk(batch.body));
    for (size_t size = 0; size < batch.body.size(); size++) {
        bytes cut(batch.body.begin(), batch.body.begin() + static_cast<ptrdiff_t>(size));
        struct batch_reader reader;
        ASSERT_FALSE(batch_reader_init(&reader, cut.data(), cut.size()));
    }
    batch.body.push_back(0);
    EXPECT_FALSE(walk(batch.body));
}

TEST(Batch, SectionMustHaveItsCommands)
{
    class dice dice(3);
    section section{7, false, {}, 0, 0, 2};
    bytes commands = encode(wire_section_logged, section);
    append(commands, encode(wire_request, make_request(dice, REQUEST_CLOSE)));
    batch_head head{0, 0, static_cast<uint32_t>(commands.size()), 0};
    bytes body = encode(wire_batch_head, head);
    append(body, commands);
    EXPECT_FALSE(walk(body));
}

/*
 * An OPEN stands without a session, everything else in one, a keepalive among those of the
 * entry unless its section is unproved.
 */
TEST(Batch, CommandFitsItsSection)
{
    class dice dice(4);
    command command{};
    command.request = make_request(dice, REQUEST_CLOSE);
    EXPECT_TRUE(encode(wire_command, command).empty());
    command.section.session = 7;
    EXPECT_FALSE(encode(wire_command, command).empty());
    command.request = make_request(dice, REQUEST_OPEN);
    EXPECT_TRUE(encode(wire_command, command).empty());
    command.request = make_request(dice, REQUEST_KEEPALIVE);
    EXPECT_TRUE(encode(wire_command, command).empty());
    command.section.unproved = true;
    EXPECT_FALSE(encode(wire_command, command).empty());
}

/* Whatever stands there: the walk ends, within the body. */
TEST(Batch, GarbageIsWalkedToAnEnd)
{
    int taken = 0;
    for (uint64_t seed = 0; seed < 500; seed++) {
        class dice dice(seed);
        batch batch = make_batch(dice, 4, 3);
        for (uint64_t i = 1 + dice.below(4); i > 0; i--) {
            uint64_t at = dice.below(batch.body.size());
            batch.body[at] = dice.byte(0, 255);
        }
        bytes exact(batch.body); /* Without room behind it */
        taken += walk(exact) ? 1 : 0;
    }
    EXPECT_GT(taken, 0);
    EXPECT_LT(taken, 500);
}

} // namespace
