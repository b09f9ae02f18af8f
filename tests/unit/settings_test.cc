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
            NS_PER_S, NS_PER_MS, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
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

} // namespace
