// What those who run a gateway see of it: the access log, traces and figures, over real sockets.

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "api/oauth/token.h"
#include "base/crypto.h"
#include "decide/routing/world_test.h"
#include "gateway/gateway.h"
#include "gateway/otlp_check_test.h"
#include "gateway/trace_context.h"
#include "net/client.h"

namespace barrio::gateway::observability_test {
namespace {

const AppKey street{TenantId::of("acme"), AppName::of("street")};
const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class Vigo final : public ports::CoreNetwork {
 public:
  Result<DeviceLocation> locate(std::string_view) const override {
    return DeviceLocation{.place = "Vigo", .location = {42.2, -8.7}, .access = Access::fibre, .jurisdiction = {}};
  }
};

/// bio1 has no replica and forwards to mad1, whose replica is `replica`.
struct World {
  std::string folder = "/tmp/barrio-seen-" + std::to_string(::getpid());
  net::Reactor reactor;
  Registry registry;
  Vigo core;
  Es256Key key = *Es256Key::generate();
  net::Request last;   // what the replica got
  bool holds = false;  // and whether it answers
  std::vector<net::Responder> held;
  net::MessageServer replica{reactor, {}, [this](net::Request request, net::Responder respond) {
                               last = std::move(request);
                               if (holds) return held.push_back(std::move(respond));
                               respond({200, {{"Server-Timing", "queue;dur=1.5, compute;dur=20"}}, "four"});
                             }};
  test::OtlpCheck otlp;
  net::MessageServer collector{reactor, {}, [this](net::Request request, net::Responder respond) {
                                 const auto json = parse_json(request.body);
                                 REQUIRE(json);
                                 otlp.request(*json);
                                 respond({200, {{"Content-Type", "application/json"}}, "{}"});
                               }};
  std::unique_ptr<Gateway> bio;
  std::unique_ptr<Gateway> mad;
  net::SocketAddress bio_address;
  net::Client client{reactor, {}};

