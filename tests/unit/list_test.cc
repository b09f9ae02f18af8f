#include "base/list.h"

#include <array>
#include <gtest/gtest.h>
#include <list>

#include "base/prng.h"

namespace {

struct item {
    int number;
    struct list_node node;
};

void expect_same(const struct list &list, const std::list<struct item *> &model)
{
    struct list_node *node = list_first(&list);
    for (struct item *item : model) {
        ASSERT_EQ(node, &item->node);
        EXPECT_EQ(LIST_OWNER(node, struct item, node), item);
        node = list_next(&list, node);
    }
    EXPECT_EQ(node, nullptr);
    EXPECT_EQ(list_is_empty(&list), model.empty());
    EXPECT_EQ(list_last(&list), model.empty() ? nullptr : &model.back()->node);
}

TEST(List, AgreesWithStdList)
{
    struct prng prng;
    prng_init(&prng, 1);
    std::array<struct item, 20> items{};
    struct list list;
    list_init(&list);
    std::list<struct item *> model;
    for (int step = 0; step < 20000; step++) {
        struct item *item = &items.at(prng_below(&prng, items.size()));
        if (list_is_linked(&item->node)) {
            list_remove(&item->node);
            model.remove(item);
        } else if (prng_below(&prng, 3) == 0) {
            list_push_front(&list, &item->node);
            model.push_front(item);
        } else if (!model.empty() && prng_below(&prng, 2) == 0) {
            auto place = model.begin();
            std::advance(place, prng_below(&prng, model.size()));
            list_insert_before(&(*place)->node, &item->node);
            model.insert(place, item);
        } else {
            list_push_back(&list, &item->node);
            model.push_back(item);
        }
        expect_same(list, model);
    }
}

TEST(List, WalksBackwards)
{
    std::array<struct item, 3> items{};
    struct list list;
    list_init(&list);
    for (auto &item : items)
        list_push_back(&list, &item.node);
    EXPECT_EQ(list_prev(&list, &items[2].node), &items[1].node);
    EXPECT_EQ(list_prev(&list, &items[0].node), nullptr);
}

TEST(ListDeathTest, KnowsWhatIsLinked)
{
    struct item item {};
    struct list list;
    list_init(&list);
    EXPECT_DEATH(list_remove(&item.node), "list_is_linked");
    list_push_back(&list, &item.node);
    EXPECT_DEATH(list_push_back(&list, &item.node), "list_is_linked");
}

} // namespace
