// The Prometheus text format 0.0.4, read by a strict parser that knows nothing of how it is written.

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "base/metrics.h"

namespace barrio::exposition_test {
namespace {

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};

struct Family {
  std::string type;
  std::string help;
  std::vector<Sample> samples;
};

class StrictParser {
 public:
  std::map<std::string, Family> families;
  std::vector<std::string> faults;

  void parse(const std::string& text) {
    if (text.empty() || text.back() != '\n') return fault("the last line must end in a line feed");
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("# HELP ")) {
        help(line.substr(7));
      } else if (line.starts_with("# TYPE ")) {
        type(line.substr(7));
      } else {
        sample(line);
      }
    }
    for (const auto& [name, family] : families) {
      if (family.type == "histogram") histograms(name, family);
    }
  }

 private:
  void fault(const std::string& what) { faults.push_back(what); }

  static bool metric_name(const std::string& name) {
    static const std::regex pattern("[a-zA-Z_:][a-zA-Z0-9_:]*");
    return std::regex_match(name, pattern);
  }
  static bool label_name(const std::string& name) {
    static const std::regex pattern("[a-zA-Z_][a-zA-Z0-9_]*");
    return std::regex_match(name, pattern) && !name.starts_with("__");
  }

  void help(const std::string& rest) {
    const size_t space = rest.find(' ');
    current_ = rest.substr(0, space);
    if (!metric_name(current_) || space == std::string::npos) fault("bad HELP: " + rest);
    if (families.contains(current_)) fault("a family must stand in one piece: " + current_);
    const std::string text = rest.substr(space + 1);
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') continue;
      ++i;
      if (i == text.size() || (text[i] != '\\' && text[i] != 'n')) fault("bad escape in HELP of " + current_);
    }
    families[current_].help = text;
  }
  void type(const std::string& rest) {
    const size_t space = rest.find(' ');
    const std::string name = rest.substr(0, space);
    const std::string type = space == std::string::npos ? "" : rest.substr(space + 1);
    if (name != current_ || !families[name].samples.empty()) fault("TYPE must follow its HELP: " + name);
    if (!std::set<std::string>{"counter", "gauge", "histogram"}.contains(type)) fault("bad TYPE: " + rest);
    families[name].type = type;
  }

  void sample(const std::string& line) {
    const size_t end = line.find_first_of("{ ");
    Sample sample{.name = line.substr(0, end), .labels = {}};
    if (end == std::string::npos || !metric_name(sample.name)) return fault("bad sample: " + line);
    size_t at = end;
    if (line[at] == '{' && !labels(line, at, sample)) return fault("bad labels: " + line);
    if (line[at] != ' ') return fault("a space before the value: " + line);
    const std::string value = line.substr(at + 1);
    size_t used = 0;
    try {
      sample.value = value == "+Inf" ? INFINITY : std::stod(value, &used);
    } catch (const std::exception&) {
      return fault("bad value: " + line);
    }
    if (value != "+Inf" && used != value.size()) fault("bad value: " + line);
    keep(std::move(sample), line);
  }

  bool labels(const std::string& line, size_t& at, Sample& sample) {
    ++at;
    while (at < line.size() && line[at] != '}') {
      const size_t equals = line.find('=', at);
      if (equals == std::string::npos || line.substr(equals, 2) != "=\"") return false;
      const std::string name = line.substr(at, equals - at);
      std::string value;
      at = equals + 2;
      while (at < line.size() && line[at] != '"') {
        if (line[at] != '\\') {
          value += line[at++];
          continue;
        }
        if (at + 1 >= line.size()) return false;
        const char escaped = line[at + 1];
        if (escaped != '\\' && escaped != '"' && escaped != 'n') return false;
        value += escaped == 'n' ? '\n' : escaped;
        at += 2;
      }
      if (at >= line.size() || !label_name(name) || !sample.labels.emplace(name, value).second) return false;
      ++at;
      if (at < line.size() && line[at] == ',')
        ++at;
      else if (at >= line.size() || line[at] != '}')
        return false;
    }
    if (at >= line.size() || line[at - 1] == ',') return false;
    ++at;
    return true;
  }

  void keep(Sample sample, const std::string& line) {
    Family& family = families[current_];
    bool belongs = sample.name == current_;
    if (family.type == "histogram") {
      belongs = false;
      for (const char* suffix : {"_bucket", "_sum", "_count"}) belongs |= sample.name == current_ + suffix;
    }
    if (!belongs) fault("a sample outside its family: " + line);
    if (family.type == "counter" && sample.value < 0) fault("a counter below zero: " + line);
    if (!seen_.insert({sample.name, sample.labels}).second) fault("the same series twice: " + line);
    family.samples.push_back(std::move(sample));
  }

  void histograms(const std::string& name, const Family& family) {
    struct Read {
      double last_bound = -INFINITY, last_count = 0, infinite = -1, count = -1;
      bool sum = false;
    };
    std::map<std::map<std::string, std::string>, Read> read;
    for (Sample sample : family.samples) {
      const auto le = sample.labels.find("le");
      const bool bucket = sample.name == name + "_bucket";
      if (bucket != (le != sample.labels.end())) return fault("le is for buckets: " + name);
      const double bound = !bucket ? 0 : le->second == "+Inf" ? INFINITY : std::stod(le->second);
      if (bucket) sample.labels.erase(le);
      Read& one = read[sample.labels];
      if (bucket) {
        if (bound <= one.last_bound || sample.value < one.last_count) fault("buckets must grow: " + name);
        one.last_bound = bound;
        one.last_count = sample.value;
        if (std::isinf(bound)) one.infinite = sample.value;
      }
      if (sample.name == name + "_count") one.count = sample.value;
      if (sample.name == name + "_sum") one.sum = true;
    }
    for (const auto& [labels, one] : read) {
      if (!one.sum || one.infinite < 0 || one.infinite != one.count) fault("an incomplete histogram: " + name);
    }
  }

  std::string current_;
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen_;
};

