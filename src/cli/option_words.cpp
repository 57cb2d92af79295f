#include "cli/option_words.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::cli {

namespace {

bool is_any(const CLI::App*) {
  return true;
}

/// What the value of an option or argument is, by its name.
ValueKind value_kind(const CLI::Option& option, const std::string& path) {
  const std::string type = option.get_type_name();  // "TEXT:table,json"
  if (type.find(',') != std::string::npos) return type.substr(type.find(':') + 1);
  const std::string name = option.get_positional() ? option.get_name() : option.get_lnames().front();
  static const std::map<std::string, ValueKind> kinds{{"SITE", "site"},         {"site", "site"},
                                                      {"APP", "app"},           {"app", "app"},
                                                      {"bucket", "bucket"},     {"BUCKET", "bucket"},
                                                      {"tenant", "tenant"},     {"as", "context"},
                                                      {"BUCKET/KEY", "bucket"}, {"BUCKET[/PREFIX]", "bucket"},
                                                      {"location", "site"},     {"FILE", "file"},
                                                      {"DIR", "file"},          {"FOLDER", "file"},
                                                      {"ARCHIVE", "file"},      {"config", "file"},
                                                      {"keys", "file"},         {"image", "file"},
                                                      {"json", "file"},         {"policy", "file"},
                                                      {"key", "file"},          {"ca", "file"},
                                                      {"folder", "file"},       {"home", "file"},
                                                      {"out", "file"},          {"model", "file"},
                                                      {"network", "file"}};
  if (name == "NAME" && path.starts_with("bucket ") && path != "bucket create") return "bucket";
  if (name == "NAME" && path.starts_with("tenant ") && path != "tenant create") return "tenant";
  if (name == "NAME" && path.starts_with("context ")) return "context";
  const auto found = kinds.find(name);
  return found == kinds.end() ? "" : found->second;
}

void collect(const CLI::App& app, const std::string& path, std::map<std::string, CommandWords>& words) {
  CommandWords& here = words[path];
  for (const CLI::App* child : app.get_subcommands(is_any)) {
    if (child->get_group() == internal_group || child->get_group() == hidden_group) continue;
    here.commands.push_back(child->get_name());
    collect(*child, path_of(*child), words);
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      here.arguments.push_back(value_kind(*option, path));
    } else if (option->get_lnames().empty()) {
      continue;
    } else if (option->get_items_expected_max() > 0) {
      here.options["--" + option->get_lnames().front()] = value_kind(*option, path);
    } else {
      here.flags.push_back("--" + option->get_lnames().front());
    }
  }
}

}  // namespace

CLI::Validator one_of(std::vector<std::string> words) {
  const std::string named = join_text(words, ",");
  return CLI::Validator(
      [words = std::move(words)](const std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string();
        std::string wanted;
        for (size_t i = 0; i < words.size(); ++i) {
          wanted += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
        }
        return "'" + text + "' must be " + wanted;
      },
      named);
}

std::string path_of(const CLI::App& app) {
  if (app.get_parent() == nullptr) return "";
  const std::string above = path_of(*app.get_parent());
  return above.empty() ? app.get_name() : above + " " + app.get_name();
}

std::string unknown_text(const CLI::App& at, const CLI::App& root, const std::string& word) {
  const bool option = word.starts_with('-');
  std::vector<std::string> known;
  if (option) {
    for (const CLI::App* app : {&at, static_cast<const CLI::App*>(&root)}) {
      for (const CLI::Option* one : app->get_options()) {
        if (!one->get_lnames().empty()) known.push_back("--" + one->get_lnames().front());
      }
    }
  } else {
    for (const CLI::App* child :
         at.get_subcommands([](const CLI::App* app) { return app->get_group() != hidden_group; }))
      known.push_back(child->get_name());
  }
  const std::vector<std::string_view> words(known.begin(), known.end());
  const auto meant = nearest(word, words);
  return (option ? "there is no option '" : "there is no command '") + word + "'" +
         (meant ? ", did you mean '" + std::string(*meant) + "'?" : "");
}

std::string misread_text(const CLI::App& at, const CLI::App& root, const CLI::ParseError& error) {
  const auto rest = root.remaining(true);
  std::string text = error.what();
  constexpr std::string_view unread = "Could not convert: ";
  constexpr std::string_view outside = " not in range ";
  const size_t value = text.find(": Value ");
  if (text.starts_with(unread)) {
    const size_t equals = text.find(" = ");
    text = text.substr(unread.size(), equals - unread.size()) + ": must be a number, not '" + text.substr(equals + 3) +
           "'";
  } else if (const size_t range = text.find(outside); range != std::string::npos && value < range) {
    const size_t shown = value + std::string_view(": Value ").size();
    text = text.substr(0, value) + ": must be from " + text.substr(range + outside.size()) + ", not '" +
           text.substr(shown, range - shown) + "'";
  } else if (!rest.empty() && (rest.front().starts_with('-') || !at.get_subcommands(is_any).empty())) {
    text = unknown_text(at, root, rest.front());
  } else if (!at.get_subcommands(is_any).empty() && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    text = "a command must follow";
  }
  return text;
}

std::map<std::string, CommandWords> words_of(const CLI::App& root) {
  std::map<std::string, CommandWords> words;
  collect(root, "", words);
  return words;
}

}  // namespace barrio::cli
