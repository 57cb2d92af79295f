// The house rules that a machine can check: arrows between rooms, libraries, sizes, and words we do not use.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path root = BARRIO_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The "name: words" lines of one fenced block of ARCHITECTURE.md.
std::map<std::string, std::set<std::string>> table(const std::string& fence) {
  std::map<std::string, std::set<std::string>> rows;
  bool inside = false;
  for (const std::string& line : lines_of(read(root / "ARCHITECTURE.md"))) {
    if (line == "```" + fence) {
      inside = true;
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      const size_t colon = line.find(':');
      std::istringstream words(line.substr(colon + 1));
      auto& row = rows[line.substr(0, colon)];
      for (std::string word; words >> word;) row.insert(word);
    }
  }
  return rows;
}

std::vector<fs::path> sources(const std::string& folder) {
  std::vector<fs::path> found;
  if (!fs::exists(root / folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    const auto extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".cpp" || extension == ".h")) found.push_back(entry.path());
  }
  return found;
}

/// "src/adapters/ort/x.cpp" -> "adapters/ort"; "src/decide/routing/x.cpp" -> "decide".
std::string room_of(const std::string& path_in_src) {
  const size_t first = path_in_src.find('/');
  if (path_in_src.starts_with("adapters/")) return path_in_src.substr(0, path_in_src.find('/', first + 1));
  return path_in_src.substr(0, first);
}

bool is_test(const fs::path& path) {
  return path.stem().string().ends_with("_test") || path.stem().string().ends_with("_contract");
}

bool closes(const std::string& line, size_t depth) {
  const size_t indent = line.find_first_not_of(' ');
  return indent != std::string::npos && indent <= depth && line[indent] == '}';
}

struct Include {
  std::string target;
  bool quoted;
};

std::vector<Include> includes(const fs::path& path) {
  static const std::regex pattern(R"re(^\s*#include ([<"])([^>"]+)[>"])re");
  std::vector<Include> found;
  for (const std::string& line : lines_of(read(path))) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) found.push_back({match[2], match[1] == "\""});
  }
  return found;
}

}  // namespace

TEST_CASE("rooms see only the rooms that ARCHITECTURE.md allows") {
  const auto rooms = table("rooms");
  REQUIRE(rooms.size() > 15);
  for (const fs::path& path : sources("src")) {
    const std::string room = room_of(fs::relative(path, root / "src").string());
    INFO(path.string());
    REQUIRE_MESSAGE(rooms.contains(room), "room " << room << " is not in ARCHITECTURE.md");
    const auto& allowed = rooms.at(room);
    for (const Include& include : includes(path)) {
      if (!include.quoted) continue;
      const std::string target = room_of(include.target);
      // Tests wire real adapters to the room under test; production code may not.
      const bool good = target == room || allowed.contains(target) || allowed.contains("*") ||
                        (is_test(path) && target.starts_with("adapters/"));
      CHECK_MESSAGE(good, path.string() << " includes " << include.target);
    }
  }
}

TEST_CASE("a library is included only by the rooms that own it") {
  const auto libraries = table("libraries");
  REQUIRE(libraries.size() > 5);
  for (const fs::path& path : sources("src")) {
    const std::string room = room_of(fs::relative(path, root / "src").string());
    for (const Include& include : includes(path)) {
      for (const auto& [library, rooms] : libraries) {
        if (include.quoted || !include.target.starts_with(library)) continue;
        CHECK_MESSAGE((rooms.contains(room) || rooms.contains("*")), path.string() << " includes " << include.target);
      }
    }
  }
}

TEST_CASE("files stay readable: 500 lines, tests 800") {
  for (const char* folder : {"src", "tests", "bench"}) {
    for (const fs::path& path : sources(folder)) {
      const size_t limit = is_test(path) ? 800 : 500;
      const size_t lines = lines_of(read(path)).size();
      CHECK_MESSAGE(lines <= limit, path.string() << " has " << lines << " lines");
    }
  }
}

TEST_CASE("functions stay within 70 lines") {
  // clang-format puts the closing brace of a function in the column of its first line; bodies are what lies between.
  static const std::regex opening(
      R"re(^( *)(?! |namespace|class|struct|enum|union|switch|else|do|if|for|while|extern|TEST_CASE|\}).*\)[^;]*\{$)re");
  for (const fs::path& path : sources("src")) {
    if (is_test(path)) continue;
    const auto lines = lines_of(read(path));
    for (size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(lines[i], match, opening)) continue;
      // The first closing brace at this depth or less: signatures that wrap start deeper than they end.
      const size_t depth = match[1].length();
      size_t end = i + 1;
      while (end < lines.size() && !closes(lines[end], depth)) ++end;
      CHECK_MESSAGE(end - i <= 70, path.string() << ":" << i + 1 << " is " << end - i << " lines long");
    }
  }
}

TEST_CASE("banned words: what to write instead") {
  struct Ban {
    std::regex pattern;
    std::string instead;
    std::vector<std::string> except;  // rooms, or files, that may
  };
  const std::vector<Ban> bans = {
      // Destroying a suspended fiber must unwind its stack.
      {std::regex(R"(\bthrow\b)"), "return fail(...)", {"base/fiber.cpp"}},
      {std::regex(R"(std::(steady|system|high_resolution)_clock)"),
       "take Time as an argument, or ask the Runtime",
       {"net", "base", "adapters/reactor_runtime", "cli", "emulation", "adapters/opencv"}},
      {std::regex(R"(std::(jthread|thread)\b)"),
       "Runtime::offload or net's worker pool",
       {"net", "adapters/reactor_runtime"}},
      {std::regex(R"(\b(rand|srand)\(|std::mt19937|std::random_device)"),
       "an Rng that is handed in",
       {"adapters/reactor_runtime"}},
      {std::regex(R"(\bco_(await|return|yield)\b)"), "a fiber (docs/adr/0002)", {}},
      {std::regex(R"(\bsleep_for\(std::chrono|\busleep\(|\bsleep\()"), "Runtime::sleep_for", {}},
      {std::regex(R"(\b(TODO|FIXME|XXX|HACK)\b)"), "finish it, or say it in an issue", {}},
      {std::regex(R"(using namespace std;)"), "names", {}},
  };
  for (const fs::path& path : sources("src")) {
    if (is_test(path)) continue;
    const std::string file = fs::relative(path, root / "src").string();
    size_t number = 0;
    for (std::string line : lines_of(read(path))) {
      ++number;
      line = line.substr(0, line.find("//"));
      for (const Ban& ban : bans) {
        const bool excepted = std::any_of(ban.except.begin(), ban.except.end(), [&](const std::string& place) {
          return file == place || file.starts_with(place + "/");
        });
        if (excepted) continue;
        CHECK_MESSAGE(!std::regex_search(line, ban.pattern),
                      path.string() << ":" << number << ": " << line << " -> " << ban.instead);
      }
    }
  }
}

TEST_CASE("what a property finds is looked at: CHECK(rc::check(...))") {
  static const std::regex ignored(R"(^\s*rc::check\()");
  for (const fs::path& path : sources("src")) {
    if (!is_test(path)) continue;
    size_t number = 0;
    for (const std::string& line : lines_of(read(path))) {
      ++number;
      CHECK_MESSAGE(!std::regex_search(line, ignored), path.string()
                                                           << ":" << number << ": nobody hears that it fails");
    }
  }
}
