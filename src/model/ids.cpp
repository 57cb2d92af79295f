#include "model/ids.h"

#include <array>
#include <cstdio>

#include "base/rng.h"

namespace barrio {

namespace {

/// FNV-1a, spread by mix: the same on every machine and in every version, since ids are kept on disk.
uint64_t stable_hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(hash, text.size());
}

std::string cut(const std::string& label, size_t size) {
  std::string out = label.substr(0, size);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

}  // namespace

Result<AppKey> AppKey::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return fail(Code::invalid,
                "'" + std::string(text.substr(0, 130)) + "' must be an app's full name, like tenant/app");
  }
  TRY(auto tenant, TenantId::parse(text.substr(0, slash)));
  TRY(auto name, AppName::parse(text.substr(slash + 1)));
  return AppKey{std::move(tenant), std::move(name)};
}

ReplicaId replica_id(const AppKey& app, const SiteId& site, int ordinal) {
  const uint64_t hash = stable_hash(app.str() + "@" + site.str() + "#" + std::to_string(ordinal));
  std::array<char, 9> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x", static_cast<unsigned>(hash >> 32));
  // 32 + 1 + 20 + 1 + 8 = 62 characters at most.
  return ReplicaId::of(cut(app.name.str(), 32) + "-" + cut(site.str(), 20) + "-" + hex.data());
}

}  // namespace barrio
