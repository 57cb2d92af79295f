#include <doctest/doctest.h>

#include "base/metrics.h"

namespace barrio::metrics_test {

TEST_CASE("the exposition lists families by name with help, type and labels") {
  Registry registry;
  registry.counter("barrio_requests_total", "Requests answered.", {{"app", "a/b"}, {"status", "200"}}).add(3);
  registry.counter("barrio_requests_total", "ignored", {{"app", "a/b"}, {"status", "503"}}).add();
  registry.gauge("barrio_connections", "Open connections.").set(2.5);
  CHECK(registry.text() ==
        "# HELP barrio_connections Open connections.\n"
        "# TYPE barrio_connections gauge\n"
        "barrio_connections 2.5\n"
        "# HELP barrio_requests_total Requests answered.\n"
        "# TYPE barrio_requests_total counter\n"
        "barrio_requests_total{app=\"a/b\",status=\"200\"} 3\n"
        "barrio_requests_total{app=\"a/b\",status=\"503\"} 1\n");
}

TEST_CASE("the same name and labels are the same series, wherever it is asked for") {
  Registry registry;
  Counter& first = registry.counter("barrio_x_total", "x", {{"a", "1"}});
  for (int i = 0; i < 100; ++i) registry.counter("barrio_x_total", "x", {{"a", std::to_string(i)}});
  CHECK(&registry.counter("barrio_x_total", "x", {{"a", "1"}}) == &first);
}

TEST_CASE("a histogram counts cumulatively and a value on a bound belongs below it") {
  Registry registry;
  Histogram& histogram = registry.histogram("barrio_seconds", "Time.", {{"part", "queue"}});
  histogram.observe(1ms);
  histogram.observe(2ms);
  histogram.observe(60s - 3ms);
  const std::string text = registry.text();
  const auto has = [&](const std::string& line) { return text.find(line + "\n") != std::string::npos; };
  CHECK(has("barrio_seconds_bucket{part=\"queue\",le=\"0.0005\"} 0"));
  CHECK(has("barrio_seconds_bucket{part=\"queue\",le=\"0.001\"} 1"));
  CHECK(has("barrio_seconds_bucket{part=\"queue\",le=\"0.0025\"} 2"));
  CHECK(has("barrio_seconds_bucket{part=\"queue\",le=\"10\"} 2"));
  CHECK(has("barrio_seconds_bucket{part=\"queue\",le=\"+Inf\"} 3"));
  CHECK(has("barrio_seconds_sum{part=\"queue\"} 60"));
  CHECK(has("barrio_seconds_count{part=\"queue\"} 3"));
}

TEST_CASE("label values and help cannot break a line") {
  Registry registry;
  registry.counter("barrio_x_total", "one\ntwo \\ three", {{"v", "a\"b\\c\nd"}}).add();
  CHECK(registry.text() ==
        "# HELP barrio_x_total one\\ntwo \\\\ three\n"
        "# TYPE barrio_x_total counter\n"
        "barrio_x_total{v=\"a\\\"b\\\\c\\nd\"} 1\n");
}

}  // namespace barrio::metrics_test
