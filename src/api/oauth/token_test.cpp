#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "api/oauth/issuer_clock.h"
#include "api/oauth/token.h"
#include "api/oauth/token_request.h"
#include "base/text.h"

namespace barrio::api::token_test {
namespace {

const WallTime noon = WallTime(std::chrono::seconds(1'800'000'000));

struct Issued {
  Es256Key key = *Es256Key::generate();
  std::vector<VerifyingKey> keys = {verifying_key(key)};
  Identity identity{"traffic", "tenant", scopes_of("tenant"), noon + 1h};
  std::string token = issue_token(key, keys[0].kid, identity, noon);

  std::string why(std::string_view jwt, WallTime now = noon) const {
    auto verified = verify_token(jwt, keys, now);
    return verified ? "accepted" : verified.error().what;
  }
  /// A token whose header or payload was replaced, signed with the right key.
  std::string forge(const std::string& header, const std::string& payload) const {
    std::string data = base64url(header) + "." + base64url(payload);
    return data + "." + base64url(key.sign(data));
  }
  std::string good_header() const { return R"({"alg":"ES256","kid":")" + keys[0].kid + R"("})"; }
};

bool has_text(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

}  // namespace

TEST_CASE("a token brings back the identity it was issued for, until it expires") {
  Issued issued;
  auto identity = verify_token(issued.token, issued.keys, noon + 59min);
  REQUIRE(identity);
  CHECK(identity->subject == "traffic");
  CHECK(identity->role == "tenant");
  CHECK(identity->has(scope::infer));
  CHECK(!identity->has(scope::sites_write));
  CHECK(identity->expires == noon + 1h);
  CHECK(has_text(issued.why(issued.token, noon + 1h), "expired at 2027-01-15T09:00:00.000Z"));
  CHECK(issued.why(issued.token, noon - 2h) == "accepted");
  CHECK(has_text(issued.why(issued.token, noon - 2h - 1s), "not valid before"));
}

TEST_CASE("a token is judged by the earlier of the site's clock and the issuer's, which may be wrong by two hours") {
  IssuerClock clock;
  const Time start{};
  CHECK(clock.earlier(noon, start) == noon);
  clock.hear(noon - 1h, start);
  CHECK(clock.earlier(noon, start) == noon - 1h);
  CHECK(clock.earlier(noon + 10s, start + 10s) == noon - 1h + 10s);
  CHECK(clock.earlier(noon - 90min, start) == noon - 90min);
  clock.hear(noon - 59s, start + 15s);
  CHECK(clock.earlier(noon, start + 15s) == noon);
  clock.hear(noon - 60s, start + 15s);
  CHECK(clock.earlier(noon, start + 15s) == noon - 60s);
  clock.hear(noon + 1h, start + 20s);
  CHECK(clock.earlier(noon + 20s, start + 20s) == noon + 20s);
  clock.hear(noon - 24h, start + 30s);
  CHECK(clock.earlier(noon + 30s, start + 30s) == noon + 30s - 2h);
  // What is locked has no such bound.
  CHECK(clock.earliest(noon + 30s, start + 30s) == noon - 24h);
  CHECK(clock.earliest(noon - 48h, start + 30s) == noon - 48h);
  CHECK(IssuerClock().earliest(noon, start) == noon);

  // Control's clock is an hour behind: what it issues now would have ended already.
  Issued issued;
  const WallTime own = noon + 1h;
  CHECK(has_text(issued.why(issued.token, own), "expired"));
  clock.hear(noon, start + 40s);
  CHECK(issued.why(issued.token, clock.earlier(own, start + 40s)) == "accepted");
}

TEST_CASE("a token that anybody altered is denied, with the reason") {
  Issued issued;
  auto parts = split(issued.token, '.');
  const std::string header(parts[0]), payload(parts[1]), signature(parts[2]);
  const std::string other_payload = base64url(R"({"iss":"barrio","sub":"other","role":"tenant","scope":"barrio:infer",)"
                                              R"("iat":1800000000,"nbf":1800000000,"exp":1800003600})");
  CHECK(issued.why(header + "." + other_payload + "." + signature) == "bad signature");
  CHECK(has_text(issued.why(base64url(R"({"alg":"none","kid":"x"})") + "." + payload + "."), "'none' is not accepted"));
  CHECK(has_text(issued.why(base64url(R"({"alg":"HS256","kid":"x"})") + "." + payload + "." + signature), "HS256"));
  CHECK(has_text(issued.why(header + "." + payload), "three parts"));
  CHECK(has_text(issued.why(""), "three parts"));
  CHECK(issued.why(header + "." + payload + ".") == "bad signature");
  CHECK(has_text(issued.why(header + "." + payload + "." + signature + "="), "base64url"));
  CHECK(has_text(issued.why(std::string(5000, 'a')), "longer than"));
  for (size_t length = 0; length < issued.token.size(); ++length) {
    CHECK(issued.why(issued.token.substr(0, length)) != "accepted");
  }
}

TEST_CASE("the last character of a signature has one spelling only") {
  Issued issued;
  // 64 bytes leave 4 unused bits in the last of 86 characters; a lenient decoder would ignore them.
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string respelled = issued.token;
  respelled.back() = alphabet[alphabet.find(respelled.back()) + 1];
  CHECK(has_text(issued.why(respelled), "base64url"));
}

TEST_CASE("a token by another key, or naming an unknown key, is denied") {
  Issued issued;
  Issued stranger;
  CHECK(has_text(issued.why(stranger.token), "unknown key"));
  CHECK(issued.why(issue_token(stranger.key, issued.keys[0].kid, issued.identity, noon)) == "bad signature");
}

TEST_CASE("well-signed nonsense is denied too: other issuer, unknown role, bad subject, absurd times, crit") {
  Issued issued;
  auto payload = [](const std::string& iss, const std::string& sub, const std::string& role, const std::string& exp) {
    return R"({"iss":")" + iss + R"(","sub":")" + sub + R"(","role":")" + role +
           R"(","scope":"","iat":1800000000,"nbf":1800000000,"exp":)" + exp + "}";
  };
  CHECK(issued.why(issued.forge(issued.good_header(), payload("barrio", "a", "tenant", "1800000001"))) == "accepted");
  CHECK(
      has_text(issued.why(issued.forge(issued.good_header(), payload("evil", "a", "tenant", "1800000001"))), "issued"));
  CHECK(has_text(issued.why(issued.forge(issued.good_header(), payload("barrio", "a", "root", "1800000001"))), "role"));
  CHECK(issued.why(issued.forge(issued.good_header(), payload("barrio", "A/b", "tenant", "1800000001"))) != "accepted");
  CHECK(
      has_text(issued.why(issued.forge(issued.good_header(), payload("barrio", "a", "tenant", "9223372036854775807"))),
               "range"));
  CHECK(issued.why(issued.forge(issued.good_header(), "[]")) != "accepted");
  std::string crit = issued.good_header();
  crit.insert(1, R"("crit":["b64"],)");
  CHECK(issued.why(issued.forge(crit, payload("barrio", "a", "tenant", "1800000001"))) != "accepted");
}

TEST_CASE("the token endpoint reads credentials from the form and from a Basic header") {
  const std::string form = "application/x-www-form-urlencoded";
  auto request =
      read_token_request("", form, "grant_type=client_credentials&client_id=a&client_secret=s%2B+x&scope=p+q");
  REQUIRE(request);
  CHECK(request->client_secret == "s+ x");
  CHECK(request->scopes == std::vector<std::string>{"p", "q"});
  request = read_token_request("Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW", form,
                               "grant_type=client_credentials");  // RFC 6749 2.3.1
  REQUIRE(request);
  CHECK(request->client_id == "s6BhdRkqt3");
  CHECK(request->client_secret == "gX1fBat3bV");
}

TEST_CASE("the token endpoint refuses what it cannot read, with the error that RFC 6749 names") {
  const std::string form = "application/x-www-form-urlencoded";
  auto error = [&](std::string_view authorization, std::string_view type, std::string_view body) {
    auto request = read_token_request(authorization, type, body);
    return request ? "none" : request.error().error;
  };
  CHECK(error("", form, "client_id=a&client_secret=b") == "invalid_request");
  CHECK(error("", form, "grant_type=password&client_id=a&client_secret=b") == "unsupported_grant_type");
  CHECK(error("", form, "grant_type=client_credentials&client_id=a") == "invalid_client");
  CHECK(error("", form, "grant_type=client_credentials&client_id=a&client_id=b&client_secret=c") == "invalid_request");
  CHECK(error("", form, "grant_type=client_credentials&client_id=%zz&client_secret=c") == "invalid_request");
  CHECK(error("", "application/json", "{}") == "invalid_request");
  CHECK(error("Basic !!!", form, "grant_type=client_credentials") == "invalid_request");
  CHECK(error("", form, std::string(5000, 'a')) == "invalid_request");
}

}  // namespace barrio::api::token_test
