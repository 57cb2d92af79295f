#include "cli/context.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/files.h"

namespace barrio::cli {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string contexts_file(const std::string& home) {
  return home + "/contexts.yaml";
}

}  // namespace

const Context* Contexts::find(const std::string& name) const {
  auto found =
      std::find_if(contexts.begin(), contexts.end(), [&](const Context& context) { return context.name == name; });
  return found == contexts.end() ? nullptr : &*found;
}

void Contexts::put(Context context) {
  std::erase_if(contexts, [&](const Context& old) { return old.name == context.name; });
  contexts.push_back(std::move(context));
}

std::string home_folder(const std::string& option) {
  if (!option.empty()) return option;
  const std::string from_environment = environment("BARRIO_HOME");
  return from_environment.empty() ? "./.barrio" : from_environment;
}

Result<Contexts> load_contexts(const std::string& home) {
  auto loaded = read_yaml<Contexts>(contexts_file(home));
  if (!loaded && loaded.error().code == Code::not_found) return Contexts{};
  return loaded;
}

Result<void> save_contexts(const std::string& home, const Contexts& contexts) {
  if (!std::filesystem::exists(home)) TRY_DO(make_folder(home, 0700));
  return write_yaml(contexts_file(home), contexts, 0600);
}

Result<Context> choose_context(const std::string& home, const std::string& as, Speaker speaker) {
  const std::string id = environment("BARRIO_CLIENT_ID");
  const std::string control = environment("BARRIO_CONTROL");
  if (as.empty() && !id.empty()) {
    if (control.empty()) return fail(Code::invalid, "BARRIO_CLIENT_ID is set, so BARRIO_CONTROL must be set too");
    const std::string ca = environment("BARRIO_CA");
    return Context{"environment", control, id, environment("BARRIO_CLIENT_SECRET"),
                   ca.empty() ? std::nullopt : std::optional(ca)};
  }
  TRY(auto contexts, load_contexts(home));
  const std::string own = speaker == Speaker::operating ? "operator" : contexts.current;
  const std::string wanted = as.empty() ? own : as;
  const Context* found = contexts.find(wanted);
  if (found == nullptr && contexts.contexts.empty()) {
    return fail(Code::denied,
                "no credentials yet: 'barrio up' and 'barrio tenant create' write them into the folder that --home or "
                "BARRIO_HOME names, ./.barrio where neither does",
                contexts_file(home));
  }
  if (found == nullptr) return fail(Code::denied, "there is no context '" + wanted + "'", contexts_file(home));
  Context context = *found;
  if (!control.empty()) context.control = control;
  return context;
}

}  // namespace barrio::cli