  World(std::optional<AccessLogConfig> log, std::optional<TracingConfig> tracing) {
    std::filesystem::create_directory(folder);
    if (log) log->folder = folder;
    if (tracing) tracing->collector = "http://" + listening(collector).str();
    net::SocketAddress mad_address;
    bio = gateway("bio1", bio_address, log, tracing);
    mad = gateway("mad1", mad_address, std::nullopt, tracing);
    auto snapshot =
        decide::test::snapshot_of({decide::test::site_at("bio1", -2.9, "ES-PV"), decide::test::site_at("mad1", -3.7)},
                                  {decide::test::app_named("street")});
    snapshot->keys = {api::verifying_key(key)};
    snapshot->gateways = {{"bio1", bio_address.str()}, {"mad1", mad_address.str()}};
    ports::WorkloadStatus status;
    status.app = street;
    status.report.id = replica_id(street, SiteId::of("mad1"), 0);
    status.report.phase = ReplicaPhase::ready;
    status.endpoint = listening(replica).str();
    bio->set_local({});
    mad->set_local({status});
    for (auto* one : {bio.get(), mad.get()}) one->set_snapshot(snapshot);
    for (int i = 0; i < 5; ++i) reactor.turn(1ms);
  }
  ~World() {
    bio.reset();
    mad.reset();
    std::filesystem::remove_all(folder);
  }
  static net::SocketAddress listening(net::MessageServer& server) {
    const auto bound = server.listen(*net::SocketAddress::parse("127.0.0.1:0"));
    REQUIRE(bound);
    return *bound;
  }
  std::unique_ptr<Gateway> gateway(const std::string& site, net::SocketAddress& address,
                                   const std::optional<AccessLogConfig>& log,
                                   const std::optional<TracingConfig>& tracing) {
    auto made = std::make_unique<Gateway>(reactor,
                                          GatewayConfig{.site = SiteId::of(site),
                                                        .listen = *net::SocketAddress::parse("127.0.0.1:0"),
                                                        .peer_secret = "s3cret",
                                                        .access_log = log,
                                                        .tracing = tracing},
                                          core, registry);
    const auto bound = made->start();
    REQUIRE(bound);
    address = *bound;
    return made;
  }
  std::string token() {
    const WallTime now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    return "Bearer " + api::issue_token(
                           key, api::verifying_key(key).kid,
                           {.subject = "acme", .role = "tenant", .scopes = {"barrio:infer"}, .expires = now + 1h}, now);
  }
  net::Response infer(const std::string& app, net::OwnedHeaders headers = {}) {
    headers.emplace_back("Authorization", token());
    std::optional<Result<net::Response>> answer;
    client.fetch(bio_address,
                 {.method = "POST",
                  .target = "/v2/models/" + app + "/infer?secret=word",
                  .headers = std::move(headers),
                  .body = "0123456789",
                  .peer_ip = {}},
                 reactor.fresh_now() + 20s, [&](Result<net::Response> got) { answer = std::move(got); });
    while (!answer) reactor.turn(10ms);
    REQUIRE(*answer);
    return **answer;
  }
  /// Ends bio1, so that all is written.
  std::vector<Json> lines() {
    bio.reset();
    std::vector<Json> all;
    std::ifstream in(folder + "/access.log");
    for (std::string line; std::getline(in, line);) {
      CHECK(line.find("Bearer") == std::string::npos);
      CHECK(line.find("secret") == std::string::npos);
      auto json = parse_json(line);
      REQUIRE(json);
      all.push_back(std::move(*json));
    }
    return all;
  }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(20ms);
    REQUIRE(done());
  }
};

TEST_CASE("the access log has a line for every request, refusals with their reason") {
  World w(AccessLogConfig{}, std::nullopt);
  CHECK(w.infer("street").status == 200);
  CHECK(w.infer("stret").status == 404);
  const auto lines = w.lines();
  REQUIRE(lines.size() == 2);
  const JsonObject& served = lines[0].as_object();
  CHECK(served.at("tenant").as_string() == "acme");
  CHECK(served.at("app").as_string() == "street");
  CHECK(served.at("method").as_string() == "POST");
  CHECK(served.at("path").as_string() == "/v2/models/street/infer");
  CHECK(served.at("status").as_int64() == 200);
  CHECK(served.at("bytes_in").as_int64() == 10);
  CHECK(served.at("bytes_out").as_int64() == 4);
  CHECK(served.at("served_by").as_string() == "mad1");
  CHECK(served.at("place").as_string() == "Vigo");
  CHECK(served.at("queue_ms").to_number<double>() == doctest::Approx(1.5));
  CHECK(served.at("compute_ms").to_number<double>() == doctest::Approx(20));
  CHECK(served.contains("network_ms"));
  CHECK(served.contains("gateway_ms"));
  CHECK_FALSE(served.contains("device"));
  CHECK(lines[1].at("status").as_int64() == 404);
  CHECK(lines[1].at("reason").as_string() == "unknown_app");
}

TEST_CASE("a request that its device left before an answer is logged as 499") {
  World w(AccessLogConfig{.sample = 0}, std::nullopt);
  w.holds = true;
  struct Deaf final : net::CallHandler {
    void on_head(const net::ResponseHead&) override {}
    void on_body(std::string_view) override {}
    void on_done() override {}
    void on_error(net::CallError) override {}
    void on_writable() override {}
  } deaf;
  const std::string authorization = w.token();
  const net::Header header{"Authorization", authorization};
  net::Call& call = w.client.start(w.bio_address,
                                   {.method = "POST",
                                    .target = "/v2/models/street/infer",
                                    .headers = {&header, 1},
                                    .deadline = w.reactor.fresh_now() + 1h},
                                   deaf);
  w.until([&] { return w.held.size() == 1; });
  call.cancel();
  w.until([&] { return w.held[0].client_gone() && w.bio->open_requests() == 0; });
  const auto lines = w.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("status").as_int64() == 499);
  CHECK(lines[0].at("reason").as_string() == "device_left");
  CHECK(lines[0].at("served_by").as_string() == "mad1");
  CHECK(lines[0].at("total_ms").to_number<double>() < 2000);
}

