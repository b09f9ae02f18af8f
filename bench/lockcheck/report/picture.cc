#include "lockcheck/report/picture.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "lockcheck/report/letters.h"
#include "lockcheck/report/time_axis.h"
#include "lockcheck/report/window_text.h"

namespace linear {

namespace {

constexpr double page_width = 1200;
constexpr double lanes_left = 170;
constexpr double lanes_right = page_width - 60;
constexpr double letter = 6.7; /* A letter of the labels is about as wide, */
constexpr double bold_letter = 7.6;
/* A rim in the colour of the lane keeps it readable over lines. */
const std::string label_look = " font-size=\"12\" stroke=\"#f4f4f4\" stroke-width=\"3\" "
                               "paint-order=\"stroke\" stroke-linejoin=\"round\"";
constexpr double label_height = 16;
constexpr double bar_height = 16;

struct Look {
    const char *colour;
    const char *meaning;
};

/* By outcome. Colours that the colour-blind can tell apart [Okabe, Ito 2008]. */
constexpr std::array<Look, 7> looks = {{{"#009e73", "ok"}, {"#e69f00", "held"},
        {"#56b4e9", "timeout"}, {"#d55e00", "not_owner"}, {"#cc79a7", "expired"},
        {"#999999", "fail"}, {"#f0e442", "info: unknown, at any time or never"}}};

std::string escaped(const std::string &text)
{
    static const std::map<std::string, std::string> special = {
            {"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}};
    std::string out;
    for (const std::string &one : characters(text)) {
        auto it = special.find(one);
        out += it == special.end() ? one : it->second;
    }
    return out;
}

std::string place(double value)
{
    char text[32];
    (void)std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

/* attributes("x", 3.0, ...) in the way that XML wants them. */
std::string attributes(std::initializer_list<std::pair<const char *, double>> all)
{
    std::string out;
    for (const auto &[name, value] : all)
        out += std::string(" ") + name + "=\"" + place(value) + "\"";
    return out;
}

std::string words(double x, double y, const std::string &text, const std::string &more = "")
{
    return "<text" + attributes({{"x", x}, {"y", y}}) + more + ">" + escaped(text) +
           "</text>\n";
}

std::string box(double x, double y, double width, double height, const std::string &more)
{
    return "<rect" +
           attributes({{"x", x}, {"y", y}, {"width", std::max(width, 0.0)},
                   {"height", height}}) +
           more + "/>\n";
}

std::string line(double x1, double y1, double x2, double y2, const std::string &more)
{
    return "<line" + attributes({{"x1", x1}, {"y1", y1}, {"x2", x2}, {"y2", y2}}) + more +
           "/>\n";
}

const Look &look_of(const Operation &op)
{
    return looks[static_cast<size_t>(op.result)];
}

std::string label_of(const Operation &op, const History &history)
{
    std::string out = text(op.kind);
    if (op.lock >= 0)
        out += " \"" + elided(history.locks[static_cast<size_t>(op.lock)].name, 24) + "\"";
    else if (op.session)
        out += " session " + elided(id_text(history, *op.session), 24);
    if (op.shared)
        out += " shared";
    if (op.permits != 1)
        out += " " + std::to_string(op.permits) + " permits";
    if (op.token)
        out += " token " + std::to_string(*op.token);
    if (op.kind == Kind::query && op.holder_said)
        out += op.holder ? " holder " + elided(id_text(history, *op.holder), 24) : " free";
    return out;
}

/* One window, drawn from `top` downwards. */
class Panel {
public:
    Panel(const std::vector<const Operation *> &operations,
            const std::vector<const Operation *> &guilty, const History &history)
            : operations_(operations), guilty_(guilty), history_(history),
              clock_(clock_of(operations)),
              axis_(times(operations), lanes_left, lanes_right)
    {
        for (const Operation *op : operations_)
            lanes_[op->proc].push_back(op);
        for (auto &[proc, lane] : lanes_)
            std::stable_sort(lane.begin(), lane.end(),
                    [](auto *a, auto *b) { return a->call < b->call; });
    }

    /* What it adds; `top` goes to its end. */
    std::string draw(double *top)
    {
        double begin = *top;
        std::string lanes;
        double y = begin + 26;
        for (const uint64_t proc : procs_by_time()) {
            lanes += draw_lane(proc, lanes_.at(proc), &y);
            y += 6;
        }
        std::string out = draw_axis(begin + 14, y) + lanes;
        y += 22;
        out += draw_legend(y);
        *top = y + 54;
        return out;
    }

private:
    static std::vector<int64_t> times(const std::vector<const Operation *> &operations)
    {
        std::vector<int64_t> all;
        for (const Operation *op : operations) {
            all.push_back(op->call);
            if (op->ret != never)
                all.push_back(op->ret);
        }
        return all;
    }

    /* Who began first is on top. */
    std::vector<uint64_t> procs_by_time() const
    {
        std::vector<uint64_t> procs;
        for (const auto &[proc, lane] : lanes_)
            procs.push_back(proc);
        std::stable_sort(procs.begin(), procs.end(), [this](uint64_t a, uint64_t b) {
            return lanes_.at(a)[0]->call < lanes_.at(b)[0]->call;
        });
        return procs;
    }

    bool is_guilty(const Operation &op) const
    {
        return std::find(guilty_.begin(), guilty_.end(), &op) != guilty_.end();
    }

    /* Rows of labels above the bars, as many as it takes that none covers another. */
    std::vector<size_t> place_labels(const std::vector<const Operation *> &lane,
            std::vector<double> &lefts, size_t *rows) const
    {
        std::vector<size_t> chosen;
        std::vector<std::vector<std::pair<double, double>>> taken;
        for (const Operation *op : lane) {
            double letters =
                    static_cast<double>(characters(label_of(*op, history_)).size());
            double width = letters * (is_guilty(*op) ? bold_letter : letter) + 10;
            double left = std::min(axis_.at(op->call), page_width - 10 - width);
            left = std::max(left, lanes_left);
            size_t row = 0;
            auto is_free = [&](size_t number) {
                return std::none_of(
                        taken[number].begin(), taken[number].end(), [&](auto &old) {
                            return left < old.second && old.first < left + width;
                        });
            };
            while (row < taken.size() && !is_free(row))
                row++;
            taken.resize(std::max(taken.size(), row + 1));
            taken[row].push_back({left, left + width});
            lefts.push_back(left);
            chosen.push_back(row);
        }
        *rows = taken.size();
        return chosen;
    }

    std::string draw_lane(
            uint64_t proc, const std::vector<const Operation *> &lane, double *y) const
    {
        std::vector<double> lefts;
        size_t rows = 0;
        std::vector<size_t> chosen = place_labels(lane, lefts, &rows);
        double labels = static_cast<double>(rows) * label_height;
        double bar = *y + labels + 6;
        std::string out =
                box(10, *y, page_width - 20, labels + bar_height + 14, " fill=\"#f4f4f4\"");
        out += words(18, bar + 13, "process " + elided(id_text(history_, proc), 11),
                " font-size=\"13\"");
        for (const Operation *op : lane)
            out += draw_hold(*op, bar);
        for (const Operation *op : lane)
            out += draw_bar(*op, bar);
        auto base = [&](size_t i) {
            return bar - 5 - label_height * static_cast<double>(chosen[i]);
        };
        for (size_t i = 0; i < lane.size(); i++) {
            double x = axis_.at(lane[i]->call);
            if (chosen[i] > 0)
                out += line(x, base(i) + 3, x, bar, " stroke=\"#bbbbbb\"");
        }
        for (size_t i = 0; i < lane.size(); i++)
            out += words(lefts[i], base(i), label_of(*lane[i], history_),
                    label_look + (is_guilty(*lane[i])
                                                 ? " fill=\"#b00020\" font-weight=\"bold\""
                                                 : " fill=\"#222222\""));
        *y = bar + bar_height + 8;
        return out;
    }

    /* When the hold of a grant is over, as far as the picture tells. */
    int64_t end_of_hold(const Operation &grant) const
    {
        int64_t end = grant.deadline.value_or(never);
        for (const Operation *op : operations_) {
            bool ends = op->kind == Kind::release && op->session == grant.session &&
                        op->lock == grant.lock && op->token == grant.token &&
                        op->call >= grant.call && op->result != Result::fail &&
                        op->result != Result::not_owner;
            if (ends)
                end = std::min(end, op->call);
        }
        return end;
    }

    std::string draw_hold(const Operation &op, double y) const
    {
        if (!op.is_grant())
            return "";
        double from = axis_.at(op.ret);
        int64_t end = end_of_hold(op);
        double to = end > last_time() ? lanes_right + 24 : axis_.at(end);
        return box(from, y + bar_height / 2 - 2.5, to - from, 5, " fill=\"#7fceb9\"");
    }

    int64_t last_time() const
    {
        int64_t last = INT64_MIN;
        for (int64_t time : times(operations_))
            last = std::max(last, time);
        return last;
    }

    std::string draw_bar(const Operation &op, double y) const
    {
        bool open = op.result == Result::info;
        double from = axis_.at(op.call);
        double to = op.ret == never ? lanes_right + 24 : axis_.at(op.ret);
        const char *stroke = is_guilty(op) ? "#b00020\" stroke-width=\"3" : "#333333";
        std::string tip = "<title>" + escaped(tip_of(op)) + "</title>";
        std::string look = std::string(" fill=\"") + look_of(op).colour + "\"";
        if (!open) {
            std::string shape = box(from, y, std::max(to - from, 3.0), bar_height,
                    look + " stroke=\"" + stroke + "\"");
            return "<g>" + tip + shape + "</g>\n";
        }
        /* An open end: it is unknown when, or whether at all. */
        double edge = lanes_right + 24;
        double middle = y + bar_height / 2;
        std::string path = "<path d=\"M" + place(edge) + " " + place(y) + " H" +
                           place(from) + " V" + place(y + bar_height) + " H" + place(edge) +
                           " L" + place(edge + 10) + " " + place(middle) +
                           " Z\" fill-opacity=\"0.55\" stroke-dasharray=\"5 3\"" + look +
                           " stroke=\"" + stroke + "\"/>";
        return "<g>" + tip + path + "</g>\n";
    }

    std::string tip_of(const Operation &op) const
    {
        return label_of(op, history_) + " -> " + text(op.result) + ", " +
               clock_.when(op.call) + " to " +
               (op.ret == never ? "never" : clock_.when(op.ret)) + ", " +
               object_of(op, history_) +
               (op.session ? ", session " + id_text(history_, *op.session) : "") + ", line " +
               std::to_string(op.line);
    }

    std::string draw_axis(double top, double bottom) const
    {
        std::string out;
        for (int64_t time : axis_.marks(96)) {
            double x = axis_.at(time);
            out += line(x, top + 4, x, bottom, " stroke=\"#dddddd\"");
            out += words(x, top, clock_.when(time),
                    " font-size=\"11\" fill=\"#555555\" text-anchor=\"middle\"");
        }
        return out + words(18, top, axis_.is_to_scale() ? "time" : "not to scale",
                             " font-size=\"11\" fill=\"#555555\"");
    }

    std::string draw_legend(double y) const
    {
        double x = 18;
        std::string out;
        auto add = [&](const std::string &shape, const std::string &meaning) {
            out += shape + words(x + 28, y + 11, meaning, " font-size=\"12\"");
            x += 50 + letter * static_cast<double>(meaning.size());
        };
        for (const Look &look : looks) {
            bool used = std::any_of(operations_.begin(), operations_.end(),
                    [&](auto *op) { return &look_of(*op) == &look; });
            if (used)
                add(box(x, y, 22, 13,
                            std::string(" stroke=\"#333333\" fill=\"") + look.colour +
                                    "\""),
                        look.meaning);
        }
        bool grants = std::any_of(operations_.begin(), operations_.end(),
                [](auto *op) { return op->is_grant(); });
        if (grants)
            add(box(x, y + 4, 22, 5, " fill=\"#7fceb9\""), "holds it");
        if (!guilty_.empty())
            add(box(x, y, 22, 13, " fill=\"none\" stroke=\"#b00020\" stroke-width=\"3\""),
                    "what breaks the rule");
        return out;
    }

    const std::vector<const Operation *> operations_;
    const std::vector<const Operation *> guilty_;
    const History &history_;
    Clock clock_;
    TimeAxis axis_;
    std::map<uint64_t, std::vector<const Operation *>> lanes_;
};

/* Lines of text that go over the page, beneath each other. */
std::string paragraph(const std::string &text, double *y)
{
    size_t fits = static_cast<size_t>((page_width - 40) / 7.2);
    std::string out;
    std::string row;
    auto end_row = [&] {
        out += words(18, *y, row, " font-size=\"13\"");
        *y += 18;
        row.clear();
    };
    for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find(' ', at), text.size());
        std::string word = elided(text.substr(at, end - at), fits);
        if (!row.empty() && row.size() + 1 + word.size() > fits)
            end_row();
        row += (row.empty() ? "" : " ") + word;
        at = end + 1;
    }
    if (!row.empty())
        end_row();
    return out;
}

/* The last of them, and those that the rule names in any case. */
std::vector<const Operation *> bars_of(const std::vector<const Operation *> &all,
        const std::vector<const Operation *> &guilty)
{
    std::vector<const Operation *> bars;
    for (size_t i = 0; i < all.size(); i++) {
        bool named = std::find(guilty.begin(), guilty.end(), all[i]) != guilty.end();
        if (all.size() - i <= bars_max || named)
            bars.push_back(all[i]);
    }
    return bars;
}

std::string draw_window(const Window &window, const History &history, double *y)
{
    std::string out =
            words(18, *y, window.rule + " on " + elided(object_of(window, history), 90),
                    " font-size=\"15\" font-weight=\"bold\" fill=\"#b00020\"");
    *y += 20;
    out += paragraph(why(window, history), y);
    for (const std::string &rule : window.also)
        out += paragraph("The same operations break " + rule + ".", y);
    if (!window.alone)
        out += paragraph("Showing it needs more of the history than can be tried.", y);
    auto bars = bars_of(window.operations, window.guilty);
    if (bars.size() < window.operations.size())
        out += paragraph(
                "Not shown: " + std::to_string(window.operations.size() - bars.size()) +
                        " operations before these.",
                y);
    Panel panel(bars, window.guilty, history);
    return out + panel.draw(y);
}

std::string draw_beginning(const History &history, double *y)
{
    std::vector<const Operation *> all = pointers(history);
    if (all.empty())
        return "";
    std::stable_sort(
            all.begin(), all.end(), [](auto *a, auto *b) { return a->call < b->call; });
    size_t count = std::min(all.size(), bars_max);
    std::string out;
    if (count < all.size())
        out = paragraph("The first " + std::to_string(count) + " of " +
                                std::to_string(all.size()) + " operations.",
                y);
    all.resize(count);
    Panel panel(all, {}, history);
    return out + panel.draw(y);
}

} // namespace

std::string svg_of(const Report &report)
{
    double y = 30;
    std::string body = words(18, y, elided(report.file, 80) + ": " + text(report.finding),
            " font-size=\"20\" font-weight=\"bold\"");
    y += 28;
    for (const Window &window : report.windows)
        body += draw_window(window, report.history, &y);
    if (report.windows.empty())
        body += draw_beginning(report.history, &y);
    std::string size = attributes({{"width", page_width}, {"height", y}});
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
           "<svg xmlns=\"http://www.w3.org/2000/svg\"" +
           size + " viewBox=\"0 0 " + place(page_width) + " " + place(y) +
           "\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n" +
           box(0, 0, page_width, y, " fill=\"#ffffff\"") + body + "</svg>\n";
}

} // namespace linear
