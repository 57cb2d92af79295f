#include "gateway/spans.h"

#include <algorithm>
#include <array>

#include "gateway/access_line.h"

namespace barrio::gateway {

namespace {

constexpr int kind_server = 2;
constexpr int kind_client = 3;
constexpr int status_error = 2;
constexpr int flag_sampled = 0x01;
constexpr int flag_knows_remote = 0x100;
constexpr int flag_remote = 0x200;

constexpr std::array<std::string_view, 9> known_methods = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
                                                           "PATCH",   "POST",   "PUT", "TRACE"};

class Attributes {
 public:
  void text(std::string_view key, std::string_view value) {
    if (!value.empty()) add(key, {{"stringValue", value}});
  }
  template <size_t most>
  void text(std::string_view key, const FixedText<most>& value) {
    if (!value.empty()) text(key, clean_text(value.view(), value.cut()));
  }
  /// 64-bit numbers are text in the JSON encoding.
  void number(std::string_view key, uint64_t value) { add(key, {{"intValue", std::to_string(value)}}); }
  void flag(std::string_view key, bool value) {
    if (value) add(key, {{"boolValue", true}});
  }
  void ms(std::string_view key, Duration value) {
    if (value != RequestRecord::unknown) add(key, {{"doubleValue", to_ms(value)}});
  }
  JsonArray take() { return std::move(list_); }

 private:
  void add(std::string_view key, JsonObject value) {
    list_.push_back(JsonObject{{"key", key}, {"value", std::move(value)}});
  }
  JsonArray list_;
};

template <size_t size>
std::string hex(const std::array<unsigned char, size>& id) {
  std::string text(2 * size, '0');
  write_hex(id, text.data());
  return text;
}

std::string nanoseconds(Time time, Duration calendar) {
  return std::to_string((time.time_since_epoch() + calendar).count());
}

/// The path with the app's name taken out: few values, as a route should have.
std::string route_of(std::string_view path) {
  constexpr std::string_view models = "/v2/models/";
  if (!path.starts_with(models)) return "";
  const std::string_view rest = path.substr(models.size());
  const size_t slash = rest.find('/');
  const std::string_view verb = slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  if (verb != "" && verb != "/infer" && verb != "/ready") return "";
  return std::string(models) + "{app}" + std::string(verb);
}

void put_method(Attributes& attributes, const RequestRecord& record) {
  if (std::ranges::find(known_methods, record.method.view()) != known_methods.end()) {
    return attributes.text("http.request.method", record.method);
  }
  attributes.text("http.request.method", "_OTHER");
  attributes.text("http.request.method_original", record.method);
}

std::string method_of(const RequestRecord& record) {
  const bool known = std::ranges::find(known_methods, record.method.view()) != known_methods.end();
  return known ? std::string(record.method.view()) : "HTTP";
}

void put_outcome(JsonObject& span, Attributes& attributes, const RequestRecord& record, int least_error) {
  if (record.status != 0) attributes.number("http.response.status_code", record.status);
  const bool error = record.status == 0 || record.status >= least_error;
  if (!error) return;
  attributes.text("error.type", record.reason.empty() ? std::to_string(record.status)
                                                      : clean_text(record.reason.view(), record.reason.cut()));
  span["status"] = JsonObject{{"code", status_error}};
}

JsonObject span_of(const RequestRecord& record, const SpanId& id, std::string name, int kind) {
  return {{"traceId", hex(record.trace)}, {"spanId", hex(id)}, {"name", std::move(name)}, {"kind", kind}};
}

JsonObject server_span(const RequestRecord& record, Duration calendar) {
  const std::string route = route_of(record.path.view());
  JsonObject span =
      span_of(record, record.span, route.empty() ? method_of(record) : method_of(record) + " " + route, kind_server);
  if (record.has_parent) span["parentSpanId"] = hex(record.parent);
  span["flags"] = flag_sampled | flag_knows_remote | (record.has_parent ? flag_remote : 0);
  span["startTimeUnixNano"] = nanoseconds(record.began, calendar);
  span["endTimeUnixNano"] = nanoseconds(record.ended, calendar);
  Attributes attributes;
  put_method(attributes, record);
  attributes.text("url.path", record.path);
  attributes.text("url.scheme", "http");
  attributes.text("http.route", route);
  attributes.text("network.protocol.version", record.major_version == 2   ? "2"
                                              : record.minor_version == 0 ? "1.0"
                                                                          : "1.1");
  attributes.text("client.address", record.device);
  attributes.number("http.request.body.size", record.bytes_in);
  attributes.number("http.response.body.size", record.bytes_out);
  attributes.text("barrio.tenant", record.tenant);
  attributes.text("barrio.app", record.app);
  attributes.text("barrio.place", record.place);
  attributes.text("barrio.served_by", record.served_by);
  attributes.text("barrio.reason", record.reason);
  attributes.flag("barrio.forwarded", record.forwarded);
  attributes.flag("barrio.retried", record.retried);
  attributes.flag("barrio.late", record.late);
  attributes.ms("barrio.network_ms", record.network);
  attributes.ms("barrio.gateway_ms", record.own);
  attributes.ms("barrio.queue_ms", record.queue);
  attributes.ms("barrio.compute_ms", record.compute);
  put_outcome(span, attributes, record, 500);
  span["attributes"] = attributes.take();
  return span;
}

JsonObject client_span(const RequestRecord& record, Duration calendar) {
  JsonObject span = span_of(record, record.sent_span, method_of(record), kind_client);
  span["parentSpanId"] = hex(record.span);
  span["flags"] = flag_sampled | flag_knows_remote;
  span["startTimeUnixNano"] = nanoseconds(record.sent, calendar);
  span["endTimeUnixNano"] = nanoseconds(std::max(record.sent, record.ended), calendar);
  Attributes attributes;
  put_method(attributes, record);
  attributes.text("server.address", record.served_by);
  attributes.text("url.path", record.path);
  attributes.text("barrio.to", record.to_gateway ? "gateway" : "replica");
  attributes.text("barrio.app", record.app);
  put_outcome(span, attributes, record, 400);
  span["attributes"] = attributes.take();
  return span;
}

}  // namespace

Json export_request(std::span<const RequestRecord> records, const SiteId& site, Duration calendar) {
  JsonArray spans;
  for (const RequestRecord& record : records) {
    spans.push_back(server_span(record, calendar));
    if (record.has_sent) spans.push_back(client_span(record, calendar));
  }
  Attributes resource;
  resource.text("service.namespace", "barrio");
  resource.text("service.name", "barrio-gateway");
  resource.text("service.instance.id", site.str());
  resource.text("barrio.site", site.str());
  const JsonObject scope{{"name", "barrio.gateway"}};
  JsonObject scope_spans{{"scope", scope}, {"spans", std::move(spans)}};
  JsonObject resource_spans{{"resource", JsonObject{{"attributes", resource.take()}}},
                            {"scopeSpans", JsonArray{std::move(scope_spans)}}};
  return JsonObject{{"resourceSpans", JsonArray{std::move(resource_spans)}}};
}

}  // namespace barrio::gateway
