#include "worlds/messages.h"

namespace {

using namespace messages;

TEST(Settings, DefaultsAreValid)
{
    cluster_settings settings = settings_default();
    EXPECT_TRUE(settings_valid(&settings));
    EXPECT_EQ(settings.max_ttl_ns, 60 * NS_PER_S);
    EXPECT_EQ(settings.term_grace_ns, 2 * NS_PER_S);
}

TEST(Settings, TinyOnesAreValid)
{
    cluster_settings tiny{
            NS_PER_S, NS_PER_MS, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
    EXPECT_TRUE(settings_valid(&tiny));
}

TEST(Settings, OutOfRangeIsInvalid)
{
    using spoil = void (*)(cluster_settings &);
    const spoil spoils[] = {
            [](cluster_settings &s) { s.max_ttl_ns = NS_PER_S - 1; },
            [](cluster_settings &s) { s.max_ttl_ns = 24 * 3600 * NS_PER_S + 1; },
            [](cluster_settings &s) { s.min_ttl_ns = 0; },
            [](cluster_settings &s) { s.min_ttl_ns = s.max_ttl_ns + 1; },
            [](cluster_settings &s) { s.term_grace_ns = UINT64_MAX; },
            [](cluster_settings &s) { s.work_max = 0; },
            [](cluster_settings &s) { s.sessions_max = 0; },
            [](cluster_settings &s) { s.locks_max = 0; },
            [](cluster_settings &s) { s.holds_max = 0; },
            [](cluster_settings &s) { s.waits_max = 0; },
            [](cluster_settings &s) { s.waits_per_lock_max = 0; },
            [](cluster_settings &s) { s.answers_max = 0; },
            [](cluster_settings &s) { s.changes_max = 0; },
            [](cluster_settings &s) { s.changes_per_session_max = 0; },
            [](cluster_settings &s) { s.name_blocks_max = 0; },
            [](cluster_settings &s) { s.count_max = 0; },
            [](cluster_settings &s) { s.holds_per_session_max = 0; },
            [](cluster_settings &s) { s.waits_per_session_max = 0; },
            [](cluster_settings &s) { s.sessions_max = UINT32_MAX; },
            [](cluster_settings &s) { s.address_percent = 0; },
            [](cluster_settings &s) { s.address_percent = 101; },
            [](cluster_settings &s) { s.label_percent = 0; },
            [](cluster_settings &s) { s.label_percent = 101; },
            [](cluster_settings &s) { s.version = 0; },
            [](cluster_settings &s) { s.upgrade_after_ns = 367 * 24 * 3600 * NS_PER_S; },
    };
    class dice dice(1);
    bootstrap good = bootstrap_case::make(dice);
    size_t number = 0;
    for (spoil apply : spoils) {
        bootstrap bad = good;
        apply(bad.settings);
        EXPECT_FALSE(settings_valid(&bad.settings)) << number;
        EXPECT_TRUE(encode(wire_bootstrap, bad).empty()) << number;
        number++;
    }
}

TEST(Settings, MembersOfABootstrapAreAscending)
{
    class dice dice(2);
    bootstrap good = bootstrap_case::make(dice);
    good.members = {3, {1, 2, 3}};
    EXPECT_FALSE(encode(wire_bootstrap, good).empty());
    for (members bad :
            {members{0, {}}, members{8, {1, 2, 3, 4, 5, 6, 7}}, members{2, {1, 1}},
                    members{2, {2, 1}}, members{1, {0}}, members{1, {64}}}) {
        good.members = bad;
        EXPECT_TRUE(encode(wire_bootstrap, good).empty());
    }
}

/* What a later version adds to the settings is passed over. */
TEST(Settings, MoreThanAreKnownArePassedOver)
{
    class dice dice(3);
    bootstrap sent = bootstrap_case::make(dice);
    bytes wire = encode(wire_bootstrap, sent);
    uint16_t record = wire_get_u16(wire.data());
    wire_put_u16(wire.data(), static_cast<uint16_t>(record + 5));
    wire.insert(wire.begin() + 2 + record, 5, 0xee);
    bootstrap heard{};
    ASSERT_TRUE(decode(wire_bootstrap, wire, heard));
    EXPECT_EQ(bootstrap_case::fields(heard), bootstrap_case::fields(sent));
}

settings_change change_of(uint16_t setting, uint64_t value)
{
    return {0, 1, {{setting, value}}};
}

TEST(Settings, AChangeRaisesTheVersionAndNeverLowersIt)
{
    cluster_settings settings = settings_default();
    const std::pair<uint64_t, uint16_t> steps[] = {{3, 3}, {2, 3}, {4, 4}};
    for (const auto &[value, after] : steps) {
        settings_change change = change_of(SETTING_VERSION, value);
        ASSERT_TRUE(settings_change_valid(&change));
        EXPECT_EQ(settings_change_version(&change), value);
        settings_apply(&settings, &change);
        EXPECT_EQ(settings.version, after);
    }
    settings_change change = change_of(SETTING_UPGRADE_AFTER, 7 * NS_PER_S);
    EXPECT_EQ(settings_change_version(&change), 0);
    settings_apply(&settings, &change);
    EXPECT_EQ(settings.upgrade_after_ns, 7 * NS_PER_S);
    EXPECT_EQ(settings.version, 4);
}

TEST(Settings, AChangeOfWhatIsNotKnownIsInvalid)
{
    const std::pair<uint16_t, uint64_t> bad[] = {{0, 1}, {3, 1}, {SETTING_VERSION, 0},
            {SETTING_VERSION, 65536}, {SETTING_UPGRADE_AFTER, 367 * 24 * 3600 * NS_PER_S}};
    for (const auto &[setting, value] : bad) {
        settings_change change = change_of(setting, value);
        EXPECT_FALSE(settings_change_valid(&change)) << setting << " = " << value;
    }
}

} // namespace
