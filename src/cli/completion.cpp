#include <algorithm>

#include "base/text.h"
#include "cli/actions.h"

namespace barrio::cli {

namespace {

/// Where nothing but options may follow, files may, too.
std::string bash_cases(const CompletionCommand& command) {
  std::string cases;
  for (const auto& [path, words] : command.words) {
    const bool leaf =
        std::all_of(words.begin(), words.end(), [](const std::string& word) { return word.starts_with("--"); });
    cases += "    '" + path + "') words='" + join_text(words, " ") + (leaf ? "'; files=1 ;;\n" : "' ;;\n");
  }
  return cases;
}

/// Bash and zsh (through bashcompinit): the words before the cursor that are no options name the command.
std::string bash_script(const CompletionCommand& command) {
  return R"(_barrio() {
  local path='' word words='' files=''
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="${path:+$path }$word" ;; esac
  done
  case "$path" in
)" + bash_cases(command) +
         R"(    *) files=1 ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
  if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -o filenames -F _barrio barrio
)";
}

std::string fish_script(const CompletionCommand& command) {
  std::string script = "complete -c barrio -f\n";
  for (const auto& [path, words] : command.words) {
    std::string seen;
    for (std::string_view word : split(path, ' ')) {
      if (!word.empty()) seen += "; and __fish_seen_subcommand_from " + std::string(word);
    }
    const std::string condition = seen.empty() ? "__fish_use_subcommand" : seen.substr(6);
    for (const std::string& word : words) {
      const bool option = word.starts_with("--");
      script += "complete -c barrio -n '" + condition + "' " + (option ? "-l " + word.substr(2) : "-a " + word) + "\n";
    }
  }
  return script;
}

}  // namespace

std::string completion_script(const CompletionCommand& command) {
  if (command.shell == "fish") return fish_script(command);
  if (command.shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(command);
  return bash_script(command);
}

}  // namespace barrio::cli
