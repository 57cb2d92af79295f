#include "cli/next_step.h"

namespace barrio::cli {

namespace {

/// One error of one command: each function below knows one kind, and leaves the others to the next.
class NextStep {
 public:
  NextStep(const Error& error, const Typed& typed) : error_(error), typed_(typed) {}

  std::string text() const {
    if (error_.what.starts_with("cannot be read") || error_.what.starts_with("cannot be written"))
      return "check the path";
    switch (error_.code) {
      case Code::invalid: return after_invalid();
      case Code::not_found: return after_not_found();
      case Code::denied: return after_denied();
      case Code::conflict: return after_conflict();
      case Code::exhausted: return after_exhausted();
      case Code::unavailable:
      case Code::timed_out: return after_silence();
      case Code::cancelled: return "run the same command again";
      case Code::unsupported: return error_.where.starts_with("--") ? help() : "";
    }
    return "";
  }

 private:
  bool says(std::string_view text) const { return error_.what.find(text) != std::string::npos; }
  bool at(std::string_view text) const { return error_.where.find(text) != std::string::npos; }
  bool group(std::string_view name) const {
    return typed_.command == name || typed_.command.starts_with(std::string(name) + " ");
  }
  bool is(std::string_view command) const { return typed_.command == command; }
  std::string name() const { return typed_.names.empty() ? "NAME" : typed_.names.front(); }
  /// Of "frames/a.jpg" the bucket.
  std::string bucket() const { return name().substr(0, name().find('/')); }
  std::string help() const { return "barrio " + typed_.command + " --help"; }
  /// Deploying: the app is named by the error, the file by who typed.
  std::string app() const { return is("app deploy") ? error_.where : name(); }
  bool is_release() const { return is("app deploy") || is("app rollback"); }

  /// Of an installation: who starts it knows better.
  bool is_process() const {
    for (const char* process : {"control", "site serve", "site join", "wan", "cameras", "witness"}) {
      if (is(process)) return true;
    }
    return group("state");
  }

  std::string after_invalid() const {
    if (is("bucket create") && at("location")) return "barrio site list";
    if (is_release() && says("the release was stopped")) return "barrio app releases " + app();
    return "correct it and run the same command again (" + help() + ")";
  }

  std::string after_not_found() const {
    if (says("there is no site") || error_.where == "site" || (is("bucket create") && at("location")))
      return "barrio site list";
    if (says("there is no tenant")) return "barrio tenant list";
    if (says("there is no bucket") || says("there is no such bucket")) return "barrio bucket list";
    if (group("object")) return "barrio object ls " + bucket();
    if (group("bucket")) return "barrio bucket list";
    if (group("tenant key")) return "barrio tenant key list " + name();
    if (group("tenant s3-key")) return "barrio tenant s3-key list " + name();
    if (group("tenant")) return "barrio tenant list";
    if (group("secret")) return "barrio secret list";
    if (group("config")) return "barrio config show";
    if (group("context")) return "barrio context list";
    if (group("site")) return "barrio site list";
    if (is("app rollback") && error_.where != "app") return "barrio app releases " + name();
    if (is("infer") && says("has no app")) return "barrio app list";
    if (is("app deploy") || is("infer")) return error_.where == "app" ? "barrio app list" : "";
    return group("app") || is("explain") ? "barrio app list" : "";
  }

  std::string after_denied() const {
    constexpr std::string_view token = "token for '";
    if (error_.where.starts_with(token)) {
      const std::string context =
          error_.where.substr(token.size(), error_.where.find('\'', token.size()) - token.size());
      if (context == "environment")
        return "set BARRIO_CLIENT_ID and BARRIO_CLIENT_SECRET to an account that control has";
      return "barrio context set " + context + ", with the right secret on its standard input";
    }
    if (says("no credentials yet")) return typed_.network_runs ? "the same command again in a moment" : start();
    if (is("verify")) return "ask for another file, or for the right keys: this one proves nothing";
    if (is("app deploy") && !typed_.names.empty() && error_.where.starts_with(name()))
      return "correct it and run the same command again";
    if ((group("object") || group("bucket")) && !typed_.names.empty() && error_.where == bucket())
      return "barrio object policy " + bucket();
    return "barrio context list, then the same command with --as NAME";
  }

  std::string after_conflict() const {
    if (is("up")) return "Ctrl-C where it runs ends it; --home FOLDER starts another one beside it";
    if (group("config")) return "barrio config show";
    if (is("site add")) return "barrio site list";
    if (group("site") && !typed_.names.empty() && !is("site set")) return "barrio site show " + name();
    if (is("tenant create")) return "barrio tenant list";
    if (is("bucket delete")) return "barrio object ls " + name();
    if (is("bucket create")) return error_.where == "name" ? "barrio bucket list" : "barrio site list";
    if (is("bucket copies")) return "barrio site list";
    if (group("object")) return "barrio object policy " + bucket();
    if (is("secret delete")) return "barrio app list";
    if (is("app rollback")) return "barrio app releases " + name();
    if (is("app deploy")) {
      if (says("no site takes it")) return "barrio explain " + app();
      if (says("another release")) return "barrio app releases " + app();
      return "correct " + name() + ", then barrio app deploy " + name();
    }
    return is("app logs") || is("app top") || is("infer") ? "barrio explain " + name() : "";
  }

  std::string after_exhausted() const {
    if (error_.where == name()) return "";  // a file that is too large
    return "make room (free or delete what is not needed), then run the same command again";
  }

  std::string after_silence() const {
    if (is("up") || is_process()) return "";
    if (at("control at ")) {
      return typed_.network_runs ? "the same command again once control runs: what it says is in the home folder's log/"
                                 : start();
    }
    if (is_release() && !app().empty() && at(app())) {
      return says("in time") ? "barrio explain " + app() : "barrio app releases " + app();
    }
    if (at("gateway ") || at("site ") || says("not there now") || says("connect")) return "barrio site list";
    return "the same command again in a moment";
  }

  static std::string start() {
    return "barrio up, or --home FOLDER (BARRIO_HOME) where one runs in another folder, or "
           "BARRIO_CONTROL=http://IP:PORT where control runs elsewhere";
  }

  const Error& error_;
  const Typed& typed_;
};

}  // namespace

std::string next_step(const Error& error, const Typed& typed) {
  return NextStep(error, typed).text();
}

}  // namespace barrio::cli