TEST_CASE("the exposition is what the format says, for any label's value") {
  Registry registry;
  const std::string nasty = "back\\slash \"quote\"\nline, }{=";
  registry.counter("barrio_a_total", "With \\ and\nline.", {{"app", nasty}, {"site", "bio1"}}).add(7);
  registry.counter("barrio_a_total", "", {{"app", ""}, {"site", "mad1"}});
  registry.gauge("barrio_b", "Gauge.").set(-1.5e-7);
  registry.histogram("barrio_c_seconds", "H.", {{"app", nasty}}).observe(3ms);
  registry.histogram("barrio_c_seconds", "H.", {{"app", "b"}}).observe(60s);
  registry.histogram("barrio_c_seconds", "H.", {{"app", "b"}}).observe(1us);
  StrictParser parser;
  parser.parse(registry.text());
  CHECK(parser.faults == std::vector<std::string>{});
  REQUIRE(parser.families.size() == 3);
  CHECK(parser.families["barrio_a_total"].help == "With \\\\ and\\nline.");
  bool found = false;
  for (const Sample& sample : parser.families["barrio_a_total"].samples)
    found |= sample.labels.at("app") == nasty && sample.value == 7;
  CHECK(found);
  CHECK(parser.families["barrio_b"].samples.at(0).value == doctest::Approx(-1.5e-7));
}

TEST_CASE("the strict parser is strict") {
  for (const char* bad :
       {"a 1", "# HELP a x\n# TYPE a counter\na{b=\"\\x\"} 1\n", "# HELP a x\n# TYPE a counter\na -1\n",
        "# HELP a x\n# TYPE a counter\na{b=\"1\",b=\"2\"} 1\n", "# HELP a x\n# TYPE a thing\na 1\n",
        "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
        "# HELP a x\n# TYPE a counter\na 1\na 1\n", "# HELP a x\n# TYPE a counter\nb 1\n"}) {
    StrictParser parser;
    parser.parse(bad);
    CAPTURE(bad);
    CHECK_FALSE(parser.faults.empty());
  }
}

}  // namespace
}  // namespace barrio::exposition_test
