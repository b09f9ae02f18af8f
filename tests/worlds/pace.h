/*
 * Time as the machine gives it. A test that says "within 800 ms" is about a wait that would
 * be too long, not about a machine that is too busy. A thread that sleeps for 5 ms again and
 * again notes how much later it wakes up; that much is taken off. On an idle machine this
 * is the time of the clock, so the test can fail.
 */
#ifndef TESTS_WORLDS_PACE_H
#define TESTS_WORLDS_PACE_H

#include <atomic>
#include <chrono>
#include <thread>

namespace pace {

using clock = std::chrono::steady_clock;

class Lateness {
public:
    Lateness() : thread_([this] { watch(); }) {}

    ~Lateness()
    {
        stops_ = true;
        thread_.join();
    }

    clock::duration sum() const
    {
        return clock::duration(sum_);
    }

private:
    void watch()
    {
        constexpr std::chrono::milliseconds step(5);
        while (!stops_) {
            clock::time_point due = clock::now() + step;
            std::this_thread::sleep_until(due);
            sum_ += (clock::now() - due).count();
        }
    }

    std::atomic<bool> stops_ = false;
    std::atomic<clock::duration::rep> sum_ = 0;
    std::thread thread_; /* The last, because it uses the others */
};

/* From when it is made on. */
class Stopwatch {
public:
    /* Without what the machine was late. */
    clock::duration elapsed() const
    {
        return clock::now() - begin_ - late_.sum();
    }

private:
    Lateness late_;
    clock::time_point begin_ = clock::now();
};

} // namespace pace

#endif
