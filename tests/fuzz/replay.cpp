// Runs one target on its kept corpus and on seeded mutations of it. Usage: fuzz_TARGET CORPUS [DICTIONARY] |
// fuzz_TARGET FILE A failing input is left in the working directory as crash-TARGET, to be kept in the corpus once it
// is understood.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "mutation.h"
#include "target.h"

namespace fs = std::filesystem;
using namespace barrio;

namespace {

constexpr size_t mutations = 3000;

std::string running;  // what a crash is about
std::string crash_file;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Only what a signal handler may do.
void keep_input(int) {
  if (std::FILE* out = std::fopen(crash_file.c_str(), "wb")) {
    std::fwrite(running.data(), 1, running.size(), out);
    std::fclose(out);
  }
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

void run(std::string input) {
  running = std::move(input);
  fuzz::run_target(running);
}

std::vector<std::string> read_corpus(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const fs::path& file : files) corpus.push_back(read(file));
  return corpus;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: %s CORPUS [DICTIONARY] | %s FILE\n", argv[0], argv[0]), 2;
  crash_file = "crash-" + fs::path(argv[0]).filename().string();
  std::signal(SIGABRT, keep_input);
  if (fs::is_regular_file(argv[1])) return run(read(argv[1])), 0;
  const std::vector<std::string> corpus = read_corpus(argv[1]);
  if (corpus.empty()) return std::fprintf(stderr, "no corpus in %s\n", argv[1]), 1;
  const auto dictionary = fuzz::read_dictionary(argc > 2 ? read(argv[2]) : std::string());
  run("");
  for (const std::string& input : corpus) run(input);
  Rng rng(20261124);
  for (size_t i = 0; i < mutations; ++i) {
    run(fuzz::mutate(corpus[static_cast<size_t>(rng.below(corpus.size()))], corpus, dictionary, rng));
  }
  std::printf("%zu kept inputs and %zu mutations\n", corpus.size(), mutations);
  return 0;
}
