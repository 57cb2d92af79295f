// What tenants may do and spend, and their API keys.

#include <fmt/format.h>

#include "base/text.h"
#include "cli/actions.h"
#include "cli/table.h"
#include "cli/view.h"
#include "model/prices.h"
#include "model/tenant.h"

namespace barrio::cli {

namespace {

/// What was named; receipts are told by two flags. Errors: invalid, naming the option.
Result<JsonObject> named_quota(const TenantQuotaCommand& command) {
  JsonObject named;
  const auto add = [&](const char* field, const auto& option) {
    if (option) named[field] = *option;
  };
  add("requests_per_second", command.rate);
  add("burst", command.burst);
  add("in_flight", command.in_flight);
  add("weight", command.weight);
  add("buckets", command.buckets);
  if (command.receipts && command.no_receipts)
    return fail(Code::invalid, "and --no-receipts cannot both be so", "--receipts");
  if (command.receipts || command.no_receipts) named["receipts"] = command.receipts;
  const auto add_bytes = [&](const char* field, const char* option, const std::string& text) -> Result<void> {
    if (text.empty()) return {};
    auto bytes = parse_bytes(text);
    if (!bytes) return fail(std::move(bytes).error().within(option));
    named[field] = to_json(*bytes);
    return {};
  };
  TRY_DO(add_bytes("body_bytes", "--body", command.body));
  TRY_DO(add_bytes("storage", "--storage", command.storage));
  return named;
}

/// "90d" or any other duration; control takes hours.
Result<Duration> lifetime_of(const std::string& text) {
  const auto days = text.ends_with('d') ? parse_uint(std::string_view(text).substr(0, text.size() - 1)) : std::nullopt;
  if (days && *days <= 100'000) return 24h * static_cast<int64_t>(*days);
  auto duration = parse_duration(text);
  if (!duration) return fail(Code::invalid, "must be a time like 90d or 12h", "--expires");
  return duration;
}

/// What was spent this month, of how much, and the share; "-" where there is no cap.
std::vector<std::string> spending_cells(const Json& tenant) {
  const Json& spending = member(tenant, "spending");
  if (!spending.is_object()) return {"-", "-", "-"};
  const std::string spent = text_at(spending, "spent");
  const std::string percent = text_at(spending, "percent");
  return {spent.empty() ? "not counted yet" : spent, text_at(spending, "cap"), percent.empty() ? "-" : percent + " %"};
}

std::string spending_text(const Json& tenant) {
  const Json& spending = member(tenant, "spending");
  if (!spending.is_object()) return "no spend cap\n";
  const auto cells = spending_cells(tenant);
  std::string text = "spent this month: " + cells[0] + " of " + cells[1] + " (" + cells[2] + ")\n";
  if (true_at(spending, "reached")) text += "requests are refused until " + text_at(spending, "until") + "\n";
  return text;
}

}  // namespace

Result<void> list_tenants(Session& session) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(auto answer, control.list("/tenants", "tenants"));
  Table table({"TENANT", "APPS", "SPENT", "CAP", "SHARE"});
  for (const Json& tenant : items(answer, "tenants")) {
    const auto spending = spending_cells(tenant);
    table.add({text_at(tenant, "name"), text_at(tenant, "apps"), spending[0], spending[1], spending[2]});
  }
  session.print(answer, table.text());
  return {};
}

Result<void> show_tenant(Session& session, const TenantShowCommand& command) {
  TRY(auto control, session.control(Speaker::tenant));
  TRY(const auto answer, control.get("/tenants/" + command.name));
  Table table({"QUOTA", "VALUE"});
  if (const auto* quota = member(answer, "quota").if_object()) {
    for (const auto& [of, value] : *quota)
      table.add({std::string(of), value.is_string() ? text_at(value, "") : print_json(value)});
  }
  session.print(answer, "tenant " + command.name + ": " + text_at(answer, "apps") + " apps\n" + spending_text(answer) +
                            table.text());
  return {};
}

Result<void> set_tenant(Session& session, const TenantSetCommand& command) {
  const std::string path = "/tenants/" + command.name + "/spend-cap";
  TRY(auto control, session.control(Speaker::operating));
  if (command.spend_cap == "none") {
    TRY_DO(control.remove(path));
    session.print(JsonObject{{"name", command.name}}, "tenant " + command.name + ": no spend cap\n");
    return {};
  }
  const auto cap = Euros::parse(command.spend_cap);
  if (!cap) return fail(Code::invalid, cap.error().what + ", or none", "--spend-cap");
  TRY(const auto answer, control.put(path, JsonObject{{"cap", cap->str()}}));
  std::string text = "tenant " + command.name + ": " + spending_text(answer);
  if (true_at(member(answer, "spending"), "reached")) {
    text +=
        "warning: as much is spent already, so new requests of its apps are refused from now on: a higher cap, or "
        "none, lets them go on\n";
  }
  session.print(answer, text);
  return {};
}

Result<void> set_quota(Session& session, const TenantQuotaCommand& command) {
  TRY(auto named, named_quota(command));
  TRY(auto control, session.control(Speaker::operating));
  const std::string tenant = "/tenants/" + command.name;
  Json answer;
  if (command.defaults) {  // and what is named on top of it
    TRY(answer, control.put(tenant + "/quota", std::move(named)));
  } else if (!named.empty()) {
    TRY(answer, control.patch(tenant + "/quota", std::move(named)));
  } else {
    TRY(const auto shown, control.get(tenant));
    answer = member(shown, "quota");
  }
  TRY(const auto quota, from_json<TenantQuota>(answer, "quota"));
  session.print(
      answer,
      fmt::format("tenant {}: {} requests/s (burst {}), {} in flight, bodies up to {}, weight {}{}; at "
                  "each gateway; objects up to {} at each site, {} buckets\n",
                  command.name, quota.requests_per_second, quota.burst, quota.in_flight, to_string(quota.body_bytes),
                  quota.weight, quota.receipts.value_or(false) ? ", with receipts" : "", to_string(quota.storage),
                  quota.buckets));
  return {};
}

Result<void> create_key(Session& session, const KeyCreateCommand& command) {
  JsonObject wanted;
  JsonArray scopes;
  for (const std::string& scope : command.scopes) {
    if (scope != "infer") return fail(Code::invalid, "'" + scope + "' must be infer", "--scope");
    scopes.emplace_back("barrio:" + scope);
  }
  wanted["scopes"] = std::move(scopes);
  if (!command.expires.empty()) {
    TRY(auto lifetime, lifetime_of(command.expires));
    wanted["expires_in"] = to_json(lifetime);
  }
  TRY(auto control, session.control(Speaker::operating));
  TRY(auto answer, control.post("/tenants/" + command.tenant + "/keys", wanted));
  const std::string expires = text_at(answer, "expires");
  session.print(answer, text_at(answer, "key") + "\nkey " + text_at(answer, "id") + " of " + command.tenant + ", " +
                            (expires.empty() ? "without expiry" : "until " + expires) +
                            "; it is not shown again. Send it as Authorization: Bearer KEY or x-api-key: KEY\n");
  return {};
}

Result<void> list_keys(Session& session, const KeyListCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY(auto answer, control.list("/tenants/" + command.tenant + "/keys", "keys"));
  Table table({"KEY", "SCOPES", "EXPIRES", "EXPIRED"});
  for (const Json& key : items(answer, "keys")) {
    std::string scopes;
    for (const Json& scope : items(key, "scopes")) scopes += (scopes.empty() ? "" : " ") + text_at(scope, "");
    const std::string expires = text_at(key, "expires");
    table.add(
        {text_at(key, "id"), scopes, expires.empty() ? "never" : expires, true_at(key, "expired") ? "yes" : "no"});
  }
  session.print(answer, table.text());
  return {};
}

Result<void> revoke_key(Session& session, const KeyRevokeCommand& command) {
  TRY(auto control, session.control(Speaker::operating));
  TRY_DO(control.remove("/tenants/" + command.tenant + "/keys/" + command.id));
  session.print(JsonObject{{"revoked", command.id}}, "revoked " + command.id + "\n");
  return {};
}

Result<void> erase_tenant(Session& session, const TenantEraseCommand& command) {
  if (!command.sure && !command.only_status) {
    return fail(Code::invalid,
                "all that tenant " + command.name + " has in storage would be lost at every site; say so", "--yes");
  }
  TRY(auto control, session.control(Speaker::operating));
  const std::string path = "/tenants/" + command.name + "/erasure";
  TRY(const auto answer, command.only_status ? control.get(path) : control.post(path, JsonObject{}));
  Table table({"SITE", "KEYS GONE"});
  if (const auto* done = member(answer, "done").if_object()) {
    for (const auto& at : *done) table.add({std::string(at.key()), text_at(at.value(), "")});
  }
  for (const Json& site : items(answer, "waiting")) table.add({text_at(site, ""), "not yet"});
  session.print(answer, "tenant " + command.name + " is erased since " + text_at(answer, "at") + "\n" + table.text());
  return {};
}

}  // namespace barrio::cli