TEST_CASE("with a sample of nothing only errors are logged, up to their rate") {
  World w(AccessLogConfig{.sample = 0, .errors_per_second = 2, .device_address = true}, std::nullopt);
  for (int i = 0; i < 5; ++i) CHECK(w.infer("street").status == 200);
  for (int i = 0; i < 5; ++i) CHECK(w.infer("stret").status == 404);
  const auto lines = w.lines();
  CHECK(lines.size() >= 2);
  CHECK(lines.size() < 5);
  for (const Json& line : lines) CHECK(line.at("status").as_int64() == 404);
  CHECK(lines.at(0).at("device").as_string() == "127.0.0.1");
  const auto suppressed =
      w.registry.counter("barrio_gateway_access_log_suppressed_total", "", {{"site", "bio1"}}).value();
  CHECK(suppressed == 5 - lines.size());
}

TEST_CASE("a trace goes through both gateways, and each hop is a child of the one before") {
  World w(AccessLogConfig{}, TracingConfig{.sample = 0});
  CHECK(w.infer("street", {{"traceparent", parent}, {"tracestate", "vendor=1"}}).status == 200);
  const auto passed = parse_traceparent(net::find_header(w.last.headers, "traceparent").value_or(""));
  REQUIRE(passed);
  CHECK(passed->sampled);
  CHECK(net::find_header(w.last.headers, "tracestate") == "vendor=1");
  w.until([&] { return w.otlp.spans.size() == 4; });
  CHECK(w.otlp.faults == std::vector<std::string>{});
  // From the device inwards: each span's parent is the one before.
  std::string wanted = "00f067aa0ba902b7";
  for (int hop = 0; hop < 4; ++hop) {
    const auto found = std::ranges::find_if(
        w.otlp.spans, [&](const Json& span) { return span.at("parentSpanId").as_string() == wanted; });
    REQUIRE(found != w.otlp.spans.end());
    CHECK(found->at("traceId").as_string() == "4bf92f3577b34da6a3ce929d0e0e4736");
    CHECK(found->at("kind").as_int64() == (hop % 2 == 0 ? 2 : 3));
    wanted = std::string(std::string_view(found->at("spanId").as_string()));
  }
  std::string last_span(16, '0');
  write_hex(passed->parent, last_span.data());
  CHECK(last_span == wanted);
  const auto lines = w.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("trace_id").as_string() == "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_CASE("what is not sampled is passed on as it came, and what is not valid is not") {
  World w(std::nullopt, TracingConfig{.sample = 0});
  const std::string quiet = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  w.infer("street", {{"traceparent", quiet}, {"tracestate", "vendor=1"}});
  CHECK(net::find_header(w.last.headers, "traceparent") == quiet);
  CHECK(net::find_header(w.last.headers, "tracestate") == "vendor=1");
  w.infer("street", {{"traceparent", "00-0-0-01"}, {"tracestate", "vendor=1"}});
  CHECK_FALSE(net::find_header(w.last.headers, "traceparent"));
  CHECK_FALSE(net::find_header(w.last.headers, "tracestate"));
  w.infer("street", {{"traceparent", quiet}, {"tracestate", "UPPER=1"}});
  CHECK(net::find_header(w.last.headers, "traceparent") == quiet);
  CHECK_FALSE(net::find_header(w.last.headers, "tracestate"));
  w.infer("street");
  CHECK_FALSE(net::find_header(w.last.headers, "traceparent"));
}

TEST_CASE("a trace is begun for a share of the requests that have none, up to a rate") {
  World w(std::nullopt, TracingConfig{.sample = 1, .most_per_second = 2});
  int begun = 0;
  for (int i = 0; i < 6; ++i) {
    w.infer("street");
    begun += parse_traceparent(net::find_header(w.last.headers, "traceparent").value_or("")) ? 1 : 0;
  }
  CHECK(begun >= 2);
  CHECK(begun < 6);
}

