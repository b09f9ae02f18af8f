/* Requests over HTTP, and the text of metrics: what is read, and that it always fits. */
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "ops/exposition.h"
#include "ops/http_request.h"
#include "ops/metrics.h"
#include "ops/pages.h"
#include "ops/probes.h"

namespace {

struct span span_of(const std::string &text)
{
    return {reinterpret_cast<const unsigned char *>(text.data()),
            static_cast<uint32_t>(text.size())};
}

/* "200 GET /path", or the status alone. */
std::string read(const std::string &head)
{
    struct http_request request;
    int status = http_request_read(span_of(head), &request);
    if (status != 200)
        return std::to_string(status);
    auto text = [](struct span span) {
        return std::string(span.bytes, span.bytes + span.count);
    };
    return "200 " + text(request.method) + " " + text(request.path);
}

TEST(HttpRequest, MethodAndPath)
{
    EXPECT_EQ(read("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), "200 GET /metrics");
    EXPECT_EQ(read("GET /metrics HTTP/1.0\r\n\r\n"), "200 GET /metrics");
    EXPECT_EQ(read("GET /livez HTTP/1.1\n\n"), "200 GET /livez");
    EXPECT_EQ(read("POST / HTTP/1.1\r\n\r\n"), "200 POST /");
}

TEST(HttpRequest, QueryAndHostAreNoPartOfThePath)
{
    EXPECT_EQ(read("GET /readyz?verbose=1 HTTP/1.1\r\n\r\n"), "200 GET /readyz");
    EXPECT_EQ(read("GET http://node:5626/livez HTTP/1.1\r\n\r\n"), "200 GET /livez");
    EXPECT_EQ(read("GET http://node HTTP/1.1\r\n\r\n"), "400");
}

TEST(HttpRequest, Nonsense)
{
    for (std::string head :
            {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
                    "GET / HTTP/1.1 x\r\n\r\n", "GET metrics HTTP/1.1\r\n\r\n",
                    " / HTTP/1.1\r\n\r\n", "GET / SMTP/1.1\r\n\r\n",
                    "GET /\x01 HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\n\n", "GET / HTTP/1.1"})
        EXPECT_EQ(read(head), "400") << head;
    EXPECT_EQ(read(std::string("GET /\0 HTTP/1.1\r\n\r\n", 19)), "400");
    EXPECT_EQ(read("GET / HTTP/2.0\r\n\r\n"), "505");
}

/* ---- The text of metrics ---- */

class Text {
public:
    Text()
    {
        page = page_on(room.data(), room.size());
    }
    std::string said() const
    {
        return std::string(page.text, page.used);
    }
    struct page page;

private:
    std::vector<char> room = std::vector<char>(1 << 20);
};

std::string seconds(uint64_t ns)
{
    Text text;
    page_seconds(&text.page, ns);
    return text.said();
}

TEST(Exposition, Seconds)
{
    EXPECT_EQ(seconds(0), "0");
    EXPECT_EQ(seconds(1), "0.000000001");
    EXPECT_EQ(seconds(8192), "0.000008192");
    EXPECT_EQ(seconds(1500000000), "1.5");
    EXPECT_EQ(seconds(60000000000), "60");
}

TEST(Exposition, Ratios)
{
    Text text;
    exposition_sample_ratio(&text.page, "r", "", 1, 3);
    exposition_sample_ratio(&text.page, "r", "a=\"b\"", 5, 5);
    exposition_sample_ratio(&text.page, "r", "", 0, 0);
    EXPECT_EQ(text.said(), "r 0.333\nr{a=\"b\"} 1.000\nr 0.000\n");
}

TEST(Exposition, CountsAreCumulative)
{
    struct histogram histogram;
    histogram_init(&histogram);
    for (uint64_t value : {1, 1, 4, 5, 64, 2000000})
        histogram_add(&histogram, value);
    Text text;
    exposition_histogram(&text.page, "c", "", &histogram, EXPOSITION_COUNT);
    std::string said = text.said();
    for (std::string line : {"c_bucket{le=\"1\"} 2\n", "c_bucket{le=\"3\"} 2\n",
                 "c_bucket{le=\"7\"} 4\n", "c_bucket{le=\"63\"} 4\n",
                 "c_bucket{le=\"127\"} 5\n", "c_bucket{le=\"+Inf\"} 6\n", "c_count 6\n"})
        EXPECT_NE(said.find(line), std::string::npos) << line << said;
}

TEST(Exposition, DurationsAreInSeconds)
{
    struct histogram histogram;
    histogram_init(&histogram);
    histogram_add(&histogram, 8000);
    histogram_add(&histogram, 1000000000);
    Text text;
    exposition_histogram(
            &text.page, "d", "stage=\"write\"", &histogram, EXPOSITION_SECONDS);
    std::string said = text.said();
    for (std::string line : {"d_bucket{stage=\"write\",le=\"0.000008192\"} 1\n",
                 "d_bucket{stage=\"write\",le=\"1.073741824\"} 2\n",
                 "d_count{stage=\"write\"} 2\n", "d_sum{stage=\"write\"} 0.9"})
        EXPECT_NE(said.find(line), std::string::npos) << line << said;
}

TEST(Page, SaysThatItIsFull)
{
    char room[8];
    struct page page = page_on(room, sizeof room);
    page_add(&page, "1234567");
    EXPECT_FALSE(page.full);
    page_add(&page, "8");
    EXPECT_TRUE(page.full);
    EXPECT_EQ(page.used, 7U);
}

/* Every figure at its largest, every label in use. */
class Largest {
public:
    Largest()
    {
        memset(&report, 0xff, sizeof report);
        memset(counters.get(), 0xff, sizeof *counters);
        memset(figures.get(), 0xff, sizeof *figures);
        memset(histogram.get(), 0xff, sizeof *histogram);
        for (const struct histogram *&stage : report.stages)
            stage = histogram.get();
        report.commit_latency = histogram.get();
        report.counters = counters.get();
        report.locks = figures.get();
        report.status.peer_count = NODE_STATUS_PEERS_MAX;
        report.status.role = ROLE_LEADER;
        report.status.condition = CONDITION_COUNT - 1;
        report.serves = true;
        report.clock_suspect = true;
        for (struct node_status_peer &peer : report.status.peers) {
            peer.node = 63;
            peer.connected = true;
            peer.heard_ns = UINT64_MAX - 1;
        }
        version = std::string(NODE_STATUS_VERSION_BYTES_MAX, 'v');
        report.status.version = span_of(version);
        memset(&process, 0xff, sizeof process);
    }
    struct node_report report;
    struct process_figures process;

private:
    std::string version;
    std::unique_ptr<struct counters> counters = std::make_unique<struct counters>();
    std::unique_ptr<struct locks_figures> figures =
            std::make_unique<struct locks_figures>();
    std::unique_ptr<struct histogram> histogram = std::make_unique<struct histogram>();
};

TEST(Metrics, TheLargestPageFits)
{
    Largest largest;
    Text text;
    metrics_write(&text.page, &largest.report, &largest.process);
    EXPECT_FALSE(text.page.full);
    EXPECT_LT(text.page.used, PAGES_ROOM - 1024U);
}

TEST(Status, TheLargestPageFits)
{
    Largest largest;
    Text text;
    probes_status(&largest.report, &text.page);
    EXPECT_FALSE(text.page.full);
    EXPECT_LT(text.page.used, PAGES_ROOM - 1024U);
}

/* ---- What people read about them ---- */

std::string read_file(const std::string &path)
{
    std::ifstream file(LOCKD_SOURCE_DIR "/" + path);
    EXPECT_TRUE(file.good()) << path;
    return std::string(std::istreambuf_iterator<char>(file), {});
}

std::set<std::string> words_of(const std::string &text, const std::string &pattern)
{
    std::set<std::string> words;
    std::regex regex(pattern);
    for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at)
        words.insert((*at)[1]);
    return words;
}

std::set<std::string> families()
{
    Largest largest;
    Text text;
    metrics_write(&text.page, &largest.report, &largest.process);
    return words_of(text.said(), "# TYPE ([a-z_]+) ");
}

TEST(Metrics, TheDocumentListsEachAndNoOther)
{
    std::string document = read_file("lockd/doc/metrics.md");
    size_t list = document.find("## All metrics");
    ASSERT_NE(list, std::string::npos);
    EXPECT_EQ(words_of(document.substr(list), "`((?:lockd|process)_[a-z_]+)`"), families());
}

TEST(Metrics, AlarmsAndAdviceNameOnlySuchAsThereAre)
{
    std::set<std::string> known = families();
    std::string text = read_file("lockd/packaging/prometheus-alerts.yml") +
                       read_file("lockd/doc/metrics.md");
    for (std::string name : words_of(text, "(lockd_[a-z_]+)")) {
        size_t suffix = name.rfind("_bucket");
        EXPECT_EQ(known.count(name.substr(0, suffix)), 1U) << name;
    }
}

/* ---- Readiness ---- */

std::string ready(const struct node_report &report)
{
    Text text;
    bool good = probes_ready(&report, &text.page);
    EXPECT_EQ(good, text.said() == "ok\n");
    return text.said();
}

TEST(Probes, ReadyMeansThatClientsAreServed)
{
    struct node_report report = {};
    report.status.leader = 2;
    EXPECT_EQ(ready(report), "ok\n");
    report.status.condition = CONDITION_NEARLY_FULL;
    EXPECT_EQ(ready(report), "ok\n") << "an alarm must not take a node away";
    report.status.condition = CONDITION_BLANK;
    EXPECT_EQ(ready(report).find("blank: this node does not take part"), 0U);
}

TEST(Probes, NotReadyWithoutALeaderOrFarBehind)
{
    struct node_report report = {};
    EXPECT_EQ(ready(report).find("no-leader: "), 0U);
    report.status.leader = 2;
    report.lag_ns = 1234567890;
    EXPECT_EQ(ready(report), "behind: the state of this node is 1.234 s old\n");
    report.lag_ns = 999999999;
    EXPECT_EQ(ready(report), "ok\n");
}

} // namespace
