#include "net/url.h"

#include "net/tls.h"

namespace barrio::net {

namespace {

struct Scheme {
  std::string_view start;
  std::string_view port;  // empty: has to be said
  bool tls;
  bool grpc;
};
constexpr Scheme schemes[] = {{"http://", ":80", false, false},
                              {"https://", ":443", true, false},
                              {"grpc://", "", false, true},
                              {"grpcs://", "", true, true}};

tl::unexpected<Error> wrong(std::string_view text) {
  return fail(Code::invalid, "'" + std::string(text.substr(0, 200)) +
                                 "' must be like http://127.0.0.1:8000 (or https, grpc, grpcs, unix:/path), with a "
                                 "numeric address");
}

bool has_port(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
}

bool is_path(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '#' || c == '?') return false;
  }
  return true;
}

Result<Url> parse_after(const Scheme& scheme, std::string_view text, const std::shared_ptr<TlsClient>& tls) {
  const std::string_view rest = text.substr(scheme.start.size());
  const size_t slash = rest.find('/');
  std::string authority(rest.substr(0, slash));
  const std::string host = authority.substr(0, has_port(authority) ? authority.rfind(':') : std::string::npos);
  if (!has_port(authority)) authority += scheme.port;
  const auto address = SocketAddress::parse(authority);
  if (!address || address->is_unix()) return wrong(text);
  Url url;
  url.endpoint = *address;
  url.grpc = scheme.grpc;
  if (scheme.grpc) url.endpoint.protocol = Protocol::http2;
  if (scheme.tls) {
    // Reading the system's authorities takes long.
    url.endpoint.tls = tls;
    if (!tls) {
      TRY(url.endpoint.tls, TlsClient::load({}));
    }
    url.endpoint.name = host;
  }
  if (slash != std::string_view::npos) url.path = rest.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  if (!is_path(url.path)) return wrong(text);
  return url;
}

Result<Url> parse(std::string_view text, const std::shared_ptr<TlsClient>& tls) {
  if (text.starts_with("unix:")) {
    TRY(auto address, SocketAddress::parse(text));
    Url url;
    url.endpoint = address;
    return url;
  }
  for (const Scheme& scheme : schemes) {
    if (text.starts_with(scheme.start)) return parse_after(scheme, text, tls);
  }
  return wrong(text);
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  return parse(text, nullptr);
}

Result<Endpoint> parse_server(std::string_view text, const std::shared_ptr<TlsClient>& tls) {
  const bool in_short = text.find("://") == std::string_view::npos && !text.starts_with("unix:");
  auto url = parse(in_short ? "http://" + std::string(text) : std::string(text), tls);
  if (!url || url->grpc || !url->path.empty())
    return fail(Code::invalid, "must be like http://10.0.0.1:8080 or https://10.0.0.1:8443, but is '" +
                                   std::string(text.substr(0, 200)) + "'");
  return std::move(url->endpoint);
}

}  // namespace barrio::net
