#include <algorithm>

#include "base/text.h"
#include "cli/actions.h"
#include "cli/view.h"

namespace barrio::cli {

namespace {

std::string with_blanks(const std::vector<std::string>& words) {
  return join_text(words, " ");
}

/// A kind that says nothing is "-", so that each stays one word of the shell.
std::string kind_word(const ValueKind& kind) {
  return kind.empty() ? "-" : kind;
}

std::string bash_cases(const CompletionCommand& command) {
  std::string cases;
  for (const auto& [path, words] : command.words) {
    std::string values;
    std::string options = with_blanks(words.flags);
    for (const auto& [option, kind] : words.options) {
      options += (options.empty() ? "" : " ") + option;
      values += " " + option + ":" + kind_word(kind);
    }
    std::string arguments;
    for (const ValueKind& kind : words.arguments) arguments += (arguments.empty() ? "" : " ") + kind_word(kind);
    cases += "    '" + path + "') commands='" + with_blanks(words.commands) + "' options='" + options + "' values='" +
             values + "' arguments='" + arguments + "' ;;\n";
  }
  return cases;
}

/// Bash and zsh (through bashcompinit). The words before the cursor that are neither options nor their values name the
/// command, and then its arguments; names come from the network, as who is named on the line, within two seconds.
std::string bash_script(const CompletionCommand& command) {
  return R"(_barrio_at() {
  case "$1" in
)" + bash_cases(command) +
         R"(    *) return 1 ;;
  esac
}
_barrio_kind() {
  local pair
  for pair in $values $everywhere; do
    if [ "${pair%%:*}" = "$1" ]; then kind=${pair#*:}; return 0; fi
  done
  return 1
}
_barrio() {
  local commands='' options='' values='' arguments='' everywhere='' words='' word path='' before='' kind='' given=0
  local current=${COMP_WORDS[COMP_CWORD]} speaker=() argument
  COMPREPLY=()
  _barrio_at ''
  local common=$options
  everywhere=$values
  if [ "$current" = = ]; then current=; fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ "$word" = = ]; then continue; fi
    if [ -n "$before" ]; then
      case "$before" in --as | --home) speaker+=("$before" "$word") ;; esac
      before=
      continue
    fi
    case "$word" in
      -*) if _barrio_kind "$word"; then before=$word; fi ;;
      *) if [ -n "$commands" ] && _barrio_at "${path:+$path }$word"; then path="${path:+$path }$word"; else given=$((given + 1)); fi ;;
    esac
  done
  kind=
  if [ -n "$before" ]; then
    _barrio_kind "$before"
  else
    case "$current" in
      -*) words="$options $common" ;;
      *)
        words=$commands
        for argument in $arguments; do
          if [ "$given" = 0 ]; then kind=$argument; fi
          given=$((given - 1))
        done ;;
    esac
  fi
  case "$kind" in
    '' | -) ;;
    file) COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; return ;;
    *,*) words=${kind//,/ } ;;
    *) words=$(timeout 2 barrio "${speaker[@]}" names "$kind" 2>/dev/null) ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _barrio barrio
)";
}

std::string fish_value(const ValueKind& kind) {
  if (kind.empty()) return " -f";
  if (kind == "file") return " -F";
  if (kind.find(',') == std::string::npos) return " -f -a '(timeout 2 barrio names " + kind + " 2>/dev/null)'";
  std::string words = kind;
  std::ranges::replace(words, ',', ' ');
  return " -f -a '" + words + "'";
}

std::string fish_script(const CompletionCommand& command) {
  std::string script = "complete -c barrio -f\n";
  for (const auto& [path, words] : command.words) {
    std::string seen;
    for (std::string_view word : split(path, ' ')) {
      if (!word.empty()) seen += "; and __fish_seen_subcommand_from " + std::string(word);
    }
    const std::string line =
        "complete -c barrio -n '" + (seen.empty() ? "__fish_use_subcommand" : seen.substr(6)) + "'";
    // What may stand with every command has no condition.
    const std::string options = path.empty() ? "complete -c barrio" : line;
    for (const std::string& word : words.commands) script += line + " -a " + word + "\n";
    for (const std::string& flag : words.flags) script += options + " -l " + flag.substr(2) + "\n";
    for (const auto& [option, kind] : words.options)
      script += options + " -l " + option.substr(2) + " -r" + fish_value(kind) + "\n";
    for (const ValueKind& kind : words.arguments) script += line + fish_value(kind) + "\n";
  }
  return script;
}

Result<std::vector<std::string>> names_of(Session& session, const std::string& kind) {
  std::vector<std::string> names;
  if (kind == "context") {
    TRY(const auto contexts, load_contexts(session.home));
    for (const Context& context : contexts.contexts) names.push_back(context.name);
    return names;
  }
  const bool operating = kind == "site" || kind == "tenant";
  TRY(auto control, session.control(operating ? Speaker::operating : Speaker::tenant));
  const std::string list = kind + "s";
  TRY(const auto answer, control.list("/" + list, list));
  const std::string at = kind == "app" ? "app.spec.name" : kind == "site" ? "id" : "name";
  for (const Json& item : items(answer, list)) names.push_back(text_at(item, at));
  return names;
}

bool is_plain_name(std::string_view name) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.find_first_not_of(plain) == std::string_view::npos;
}

}  // namespace

/// Shells expand what they are given: nothing but plain names gets there, whoever control is.
std::string known_names(Session& session, const NamesCommand& command) {
  const auto names = names_of(session, command.kind);
  std::string plain;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (is_plain_name(name)) plain += name + "\n";
  }
  return plain;
}

std::string completion_script(const CompletionCommand& command) {
  if (command.shell == "fish") return fish_script(command);
  if (command.shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(command);
  return bash_script(command);
}

}  // namespace barrio::cli
