#pragma once
// What is told of the parser's commands and options: their paths, their words for completion, and what was misread.

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/options.h"

namespace barrio::cli {

inline constexpr const char* hidden_group = "";
inline constexpr const char* internal_group = "Processes (started by 'barrio up')";

/// Words that an option takes, and no others; help and completion name them.
CLI::Validator one_of(std::vector<std::string> words);
/// "app deploy"; of the root "".
std::string path_of(const CLI::App& app);
/// A command or an option that is not there, and the one that is nearest.
std::string unknown_text(const CLI::App& at, const CLI::App& root, const std::string& word);
/// The parser's error in plain words; `at` is the command that was come to.
std::string misread_text(const CLI::App& at, const CLI::App& root, const CLI::ParseError& error);
/// By the commands' paths.
std::map<std::string, CommandWords> words_of(const CLI::App& root);

}  // namespace barrio::cli
