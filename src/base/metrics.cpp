#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace barrio {

namespace {
constexpr std::array<double, 16> histogram_bounds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                     0.025,   0.05,   0.1,     0.25,   0.5,   1,      2.5,   10};

/// With a backslash before every character of `special`, and line ends as \n: a value must not end its line.
std::string escape(std::string_view text, std::string_view special) {
  std::string escaped;
  for (char c : text) {
    if (special.find(c) != std::string_view::npos) escaped += '\\';
    if (c == '\n')
      escaped += "\\n";
    else
      escaped += c;
  }
  return escaped;
}

std::string label_text(const Labels& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", key, escape(value, "\\\""));
  }
  return out;
}

std::string braces(const std::string& labels, const std::string& extra = {}) {
  const std::string both = labels.empty() || extra.empty() ? labels + extra : labels + "," + extra;
  return both.empty() ? "" : "{" + both + "}";
}

void print(std::string& out, const std::string& name, const std::string& labels, const Histogram& histogram) {
  uint64_t below = 0;
  const auto bounds = Histogram::bounds();
  for (size_t i = 0; i < bounds.size(); ++i) {
    below += histogram.bucket(i);
    out += fmt::format("{}_bucket{} {}\n", name, braces(labels, fmt::format("le=\"{}\"", bounds[i])), below);
  }
  below += histogram.bucket(bounds.size());
  out += fmt::format("{}_bucket{} {}\n", name, braces(labels, "le=\"+Inf\""), below);
  out += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, braces(labels), histogram.sum_seconds(), name,
                     braces(labels), below);
}
}  // namespace

std::span<const double> Histogram::bounds() {
  return histogram_bounds;
}

void Histogram::observe(Duration duration) {
  const double seconds = to_seconds(duration);
  const auto bound = std::lower_bound(histogram_bounds.begin(), histogram_bounds.end(), seconds);
  buckets_[static_cast<size_t>(bound - histogram_bounds.begin())].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(duration.count(), std::memory_order_relaxed);
}

struct Registry::Family {
  std::string help;
  std::string type;
  std::map<std::string, Counter> counters;  // by label text; map nodes never move
  std::map<std::string, Gauge> gauges;
  std::map<std::string, Histogram> histograms;
};

Registry::Registry() = default;
Registry::~Registry() = default;

Registry::Family& Registry::family(const std::string& name, const std::string& help, std::string_view type) {
  auto& slot = families_[name];
  if (!slot) {
    slot = std::make_unique<Family>();
    slot->help = help;
    slot->type = type;
  }
  return *slot;
}

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  return family(name, help, "counter").counters[label_text(labels)];
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  return family(name, help, "gauge").gauges[label_text(labels)];
}

Histogram& Registry::histogram(const std::string& name, const std::string& help, const Labels& labels) {
  const std::scoped_lock lock(mutex_);
  return family(name, help, "histogram").histograms[label_text(labels)];
}

std::string Registry::text() const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(family->help, "\\"), name, family->type);
    for (const auto& [labels, counter] : family->counters)
      out += fmt::format("{}{} {}\n", name, braces(labels), counter.value());
    for (const auto& [labels, gauge] : family->gauges)
      out += fmt::format("{}{} {}\n", name, braces(labels), gauge.value());
    for (const auto& [labels, histogram] : family->histograms) print(out, name, labels, histogram);
  }
  return out;
}

}  // namespace barrio
