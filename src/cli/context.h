#pragma once
// Who the command line speaks as: contexts.yaml (mode 0600) in Barrio's home, or the environment.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace barrio::cli {

struct Context {
  std::string name;     // "operator" or a tenant
  std::string control;  // "http://127.0.0.1:8080" or https, or all members with commas between
  std::string client_id;
  std::string client_secret;
  std::optional<std::string> ca = {};  // of control with https: a PEM file; none: the system's authorities
};
BARRIO_DESCRIBE(Context, (), (name, control, client_id, client_secret, ca))

struct Contexts {
  std::string current;  // which one app commands use without --as
  std::vector<Context> contexts;
  const Context* find(const std::string& name) const;
  /// Adds it, or replaces the one of the same name.
  void put(Context context);
};
BARRIO_DESCRIBE(Contexts, (), (current, contexts))

/// --home, $BARRIO_HOME or ./.barrio.
std::string home_folder(const std::string& option);
/// No file is no contexts. Errors: invalid.
Result<Contexts> load_contexts(const std::string& home);
Result<void> save_contexts(const std::string& home, const Contexts& contexts);

enum class Speaker { operating, tenant };
/// $BARRIO_CLIENT_ID and $BARRIO_CLIENT_SECRET (and $BARRIO_CA) win unless `as` names a context; $BARRIO_CONTROL
/// replaces the control's URL. An operator's command speaks as "operator" by itself, a tenant's as the current context.
/// Errors: not_found, denied.
Result<Context> choose_context(const std::string& home, const std::string& as, Speaker speaker);

}  // namespace barrio::cli