TEST_CASE("figures are per tenant, app and site, and no caller can invent a series") {
  World w(std::nullopt, std::nullopt);
  w.infer("street");
  for (int i = 0; i < 3; ++i) w.infer("invented-" + std::to_string(i));
  const std::string text = w.registry.text();
  const auto has = [&](const std::string& line) { return text.find(line + "\n") != std::string::npos; };
  CHECK(has(R"(barrio_gateway_requests_total{site="bio1",tenant="acme",app="street",class="2xx"} 1)"));
  CHECK(has(R"(barrio_gateway_requests_total{site="mad1",tenant="acme",app="street",class="2xx"} 1)"));
  CHECK(has(R"(barrio_gateway_request_seconds_count{site="bio1",tenant="acme",app="street"} 1)"));
  CHECK(has(R"(barrio_gateway_request_bytes_total{site="bio1",tenant="acme",app="street"} 10)"));
  CHECK(has(R"(barrio_gateway_answer_bytes_total{site="bio1",tenant="acme",app="street"} 4)"));
  CHECK(has(R"(barrio_gateway_forwards_total{site="bio1",to="mad1"} 1)"));
  CHECK(has(R"(barrio_gateway_refusals_total{site="bio1",tenant="other",app="other",reason="unknown_app"} 3)"));
  CHECK(text.find("invented") == std::string::npos);
}

TEST_CASE("tokens that an engine counted are figures of their app, each period once") {
  World w(std::nullopt, std::nullopt);
  UsageRecord record;
  record.meter = 7;
  record.period = 1;
  record.lines.push_back({street, {.served = {.tokens_in = 30, .tokens_out = 4}}});
  record.lines.push_back({AppKey{street.tenant, AppName::of("video")}, {.served = {.frames = 9}}});
  for (int i = 0; i < 3; ++i) w.mad->show_counted({&record, 1});
  const std::string in = R"(barrio_gateway_tokens_total{site="mad1",tenant="acme",app="street",direction="in"} )";
  const std::string out = R"(barrio_gateway_tokens_total{site="mad1",tenant="acme",app="street",direction="out"} )";
  const auto has = [&](const std::string& line) { return w.registry.text().find(line + "\n") != std::string::npos; };
  CHECK(has(in + "30"));
  CHECK(has(out + "4"));
  record.period = 2;
  w.mad->show_counted({&record, 1});
  record.meter = 8;  // of another engine
  record.period = 1;
  w.mad->show_counted({&record, 1});
  CHECK(has(in + "90"));
  CHECK(has(out + "12"));
  CHECK(w.registry.text().find(R"(app="video")") == std::string::npos);
}

TEST_CASE("tokens of an engine that goes on are counted once, however many others came and went, whatever its number") {
  World w(std::nullopt, std::nullopt);
  const auto record = [](int64_t meter, int64_t tokens) {
    UsageRecord made;
    made.meter = meter;
    made.period = 1;
    made.lines.push_back({street, {.served = {.tokens_in = tokens}}});
    return made;
  };
  const UsageRecord lasting = record(1, 30);
  for (int64_t meter = 100; meter < 150; ++meter) {
    w.mad->show_counted({&lasting, 1});
    const UsageRecord other = record(meter, 1);
    w.mad->show_counted({&other, 1});
  }
  const std::string in = R"(barrio_gateway_tokens_total{site="mad1",tenant="acme",app="street",direction="in"} 80)";
  CHECK(w.registry.text().find(in + "\n") != std::string::npos);
}

TEST_CASE("every series of a gateway names its site, and limits of connections are among them") {
  World w(std::nullopt, std::nullopt);
  w.infer("street");
  const std::string text = w.registry.text();
  CHECK(text.find(R"(barrio_gateway_limited_total{site="bio1",limit="connection_head"} 0)") != std::string::npos);
  for (size_t at = text.find("\nbarrio_gateway_"); at != std::string::npos;
       at = text.find("\nbarrio_gateway_", at + 1)) {
    const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    CHECK_MESSAGE(line.find(R"({site=")") != std::string::npos, line);
  }
}

}  // namespace
}  // namespace barrio::gateway::observability_test
