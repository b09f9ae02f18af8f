/* Flags, the file, and the line that is said when one of them is wrong. */
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "base/units.h"
#include "ops/config.h"
#include "ops/config_table.h"
#include "ops/plan.h"
#include "ops/values.h"

namespace {

using words = std::vector<std::string>;

struct outcome {
    bool good;
    std::string error;
    std::unique_ptr<struct config> config;
};

outcome read(const words &flags)
{
    words all = {"lockd"};
    all.insert(all.end(), flags.begin(), flags.end());
    std::vector<char *> argv;
    for (std::string &word : all)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    char error[CONFIG_ERROR_BYTES] = "";
    auto config = std::make_unique<struct config>();
    bool good = config_read(config.get(), argv.data(), error);
    return {good, error, std::move(config)};
}

/* A good command line, with more behind it. */
words with(const words &more)
{
    words all = {"--id", "1", "--cluster", "1=a,2=b,3=c", "--data", "/d"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

class file {
public:
    explicit file(const std::string &text)
    {
        int fd = mkstemp(path.data());
        EXPECT_GE(fd, 0);
        close(fd);
        std::ofstream(path) << text;
    }
    ~file()
    {
        unlink(path.c_str());
    }
    std::string path = "/var/tmp/lockd-config-XXXXXX";
};

bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

TEST(Config, AThreeNodeCluster)
{
    outcome got = read({"--id", "2", "--cluster", "3=c.example,1=[::1]:7001,2=10.0.0.2",
            "--data=/var/lib/lockd"});
    ASSERT_TRUE(got.good) << got.error;
    const node_settings &node = got.config->node;
    EXPECT_EQ(node.self, 2);
    ASSERT_EQ(node.member_count, 3);
    EXPECT_EQ(node.members[0].id, 1);
    EXPECT_STREQ(node.members[0].address, "[::1]:7001");
    EXPECT_STREQ(node.members[1].address, "10.0.0.2:5625");
    EXPECT_STREQ(node.members[2].address, "c.example:5625");
    EXPECT_STREQ(got.config->data, "/var/lib/lockd");
    EXPECT_STREQ(got.config->listen.host, "10.0.0.2") << "its own address of the list";
    EXPECT_EQ(got.config->listen.port, 5625);
}

TEST(Config, ListenGoesBeforeTheList)
{
    outcome got = read(with({"--listen", "0.0.0.0:7000"}));
    ASSERT_TRUE(got.good) << got.error;
    EXPECT_STREQ(got.config->listen.host, "0.0.0.0");
    EXPECT_EQ(got.config->listen.port, 7000);
    EXPECT_STREQ(got.config->node.members[0].address, "a:5625");
}

TEST(Config, DevIsAClusterOfOne)
{
    outcome got = read({"--dev", "/tmp/x"});
    ASSERT_TRUE(got.good) << got.error;
    EXPECT_EQ(got.config->node.member_count, 1);
    EXPECT_STREQ(got.config->node.members[0].address, "127.0.0.1:5625");
    EXPECT_STREQ(got.config->data, "/tmp/x");
    got = read({"--dev", "/tmp/x", "--listen", "[::1]:9999"});
    ASSERT_TRUE(got.good) << got.error;
    EXPECT_STREQ(got.config->node.members[0].address, "[::1]:9999");
}

TEST(Config, ValuesArriveWhereTheyBelong)
{
    outcome got = read(with({"--segment-size", "8MiB", "--log-buffer", "5MiB",
            "--heartbeat", "10ms", "--election-min=40ms", "--election-max", "80ms",
            "--tick", "1s", "--connections", "100", "--sessions", "1000", "--max-ttl", "1h",
            "--write", "fsync", "--log-level", "debug", "--congestion", "cubic"}));
    ASSERT_TRUE(got.good) << got.error;
    const node_settings &node = got.config->node;
    EXPECT_EQ(node.wal.segment_bytes, 8 * MIB);
    EXPECT_EQ(node.wal.buffer_bytes, 5 * MIB);
    EXPECT_EQ(node.raft.heartbeat_ns, 10 * NS_PER_MS);
    EXPECT_EQ(node.raft.election_min_ns, 40 * NS_PER_MS);
    EXPECT_EQ(node.raft.election_max_ns, 80 * NS_PER_MS);
    EXPECT_EQ(node.tick_ns, NS_PER_S);
    EXPECT_EQ(node.limits.connections_max, 100u);
    EXPECT_EQ(node.cluster.sessions_max, 1000u);
    EXPECT_EQ(node.cluster.max_ttl_ns, 3600 * NS_PER_S);
    EXPECT_EQ(got.config->write, uint32_t{CONFIG_WRITE_FSYNC});
    EXPECT_EQ(got.config->log_level, 3u);
    EXPECT_STREQ(got.config->congestion, "cubic");
}

/* Each line names the flag, the value and what is allowed, and is one line. */
TEST(Config, WrongFlags)
{
    struct {
        words flags;
        words says;
    } rows[] = {
            {{}, {"--id is missing", "--dev"}},
            {{"--id", "1", "--data", "/d"}, {"--cluster is missing"}},
            {{"--id", "1", "--cluster", "1=a"}, {"--data is missing"}},
            {{"start"}, {"start", "only flags"}},
            {with({"--verbose"}), {"--verbose", "no such flag"}},
            {with({"--tick"}), {"--tick", "needs a value"}},
            {with({"--check=yes"}), {"--check", "takes no value"}},
            {with({"--id", "2"}), {"--id", "twice"}},
            {{"--id", "0"}, {"--id 0", "from 1 to 63"}},
            {{"--id", "64"}, {"--id 64", "from 1 to 63"}},
            {{"--id", "one"}, {"--id one", "from 1 to 63"}},
            {{"--id", "4", "--cluster", "1=a,2=b,3=c", "--data", "/d"},
                    {"--id 4", "one of the ids in --cluster"}},
            {{"--cluster", ""}, {"--cluster", "1=host:port"}},
            {{"--cluster", "a,b,c"}, {"a,b,c", "1=host:port"}},
            {{"--cluster", "1=a,1=b"}, {"twice"}},
            {{"--cluster", "1=a,2=a:5625"}, {"same address"}},
            {{"--cluster", "1=a,2=b:x"}, {"port"}},
            {{"--cluster", "1=::1"}, {"brackets"}},
            {{"--cluster", "1=a,"}, {"ID=ADDRESS"}},
            {{"--cluster", "64=a"}, {"1 to 63"}},
            {{"--cluster", "1=a,2=b,3=c,4=d,5=e,6=f,7=g,8=h"}, {"at most 7"}},
            {with({"--listen", "host:99999"}), {"--listen host:99999", "65535"}},
            {with({"--segment-size", "1MiB"}), {"--segment-size 1MiB", "4MiB to 1GiB"}},
            {with({"--segment-size", "8MB"}), {"--segment-size 8MB", "64MiB"}},
            {with({"--segment-size", "8388609"}), {"multiple of 4KiB"}},
            {with({"--log-buffer", "8MiB"}), {"--log-buffer", "8188KiB"}},
            {with({"--log-buffer", "4MiB"}), {"--log-buffer 4MiB", "4132KiB to 8188KiB"}},
            {with({"--heartbeat", "50"}), {"--heartbeat 50", "250ms"}},
            {with({"--heartbeat", "200ms"}), {"--election-min 250ms", "--heartbeat"}},
            {with({"--election-max", "250ms"}), {"--election-max 250ms", "--election-min"}},
            {with({"--min-ttl", "2m"}), {"--min-ttl 2m", "--max-ttl"}},
            {with({"--connections", "3"}), {"--connections 3", "from 14 to 65536"}},
            {with({"--sessions", "0"}), {"--sessions 0", "from 1"}},
            {with({"--sessions", "99999999999999999999"}), {"--sessions"}},
            {with({"--write", "async"}), {"--write async", "dsync fsync"}},
            {with({"--log-level", "loud"}), {"--log-level loud", "error warn info debug"}},
            {with({"--data", std::string(2000, 'x')}), {"--data"}},
            {{"--data", ""}, {"--data", "1 to 1023"}},
            {{"--dev", "/x", "--id", "1"}, {"--dev /x", "--id"}},
            {{"--dev", "/x", "--data", "/y"}, {"--dev /x", "--data"}},
            {with({"--config", "/no/such/file"}),
                    {"--config", "/no/such/file", "No such file"}},
    };
    for (const auto &row : rows) {
        outcome got = read(row.flags);
        std::string flags;
        for (const std::string &word : row.flags)
            flags += word + " ";
        EXPECT_FALSE(got.good) << flags;
        EXPECT_FALSE(has(got.error, "\n"));
        for (const std::string &part : row.says)
            EXPECT_TRUE(has(got.error, part)) << flags << "said: " << got.error;
    }
}

TEST(Config, TheFileHasTheSameKeysAndFlagsGoBeforeIt)
{
    file settings("# node 1\n\n id = 1 \ncluster=1=a,2=b,3=c # all\ndata = /d\n"
                  "heartbeat = 20ms\ntick = 200ms\n");
    outcome got = read({"--config", settings.path, "--heartbeat", "30ms"});
    ASSERT_TRUE(got.good) << got.error;
    EXPECT_EQ(got.config->node.self, 1);
    EXPECT_EQ(got.config->node.member_count, 3);
    EXPECT_STREQ(got.config->data, "/d");
    EXPECT_EQ(got.config->node.raft.heartbeat_ns, 30 * NS_PER_MS);
    EXPECT_EQ(got.config->node.tick_ns, 200 * NS_PER_MS);
}

/* As editors of other systems write it. */
TEST(Config, AFileFromElsewhereIsTakenAsItIsMeant)
{
    for (const char *text : {
                 "\xef\xbb\xbfid = 1\ncluster = 1=a,2=b,3=c\ndata = /d\n",
                 "id = 1\r\ncluster = 1=a,2=b,3=c\r\ndata = /d\r\n",
                 "\xef\xbb\xbf# first\r\nid = 1\r\ncluster = 1=a,2=b,3=c\r\ndata = /d",
                 "id = \"1\"\ncluster = \"1=a,2=b,3=c\"\ndata = \"/d\"\n",
                 "id = '1' # one\ncluster='1=a,2=b,3=c'\t#all\n\tdata = '/d'\n",
         }) {
        file settings(text);
        outcome got = read({"--config", settings.path});
        ASSERT_TRUE(got.good) << got.error;
        EXPECT_EQ(got.config->node.self, 1);
        EXPECT_EQ(got.config->node.member_count, 3);
        EXPECT_STREQ(got.config->data, "/d");
    }
    file settings("id = 1\ncluster = 1=a,2=b,3=c\ndata = \"/lock #1 'a'\" # it's\n");
    outcome got = read({"--config", settings.path});
    ASSERT_TRUE(got.good) << got.error;
    EXPECT_STREQ(got.config->data, "/lock #1 'a'");
}

TEST(Config, WrongFilesAreSaidWithTheirLine)
{
    struct {
        const char *text;
        const char *says;
    } rows[] = {
            {"id = 1\nnonsense\n", "line 2: nonsense: must be KEY = VALUE"},
            {"colour = red\n", "line 1: colour: no such key"},
            {"id = 1\nid = 1\n", "line 2: id: given twice"},
            {"tick = 100\n", "line 1: tick 100: must be a time"},
            {"config = /x\n", "line 1: config: no such key"},
            {"check = 1\n", "line 1: check: no such key"},
            {"dev = /x\n", "line 1: dev: no such key"},
            {"data =\n", "line 1: data : must have"},
            {"data = \"\"\n", "line 1: data : must have"},
            {"id = 1\ndata = \"/d\n", "line 2: data: quotes must be closed"},
            {"data = \"/d\" /e\n", "line 1: data: quotes must be closed"},
            {"data = \"/d\"/e\"\n", "line 1: data: quotes must be closed"},
            {"data = \"\n", "line 1: data: quotes must be closed"},
            {"id = 1\rdata = /d\r", "line 1 contains a carriage return"},
            {"\xff\xfei", "line 1 is not UTF-8: the file begins with a byte order mark"},
    };
    for (const auto &row : rows) {
        file settings(row.text);
        outcome got = read({"--config", settings.path});
        EXPECT_FALSE(got.good) << row.text;
        EXPECT_TRUE(has(got.error, row.says)) << got.error;
    }
    file nul(std::string("id = 1\nda\0ta = /d\n", 18));
    EXPECT_TRUE(has(read({"--config", nul.path}).error, "line 2 is not text"));
    file endless("id = 1\ndata = /" + std::string(5000, 'd') + "\n");
    EXPECT_TRUE(has(read({"--config", endless.path}).error, "line 2 is longer than 4095"));
    /* A flag hides a line of the file, but not what is wrong with it. */
    file settings("tick = never\n");
    EXPECT_FALSE(read(with({"--config", settings.path, "--tick", "1s"})).good);
}

TEST(Config, HelpAndVersionNeedNothingElse)
{
    EXPECT_TRUE(read({"--help"}).config->help);
    EXPECT_TRUE(read({"-h"}).good);
    EXPECT_TRUE(read({"--version"}).config->version);
}

/* Every default can be given as a value: what help shows is true and in range. */
/* Field by field: the bytes between fields are nobody's. */
static void expect_same(const node_settings &a, const node_settings &b)
{
    EXPECT_EQ(a.self, b.self);
    EXPECT_EQ(a.member_count, b.member_count);
    for (int i = 0; i < a.member_count; i++) {
        EXPECT_EQ(a.members[i].id, b.members[i].id);
        EXPECT_STREQ(a.members[i].address, b.members[i].address);
    }
    EXPECT_EQ(a.tick_ns, b.tick_ns);
    EXPECT_EQ(a.entry_spacing_ns, b.entry_spacing_ns);
    EXPECT_EQ(a.raft.heartbeat_ns, b.raft.heartbeat_ns);
    EXPECT_EQ(a.raft.election_min_ns, b.raft.election_min_ns);
    EXPECT_EQ(a.raft.election_max_ns, b.raft.election_max_ns);
    EXPECT_EQ(a.raft.close_delay_ns, b.raft.close_delay_ns);
    EXPECT_EQ(a.raft.window, b.raft.window);
    EXPECT_EQ(a.raft.window_bytes, b.raft.window_bytes);
    EXPECT_EQ(a.raft.append_bytes_max, b.raft.append_bytes_max);
    EXPECT_EQ(a.raft.append_entries_max, b.raft.append_entries_max);
    EXPECT_EQ(a.raft.recent_max, b.raft.recent_max);
    EXPECT_EQ(a.raft.trail_max, b.raft.trail_max);
    EXPECT_EQ(a.raft.reads_max, b.raft.reads_max);
    EXPECT_EQ(a.wal.node, b.wal.node);
    EXPECT_EQ(a.wal.segment_bytes, b.wal.segment_bytes);
    EXPECT_EQ(a.wal.buffer_bytes, b.wal.buffer_bytes);
    EXPECT_EQ(a.wal.entry_body_max, b.wal.entry_body_max);
    EXPECT_EQ(a.wal.writes_max, b.wal.writes_max);
    EXPECT_EQ(a.wal.segments_max, b.wal.segments_max);
    static_assert(std::has_unique_object_representations_v<node_limits>);
    EXPECT_EQ(memcmp(&a.limits, &b.limits, sizeof(node_limits)), 0);
    bootstrap left = {a.cluster, {1, {1}}, 0, {}, {}, 1};
    bootstrap right = {b.cluster, {1, {1}}, 0, {}, {}, 1};
    std::vector<unsigned char> bytes[2] = {std::vector<unsigned char>(1024), {}};
    bytes[1] = bytes[0];
    struct wire wires[2] = {
            wire_writer(bytes[0].data(), 1024), wire_writer(bytes[1].data(), 1024)};
    wire_bootstrap(&wires[0], &left);
    wire_bootstrap(&wires[1], &right);
    EXPECT_FALSE(wires[0].failed);
    EXPECT_EQ(bytes[0], bytes[1]) << "cluster settings";
}

TEST(Config, DefaultsAreAllowed)
{
    struct config_row row;
    words flags;
    for (size_t i = 0; config_describe(i, &row); i++) {
        if (row.standard[0] != 0)
            flags.push_back(std::string("--") + row.key + "=" + row.standard);
    }
    EXPECT_GT(flags.size(), 20u);
    outcome got = read(with(flags));
    EXPECT_TRUE(got.good) << got.error;
    outcome standard = read(with({}));
    expect_same(got.config->node, standard.config->node);
}

static std::string written(const setting &row, uint64_t value)
{
    char text[VALUE_TEXT_BYTES] = "";
    if (row.kind == SETTING_BYTES)
        (void)value_bytes_text(value, text);
    else if (row.kind == SETTING_DURATION)
        (void)value_duration_text(value, text);
    else
        return std::to_string(value);
    return text;
}

/* Every numeric setting at both ends of its range, but the id, which the list decides. */
static std::vector<std::pair<std::string, std::string>> bounds()
{
    std::vector<std::pair<std::string, std::string>> all;
    size_t count;
    const setting *table = config_table(&count);
    for (const setting *row = table; row < table + count; row++) {
        bool numeric = row->kind == SETTING_NUMBER || row->kind == SETTING_BYTES ||
                       row->kind == SETTING_DURATION;
        if (!numeric || std::string(row->key) == "id")
            continue;
        all.emplace_back(std::string("--") + row->key, written(*row, row->least));
        all.emplace_back(std::string("--") + row->key, written(*row, row->most));
    }
    return all;
}

/* What is not refused in a line can be planned: no assertion is left to say it. */
static bool refused_or_planned(const words &flags)
{
    outcome got = read(with(flags));
    if (!got.good) {
        EXPECT_TRUE(has(got.error, "--")) << got.error;
        EXPECT_FALSE(has(got.error, "\n"));
        return false;
    }
    struct arena arena;
    arena_init(&arena, nullptr, 0);
    EXPECT_EQ(node_carve(&arena, &got.config->node), nullptr);
    return true;
}

TEST(Config, BoundsInPairsAreRefusedOrPlanned)
{
    auto all = bounds();
    EXPECT_GT(all.size(), 40u);
    size_t planned = 0;
    for (size_t i = 0; i < all.size(); i++) {
        for (size_t j = i + 1; j < all.size(); j++)
            planned += refused_or_planned(
                    {all[i].first, all[i].second, all[j].first, all[j].second});
    }
    EXPECT_GT(planned, 500u) << "most pairs go together";
}

/* The table, --help and the manual page name the same flags. */
TEST(Config, HelpAndManualNameEveryFlagAndNoOther)
{
    char *text = nullptr;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    help_print(out);
    fclose(out);
    std::string help(text, size);
    free(text);
    std::ifstream page(LOCKD_SOURCE_DIR "/lockd/man/lockd.8");
    std::stringstream man;
    man << page.rdbuf();

    std::set<std::string> keys;
    struct config_row row;
    for (size_t i = 0; config_describe(i, &row); i++) {
        keys.insert(row.key);
        EXPECT_TRUE(has(help, std::string("  --") + row.key + " ")) << row.key;
        std::string dashed;
        for (char c : std::string(row.key))
            dashed += c == '-' ? std::string("\\-") : std::string(1, c);
        EXPECT_TRUE(has(man.str(), ".B \\-\\-" + dashed + "\n") ||
                    has(man.str(), ".BI \\-\\-" + dashed + " "))
                << "lockd.8 does not describe --" << row.key;
        EXPECT_TRUE(has(man.str(), row.standard))
                << "lockd.8 does not say the default of --" << row.key;
    }
    std::string line;
    while (std::getline(man, line)) {
        if (line.rfind(".B \\-\\-", 0) != 0 && line.rfind(".BI \\-\\-", 0) != 0)
            continue;
        std::string key;
        for (char c : line.substr(line.find("\\-\\-") + 4)) {
            if (c == ' ')
                break;
            if (c != '\\')
                key += c;
        }
        EXPECT_EQ(keys.count(key), 1u) << "lockd.8 describes --" << key;
    }
}

/*
 * The file that is installed names every key, with its default, and is good as it is once it
 * has an id and the members.
 */
TEST(Config, TheInstalledFileHasEveryKeyAndItsDefault)
{
    std::ifstream installed(LOCKD_SOURCE_DIR "/lockd/packaging/lockd.conf");
    std::stringstream bytes;
    bytes << installed.rdbuf();
    std::string text = "\n" + bytes.str(), all;
    size_t count;
    const setting *table = config_table(&count);
    struct config_row row;
    for (size_t i = 0; config_describe(i, &row); i++) {
        if (!config_in_file(&table[i]))
            continue;
        std::string begin = std::string(row.key) + " = " + row.standard;
        bool active = has(text, "\n" + begin);
        EXPECT_TRUE(active || has(text, "\n#" + begin)) << "lockd.conf: " << begin;
    }
    std::string line;
    while (std::getline(bytes, line)) {
        bool off = line.size() > 1 && line[0] == '#' && line[1] != ' ' && has(line, " = ");
        all += (off ? line.substr(1) : line) + "\n";
    }
    file complete(all);
    outcome got = read({"--config", complete.path});
    EXPECT_TRUE(got.good) << got.error;
}

TEST(Values, SizesAndTimesThereAndBack)
{
    char text[VALUE_TEXT_BYTES];
    uint64_t value = 0;
    for (uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{4096}, 64 * MIB, 1024 * MIB,
                 64 * MIB + 1}) {
        EXPECT_TRUE(value_bytes(value_bytes_text(bytes, text), &value)) << text;
        EXPECT_EQ(value, bytes) << text;
    }
    EXPECT_STREQ(value_bytes_text(64 * MIB, text), "64MiB");
    for (uint64_t ns :
            {NS_PER_MS, 1500 * NS_PER_MS, 60 * NS_PER_S, 90 * NS_PER_S, UINT64_C(1)}) {
        EXPECT_TRUE(value_duration(value_duration_text(ns, text), &value)) << text;
        EXPECT_EQ(value, ns) << text;
    }
    EXPECT_STREQ(value_duration_text(250 * NS_PER_MS, text), "250ms");
    for (const char *wrong : {"", "ms", "1.5s", "5 s", "-1s", "10", "1sec", "99999999999h"})
        EXPECT_FALSE(value_duration(wrong, &value)) << wrong;
    for (const char *wrong : {"", "KiB", "1kb", "1 MiB", "0x10", "99999999999GiB", "1MiBx"})
        EXPECT_FALSE(value_bytes(wrong, &value)) << wrong;
}
