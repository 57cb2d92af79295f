#include "gateway/span_exporter.h"

#include <doctest/doctest.h>

#include "gateway/access_line.h"
#include "gateway/otlp_check_test.h"
#include "gateway/spans.h"
#include "net/server.h"
#include "net/side_loop.h"

namespace barrio::gateway::span_exporter_test {
namespace {

RequestRecord record_of(uint64_t seed) {
  Rng rng(seed);
  RequestRecord record;
  record.traced = record.logged = true;
  record.trace = new_trace_id(rng);
  record.span = new_span_id(rng);
  record.sent_span = new_span_id(rng);
  record.status = 200;
  record.began = Time(5s);
  record.sent = Time(5s + 1ms);
  record.ended = Time(5s + 30ms);
  record.queue = 2ms;
  record.compute = 20ms;
  record.method.set("POST");
  record.path.set("/v2/models/street/infer");
  record.tenant.set("acme");
  record.app.set("street");
  record.served_by.set("bio1");
  return record;
}

struct Collector {
  net::Reactor& reactor;
  std::vector<net::Request> got;
  std::vector<net::Response> answers;  // taken from the front; then 200
  test::OtlpCheck check;
  net::MessageServer server;
  net::SocketAddress address;

  explicit Collector(net::Reactor& loop)
      : reactor(loop), server(loop, {}, [this](net::Request request, net::Responder respond) {
          const auto json = parse_json(request.body);
          REQUIRE(json);
          check.request(*json);
          got.push_back(std::move(request));
          if (answers.empty()) return respond({200, {{"Content-Type", "application/json"}}, "{}"});
          respond(answers.front());
          answers.erase(answers.begin());
        }) {
    address = *server.listen(*net::SocketAddress::parse("127.0.0.1:0"));
  }
  TracingConfig config() const { return {.collector = "http://" + address.str()}; }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(20ms);
    REQUIRE(done());
  }
};

const Labels of_bio{{"site", "bio1"}};

uint64_t value(Registry& registry, const std::string& name) {
  return registry.counter(name, "", of_bio).value();
}

TEST_CASE("spans are delivered as the protocol asks") {
  net::Reactor reactor;
  Registry registry;
  Collector collector(reactor);
  SpanExporter exporter(reactor, collector.config(), SiteId::of("bio1"), registry);
  RequestRecord failed = record_of(2);
  failed.status = 503;
  failed.reason.set("overloaded");
  failed.method.set("BREW");
  failed.has_parent = failed.has_sent = true;
  failed.parent = new_span_id(*std::make_unique<Rng>(9));
  exporter.add(record_of(1));
  exporter.add(failed);
  collector.until([&] { return value(registry, "barrio_gateway_spans_exported_total") == 3; });
  CHECK(collector.check.faults == std::vector<std::string>{});
  REQUIRE(collector.got.size() == 1);
  CHECK(collector.got[0].method == "POST");
  CHECK(collector.got[0].target == "/v1/traces");
  CHECK(net::find_header(collector.got[0].headers, "Content-Type") == "application/json");
  const auto& spans = collector.check.spans;
  REQUIRE(spans.size() == 3);
  CHECK(spans[0].at("name").as_string() == "POST /v2/models/{app}/infer");
  CHECK(test::OtlpCheck::text_of(spans[0], "barrio.tenant") == "acme");
  CHECK(test::OtlpCheck::text_of(spans[0], "http.response.status_code") == "200");
  CHECK_FALSE(spans[0].as_object().contains("status"));
  CHECK(test::OtlpCheck::text_of(spans[1], "http.request.method") == "_OTHER");
  CHECK(test::OtlpCheck::text_of(spans[1], "error.type") == "overloaded");
  CHECK(spans[1].at("status").at("code").as_int64() == 2);
  CHECK(spans[1].at("traceId") == spans[2].at("traceId"));
  CHECK(spans[2].at("parentSpanId") == spans[1].at("spanId"));
  CHECK(spans[2].at("kind").as_int64() == 3);
}

TEST_CASE("a collector that is busy is asked again, and one that refuses is not") {
  net::Reactor reactor;
  Registry registry;
  Collector collector(reactor);
  SpanExporter exporter(reactor, collector.config(), SiteId::of("bio1"), registry);
  collector.answers = {{503, {{"Retry-After", "0"}}, ""}, {429, {{"Retry-After", "0"}}, ""}};
  exporter.add(record_of(1));
  collector.until([&] { return value(registry, "barrio_gateway_spans_exported_total") == 1; });
  CHECK(collector.got.size() == 3);
  CHECK(collector.got[0].body.substr(0, 100) == collector.got[2].body.substr(0, 100));
  collector.answers = {{400, {}, "no"}};
  exporter.add(record_of(2));
  collector.until([&] { return value(registry, "barrio_gateway_spans_dropped_total") == 1; });
  CHECK(collector.got.size() == 4);
  collector.answers = {{200, {}, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}})"}};
  exporter.add(record_of(3));
  exporter.add(record_of(4));
  collector.until([&] { return value(registry, "barrio_gateway_spans_exported_total") == 2; });
  CHECK(value(registry, "barrio_gateway_spans_dropped_total") == 2);
}

