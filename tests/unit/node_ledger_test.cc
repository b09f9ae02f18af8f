/* What a leader owes: pushed, sealed into entries, settled in order, dropped. */
#include <gtest/gtest.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
        "-Wshadow" /* In C a function and a struct may share a name. */
#include "node/ledger.h"
#pragma GCC diagnostic pop

#include "worlds/carved.h"

namespace {

class NodeLedger : public testing::Test {
protected:
    NodeLedger()
    {
        node_settings_default(&settings_);
        settings_.limits.connections_max = 32;
        settings_.limits.owed_max = 16;
        settings_.cluster.sessions_max = 8;
        settings_.limits.client_output_bytes = 4096;
        conns_carve(&conns_, &memory_.arena, &settings_.limits);
        ledger_carve(&ledger_, &memory_.arena, &settings_);
        conns_init(&conns_, &settings_.limits, &notices_);
        ledger_init(&ledger_, &settings_);
    }

    void owe(uint64_t number, uint32_t slot = 0)
    {
        const owed answer{.session = 1, .number = number, .conn = slot, .serial = 1};
        ledger_owe(&ledger_, &answer);
        pushed_++;
    }

    void renew(uint64_t session)
    {
        pending_keepalive *fresh = ledger_new_keepalive(&ledger_, 100);
        *fresh = {};
        fresh->session = session;
        fresh->stamp = session;
        fresh->serial = 1;
    }

    entry_id seal()
    {
        under_way entry{};
        entry.id = {1, ++index_};
        entry.entry.command_count = pushed_;
        pushed_ = 0;
        ledger_seal(&ledger_, &entry);
        ledger_check(&ledger_);
        return entry.id;
    }

    node_settings settings_{};
    carved memory_{4 << 20};
    notices notices_{};
    conns conns_{};
    ledger ledger_{};
    uint64_t index_ = 0;
    uint32_t pushed_ = 0;
};

TEST_F(NodeLedger, SettlesEntriesInTheOrderOfTheirCommands)
{
    owe(1);
    owe(2);
    entry_id first = seal();
    owe(3);
    entry_id second = seal();
    owe(4);
    EXPECT_EQ(ledger_own(&ledger_, second), nullptr) << "the first comes first";

    const under_way *own = ledger_own(&ledger_, first);
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(ledger_settle(&ledger_)->number, 1u);
    EXPECT_EQ(ledger_settle(&ledger_)->number, 2u);
    EXPECT_EQ(ledger_last_settled(&ledger_, own)->number, 2u);
    ledger_finish(&ledger_, own);
    ledger_check(&ledger_);

    own = ledger_own(&ledger_, second);
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(ledger_settle(&ledger_)->number, 3u);
    ledger_finish(&ledger_, own);
    ledger_check(&ledger_);
    EXPECT_EQ(ledger_newest(&ledger_), nullptr);
    EXPECT_EQ(ring_count(&ledger_.owed_ring), 1u) << "of the open batch";
}

TEST_F(NodeLedger, KeepaliveIsOfTheEntryThatItWasSealedInto)
{
    renew(7);
    EXPECT_TRUE(ledger_has_unsealed(&ledger_));
    uint64_t position = ledger_.keepalive_ring.end - 1;
    EXPECT_NE(ledger_unsealed(&ledger_, position), nullptr);
    ASSERT_NE(ledger_seal_keepalive(&ledger_), nullptr);
    EXPECT_EQ(ledger_seal_keepalive(&ledger_), nullptr);
    entry_id first = seal();
    EXPECT_EQ(ledger_unsealed(&ledger_, position), nullptr) << "it is in an entry";
    renew(8);

    const under_way *own = ledger_own(&ledger_, first);
    const pending_keepalive *settled = ledger_settle_keepalive(&ledger_, own);
    ASSERT_NE(settled, nullptr);
    EXPECT_EQ(settled->session, 7u);
    EXPECT_EQ(ledger_settle_keepalive(&ledger_, own), nullptr) << "8 is in no entry";
    ledger_finish(&ledger_, own);
    ledger_check(&ledger_);
}

/*
 * Entries are sealed and none is applied, as when the disks of the others stand still, while
 * every session sends keepalives.
 */
TEST_F(NodeLedger, EverySessionHasRoomForAKeepaliveHoweverManyAreInEntries)
{
    uint32_t sessions = settings_.cluster.sessions_max;
    entry_id first{};
    uint32_t in_entries = 0;
    for (unsigned round = 0; round < 10; round++) {
        uint32_t fresh = static_cast<uint32_t>(
                ledger_.keepalive_ring.end - ledger_.keepalives_sealed);
        for (uint32_t i = fresh; i < sessions; i++)
            renew(i + 1);
        while (ledger_seal_keepalive(&ledger_))
            in_entries++;
        entry_id id = seal();
        first = round == 0 ? id : first;
    }
    EXPECT_EQ(in_entries, sessions);
    EXPECT_TRUE(ledger_has_unsealed(&ledger_)) << "those wait for room, and are not lost";
    EXPECT_EQ(ledger_keepalives_due_ns(&ledger_), UINT64_MAX) << "an entry would not help";

    const under_way *own = ledger_own(&ledger_, first);
    while (ledger_settle_keepalive(&ledger_, own))
        ;
    ledger_finish(&ledger_, own);
    EXPECT_EQ(ledger_keepalives_due_ns(&ledger_), 100u) << "now one would";
    EXPECT_NE(ledger_seal_keepalive(&ledger_), nullptr);
}

TEST_F(NodeLedger, KeepaliveArrivedAtTheReadingAfterIt)
{
    renew(7);
    ledger_read(&ledger_, 50);
    renew(8);
    ledger_read(&ledger_, 60);
    EXPECT_EQ(ledger_seal_keepalive(&ledger_)->arrived_ns, 50u);
    EXPECT_EQ(ledger_seal_keepalive(&ledger_)->arrived_ns, 60u);
}

TEST_F(NodeLedger, DropClosesWhoeverWaits)
{
    conn_open(&conns_, 3, 0);
    owe(1, 3);
    seal();
    owe(2, 3);
    renew(7);
    ledger_drop(&ledger_, &conns_);
    ledger_check(&ledger_);
    EXPECT_TRUE(conns_.slots[3].closing);
    EXPECT_EQ(ring_count(&ledger_.owed_ring), 0u);
    EXPECT_EQ(ledger_newest(&ledger_), nullptr);
    EXPECT_FALSE(ledger_has_unsealed(&ledger_));
}

TEST_F(NodeLedger, DtOfAllEntriesUnderWayIsAdded)
{
    for (uint64_t dt : {5, 7}) {
        under_way entry{};
        entry.id = {1, ++index_};
        entry.dt_ns = dt;
        ledger_seal(&ledger_, &entry);
    }
    EXPECT_EQ(ledger_dt_ns(&ledger_), 12u);
}

} // namespace
