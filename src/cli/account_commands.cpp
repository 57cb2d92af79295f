#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/text.h"
#include "cli/actions.h"
#include "cli/table.h"
#include "cli/view.h"

namespace barrio::cli {

Result<ControlClient> Session::control(Speaker speaker) {
  TRY(auto context, choose_context(home, global.as, speaker));
  return ControlClient(http, std::move(context));
}

void Session::print(const Json& answer, const std::string& table) const {
  const std::string text = global.output == Output::json ? pretty_json(answer) + "\n" : table;
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Result<void> Session::confirm(const std::string& question, const std::string& subject) const {
  if (global.no_input || ::isatty(STDIN_FILENO) != 1)
    return fail(Code::invalid, "is needed where nobody can be asked: this cannot be undone", "--yes");
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "y" && answer != "yes") return fail(Code::cancelled, "nothing was done", subject);
  return {};
}

Result<void> create_tenant(Session& session, const TenantCreateCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(auto answer, control.post("/tenants", JsonObject{{"name", command.name}}));
  TRY(auto contexts, load_contexts(session.home));
  contexts.put({command.name, control.context().control, text_at(answer, "client_id"), text_at(answer, "client_secret"),
                control.context().ca});
  TRY_DO(save_contexts(session.home, contexts));
  session.print(answer, "tenant " + command.name + " made; its credentials are context '" + command.name +
                            "'\nnext: barrio context use " + command.name + ", or --as " + command.name + "\n");
  return {};
}

Result<void> list_contexts(Session& session) {
  TRY(auto contexts, load_contexts(session.home));
  Table table({"CONTEXT", "CONTROL", "CLIENT", "CURRENT"});
  JsonArray all;
  for (const Context& context : contexts.contexts) {
    table.add({context.name, context.control, context.client_id, context.name == contexts.current ? "yes" : ""});
    all.push_back(JsonObject{{"name", context.name}, {"control", context.control}, {"client_id", context.client_id}});
  }
  session.print(JsonObject{{"current", contexts.current}, {"contexts", std::move(all)}}, table.text());
  return {};
}

Result<void> print_token(Session& session) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(const auto token, control.token());
  session.print(JsonObject{{"access_token", token}, {"token_type", "Bearer"}}, token + "\n");
  return {};
}

Result<void> use_context(Session& session, const ContextUseCommand& command) {
  TRY(auto contexts, load_contexts(session.home));
  if (contexts.find(command.name) == nullptr) return fail(Code::denied, "there is no context '" + command.name + "'");
  contexts.current = command.name;
  TRY_DO(save_contexts(session.home, contexts));
  session.print(JsonObject{{"current", command.name}}, "now speaking as " + command.name + "\n");
  return {};
}

Result<void> set_context(Session& session, const ContextSetCommand& command) {
  for (const std::string_view url : split(command.control, ',')) TRY_DO(parse_url(std::string(url), command.ca));
  std::string secret;
  std::getline(std::cin, secret);
  if (secret.empty())
    return fail(Code::invalid, "is empty: it must be given as a line on the standard input", "client_secret");
  TRY(auto contexts, load_contexts(session.home));
  contexts.put({command.name, command.control, command.client_id, secret,
                command.ca.empty() ? std::nullopt : std::optional(command.ca)});
  if (contexts.current.empty()) contexts.current = command.name;
  TRY_DO(save_contexts(session.home, contexts));
  session.print(JsonObject{{"name", command.name}}, "context " + command.name + " saved\n");
  return {};
}

}  // namespace barrio::cli