TEST_CASE("what a dead collector does not take is bounded and counted") {
  net::Reactor reactor;
  Registry registry;
  SpanExporter exporter(reactor, {.collector = "http://127.0.0.1:1/t"}, SiteId::of("bio1"), registry);
  const size_t count = SpanExporter::most_waiting + SpanExporter::most_in_batch + 10;
  for (size_t i = 0; i < count; ++i) exporter.add(record_of(i));
  CHECK(value(registry, "barrio_gateway_spans_dropped_total") == 10);
  exporter.finish(100ms);
  CHECK(value(registry, "barrio_gateway_spans_dropped_total") == count);
}

TEST_CASE("a collector's address is numeric, with the usual path where none is given") {
  CHECK(parse_collector("http://127.0.0.1:4318")->path == "/v1/traces");
  CHECK(parse_collector("http://[::1]:4318/otel/v1/traces")->path == "/otel/v1/traces");
  for (const char* bad :
       {"", "127.0.0.1:4318", "https://127.0.0.1:1", "http://collector:4318", "http://127.0.0.1:1/a b"})
    CHECK_FALSE(parse_collector(bad));
  CHECK_FALSE(TracingConfig{.collector = "http://127.0.0.1:1", .sample = 1.5}.check());
  CHECK_FALSE(AccessLogConfig{.folder = ""}.check());
  CHECK_FALSE(AccessLogConfig{.folder = "x", .files = 0}.check());
}

TEST_CASE("a line of the access log is one JSON object, whatever a path holds") {
  RequestRecord record = record_of(1);
  const std::string path = "/v2/models/\x01\xff\"quote/\xc3\xa9/" + std::string(300, 'x');
  record.path.set(path);
  record.place.set(
      "A Coru\xc3\xb1"
      "a");
  record.network = 3ms;
  const std::string line = access_line(record, SiteId::of("bio1"), net::calendar_offset());
  CHECK(std::ranges::count(line, '\n') == 1);
  const auto json = parse_json(line);
  REQUIRE(json);
  CHECK(json->at("site").as_string() == "bio1");
  CHECK(json->at("place").as_string() ==
        "A Coru\xc3\xb1"
        "a");
  CHECK(json->at("total_ms").to_number<double>() == doctest::Approx(30));
  CHECK(json->at("network_ms").to_number<double>() == doctest::Approx(3));
  CHECK_FALSE(json->as_object().contains("gateway_ms"));
  const std::string_view shown = json->at("path").as_string();
  CHECK(shown.starts_with("/v2/models/??\"quote/\xc3\xa9/xxx"));
  CHECK(shown.ends_with("x..."));
  CHECK(json->at("trace_id").as_string().size() == 32);
}

TEST_CASE("text that is not UTF-8 is shown as question marks") {
  CHECK(clean_text("\xe2\x82\xac", false) == "\xe2\x82\xac");
  CHECK(clean_text("\xe2\x82", false) == "??");
  CHECK(clean_text("\xc0\xaf\xed\xa0\x80\xf5", false) == "??????");
  CHECK(clean_text("a\x7f\n", true) == "a??...");
}

}  // namespace
}  // namespace barrio::gateway::span_exporter_test
