#include "api/oauth/token.h"

#include <algorithm>

#include "base/text.h"

namespace barrio::api {

namespace {

constexpr std::string_view issuer = "barrio";
/// Control issues tokens for at once, and nobody else signs them: one from later tells of a clock that is, or was,
/// wrong. Within this it is taken, so that it lives no longer than this and its own lifetime; expiry has no such grace.
constexpr auto clock_skew = std::chrono::hours(2);

struct JwtHeader {
  std::string alg;
  std::string kid;
  std::string typ;
  static constexpr std::string_view defaulted[] = {"typ"};
};
BARRIO_DESCRIBE(JwtHeader, (), (alg, kid, typ))

struct Claims {
  std::string iss;
  std::string sub;
  std::string role;
  std::string scope;  // separated by spaces, RFC 8693 section 4.2
  int64_t iat = 0;
  int64_t nbf = 0;
  int64_t exp = 0;  // seconds since 1970
};
BARRIO_DESCRIBE(Claims, (), (iss, sub, role, scope, iat, nbf, exp))

tl::unexpected<Error> denied(std::string why) {
  return fail(Code::denied, std::move(why));
}

int64_t to_seconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}
WallTime from_seconds(int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

template <class T>
Result<T> decode_part(std::string_view part, const char* name) {
  auto text = from_base64url(part);
  if (!text) return denied(std::string("the token's ") + name + " is not base64url");
  auto json = parse_json(*text);
  if (!json) return denied(std::string("the token's ") + name + " is not JSON");
  auto value = from_json<T>(*json);
  if (!value) return denied(std::string("the token's ") + name + " is not ours: " + value.error().text());
  return value;
}

Result<void> check_claims(const Claims& claims, WallTime now) {
  // Beyond this, seconds would overflow milliseconds; no honest token is valid after the year 9999.
  constexpr int64_t last_second = 253402300799;
  for (int64_t second : {claims.iat, claims.nbf, claims.exp}) {
    if (second < 0 || second > last_second) return denied("the token's times are out of range");
  }
  if (claims.iss != issuer) return denied("the token was issued by '" + claims.iss + "', not by barrio");
  if (now >= from_seconds(claims.exp)) return denied("expired at " + to_string(from_seconds(claims.exp)));
  if (now + clock_skew < from_seconds(claims.nbf)) {
    return denied("not valid before " + to_string(from_seconds(claims.nbf)));
  }
  return {};
}

Result<Identity> to_identity(const Claims& claims) {
  const auto allowed = scopes_of(claims.role);
  if (allowed.empty()) return denied("unknown role '" + claims.role + "'");
  TRY_DO(check_label(claims.sub));
  Identity identity{claims.sub, claims.role, {}, from_seconds(claims.exp)};
  for (std::string_view scope : split(claims.scope, ' ')) {
    if (!scope.empty()) identity.scopes.emplace_back(scope);
  }
  return identity;
}

}  // namespace

bool Identity::has(std::string_view scope) const {
  return std::ranges::find(scopes, scope) != scopes.end();
}

std::vector<std::string> scopes_of(std::string_view role) {
  std::vector<std::string_view> scopes;
  if (role == role::tenant)
    scopes = {scope::apps_read,  scope::apps_write, scope::infer,
              scope::sites_read, scope::usage_read, scope::audit_read};
  if (role == role::network_operator) {
    scopes = {scope::apps_read,     scope::apps_write, scope::sites_read, scope::sites_write,
              scope::tenants_write, scope::usage_read, scope::audit_read};
  }
  if (role == role::site) scopes = {scope::site_sync};
  if (role == role::member) scopes = {scope::member};
  return {scopes.begin(), scopes.end()};
}

std::string issue_token(const Es256Key& key, const std::string& kid, const Identity& identity, WallTime now) {
  const JwtHeader header{"ES256", kid, "at+jwt"};
  const Claims claims{std::string(issuer),
                      identity.subject,
                      identity.role,
                      join_text(std::span<const std::string>(identity.scopes), " "),
                      to_seconds(now),
                      to_seconds(now),
                      to_seconds(identity.expires)};
  std::string signed_part = base64url(print_json(to_json(header))) + "." + base64url(print_json(to_json(claims)));
  return signed_part + "." + base64url(key.sign(signed_part));
}

Result<Identity> verify_token(std::string_view jwt, std::span<const VerifyingKey> keys, WallTime now) {
  if (jwt.size() > max_token_bytes)
    return denied("the token is longer than " + std::to_string(max_token_bytes) + " bytes");
  const auto parts = split(jwt, '.');
  if (parts.size() != 3) return denied("not a JWT: it must have three parts");
  TRY(auto header, decode_part<JwtHeader>(parts[0], "header"));
  if (header.alg != "ES256") return denied("algorithm '" + header.alg + "' is not accepted, only ES256");
  const auto key = std::ranges::find(keys, header.kid, &VerifyingKey::kid);
  if (key == keys.end()) return denied("unknown key '" + header.kid + "'");
  auto signature = from_base64url(parts[2]);
  if (!signature) return denied("the token's signature is not base64url");
  const std::string_view signed_part = jwt.substr(0, parts[0].size() + 1 + parts[1].size());
  if (!verify_es256(key->x, key->y, signed_part, *signature)) return denied("bad signature");
  TRY(auto claims, decode_part<Claims>(parts[1], "payload"));
  TRY_DO(check_claims(claims, now));
  return to_identity(claims);
}

Result<std::string_view> bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (!starts_with_small(authorization, scheme)) {
    return denied("the Authorization header must be 'Bearer TOKEN'");
  }
  return trim(authorization.substr(scheme.size()));
}

VerifyingKey verifying_key(const Es256Key& key) {
  return {sha256_hex(key.x() + "." + key.y()).substr(0, 16), key.x(), key.y()};
}

Json jwks(std::span<const VerifyingKey> keys) {
  JsonArray list;
  for (const VerifyingKey& key : keys) {
    list.push_back(JsonObject{{"kty", "EC"},
                              {"crv", "P-256"},
                              {"alg", "ES256"},
                              {"use", "sig"},
                              {"kid", key.kid},
                              {"x", key.x},
                              {"y", key.y}});
  }
  return JsonObject{{"keys", std::move(list)}};
}

}  // namespace barrio::api
