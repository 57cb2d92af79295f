#include "engine/openai_front.h"

#include <doctest/doctest.h>

#include "engine/fake_service_test.h"
#include "engine/front_door.h"
#include "engine/repository_front.h"
#include "net/client.h"

namespace barrio::engine::openai_front_test {
namespace {

/// Answers as the test says, through the sink of the last request.
class FakeGeneration final : public ports::GenerationBackend {
 public:
  ports::GenerationRequest last;
  ports::GenerationSink* sink = nullptr;  // null: over
  std::optional<ports::GenerationFailure> refuses;
  size_t cancelled = 0;
  size_t resumed = 0;

  uint64_t start(ports::GenerationRequest request, ports::GenerationSink& to) override {
    last = std::move(request);
    sink = &to;
    if (refuses) std::exchange(sink, nullptr)->on_failure(*refuses);
    return 7;
  }
  ports::Tokens cancel(uint64_t id) override {
    CHECK(id == 7);
    ++cancelled;
    sink = nullptr;
    return {.in = 12};
  }
  void resume(uint64_t id) override {
    CHECK(id == 7);
    ++resumed;
  }
  std::vector<ports::GenerationModel> models() const override {
    return {{.name = "meta/llama", .owner = "acme", .created = WallTime(5s)}};
  }
};

struct Told final : net::CallHandler {
  int status = 0;
  net::OwnedHeaders fields;
  std::string body;
  bool done = false;
  void on_head(const net::ResponseHead& head) override {
    status = head.status;
    for (const net::Header& header : head.headers) fields.emplace_back(header.name, header.value);
  }
  void on_body(std::string_view piece) override { body += piece; }
  void on_done() override { done = true; }
  void on_error(net::CallError error) override {
    body += error.error.text();
    done = true;
  }
  void on_writable() override {}
  std::string field(std::string_view name) const { return std::string(net::find_header(fields, name).value_or("")); }
};

struct World {
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(100ms);
    REQUIRE(done());
  }
  /// POSTs this body.
  net::Call& post(Told& told, std::string_view target, std::string_view body, std::vector<net::Header> headers = {}) {
    net::Call& call = client.start(endpoint,
                                   {.method = "POST",
                                    .target = target,
                                    .headers = headers,
                                    .length = body.size(),
                                    .deadline = reactor.fresh_now() + 10s},
                                   told);
    call.write(body);
    call.end();
    return call;
  }
  /// Until the backend is asked.
  net::Call& ask(Told& told, std::string_view target, std::string_view body, std::vector<net::Header> headers = {}) {
    net::Call& call = post(told, target, body, std::move(headers));
    until([&] { return generation.sink != nullptr; });
    return call;
  }
  Told answer_to(std::string_view target, std::string_view body) {
    Told told;
    post(told, target, body);
    until([&] { return told.done; });
    return told;
  }
  Told get(std::string_view target) {
    Told told;
    client.start(endpoint, {.target = target, .deadline = reactor.fresh_now() + 10s}, told);
    until([&] { return told.done; });
    return told;
  }

  net::Reactor reactor;
  Registry registry;
  FakeGeneration generation;
  FakeRepository repository;
  ports::Tokens charged;
  OpenAiFront front{reactor, generation, registry, {.body_bytes = 2000}, [this](ports::Tokens more) {
                      charged.in += more.in;
                      charged.out += more.out;
                    }};
  RepositoryFront models{reactor, repository, {.rights = RepositoryRights::load}};
  FrontDoor door{reactor, {}, {&front, &models}};
  net::Endpoint endpoint{*door.listen(*net::SocketAddress::parse("127.0.0.1:0"))};
  net::Client client{reactor, {}};
};

constexpr std::string_view chat_path = "/v1/chat/completions";
constexpr std::string_view chat =
    R"({"model":"meta/llama","messages":[{"role":"user","content":"Hi"}],"max_tokens":9})";
constexpr std::string_view streamed =
    R"({"model":"meta/llama","messages":[{"role":"user","content":"Hi"}],"stream":true,"new":[1]})";

TEST_CASE("a whole answer passes as it is, with the deadline of its end") {
  World w;
  Told told;
  w.ask(told, chat_path, chat, {{"Barrio-Deadline-Ms", "800"}, {"Barrio-Tenant", "acme"}});
  CHECK(w.generation.last.kind == ports::GenerationKind::chat);
  CHECK(w.generation.last.model == "meta/llama");
  CHECK(w.generation.last.body == chat);
  CHECK(w.generation.last.most_tokens == 9);
  CHECK(w.generation.last.prompt_bytes == 2);
  CHECK(w.generation.last.tenant == "acme");
  CHECK(w.generation.last.deadline.has_value());
  CHECK_FALSE(w.generation.last.first_token.has_value());
  w.generation.sink->on_piece(R"({"id":"x","choices":[]})");
  w.generation.sink->on_end();
  w.until([&] { return told.done; });
  CHECK(told.status == 200);
  CHECK(told.field("content-type") == "application/json");
  CHECK(told.body == R"({"id":"x","choices":[]})");
  CHECK(w.registry.text().find(R"(barrio_engine_generations_total{outcome="answered"} 1)") != std::string::npos);
  CHECK(w.generation.cancelled == 0);
}

TEST_CASE("a stream is events and [DONE]; its budget is that of the first token") {
  World w;
  Told told;
  w.ask(told, chat_path, streamed, {{"Barrio-First-Token-Ms", "300"}, {"Barrio-Deadline-Ms", "200"}});
  CHECK(w.generation.last.stream);
  CHECK_FALSE(w.generation.last.deadline.has_value());
  const Time first = *w.generation.last.first_token;
  CHECK(first <= w.reactor.now() + 200ms);
  CHECK(w.generation.sink->on_piece(R"({"a":1})"));
  w.until([&] { return !told.body.empty(); });
  CHECK(told.field("content-type") == "text/event-stream; charset=utf-8");
  CHECK_FALSE(told.done);
  w.generation.sink->on_piece(R"({"usage":{}})");
  w.generation.sink->on_end();
  w.until([&] { return told.done; });
  CHECK(told.body == "data: {\"a\":1}\n\ndata: {\"usage\":{}}\n\ndata: [DONE]\n\n");
}

TEST_CASE("a slow client stops the backend, and makes it go on when it has read") {
  World w;
  Told told;
  net::Call& call = w.ask(told, chat_path, streamed);
  call.pause();
  const std::string piece(100'000, 'x');
  size_t sent = 1;
  while (w.generation.sink->on_piece(piece) && sent < 1000) ++sent;
  CHECK(sent < 1000);
  // What the sockets hold may still leave; the rest waits.
  for (int i = 0; i < 5; ++i) w.reactor.turn(1ms);
  const size_t resumed = w.generation.resumed;
  while (w.generation.sink->on_piece(piece) && sent < 1000) ++sent;
  CHECK(sent < 1000);
  call.resume();
  w.until([&] { return w.generation.resumed > resumed; });
  w.generation.sink->on_end();
  w.until([&] { return told.done; });
  CHECK(told.body.ends_with("data: [DONE]\n\n"));
}

TEST_CASE("a client that leaves in the middle of a stream cancels it") {
  World w;
  Told told;
  net::Call& call = w.ask(told, chat_path, streamed);
  w.generation.sink->on_tokens({.out = 1});
  w.generation.sink->on_piece("{}");
  w.until([&] { return !told.body.empty(); });
  call.cancel();
  w.until([&] { return w.generation.cancelled == 1 && w.front.idle(); });
  CHECK(w.registry.text().find(R"(barrio_engine_generations_total{outcome="cancelled"} 1)") != std::string::npos);
  CHECK(w.charged.in == 12);
  CHECK(w.charged.out == 1);
  CHECK(w.registry.text().find(R"(barrio_engine_tokens_total{direction="in"} 12)") != std::string::npos);
  CHECK(w.registry.text().find(R"(barrio_engine_tokens_total{direction="out"} 1)") != std::string::npos);
}

TEST_CASE("a client that leaves before its answer begins cancels it, whole or streamed") {
  for (const std::string_view body : {chat, streamed}) {
    World w;
    Told told;
    w.ask(told, chat_path, body).cancel();
    w.until([&] { return w.generation.cancelled == 1 && w.front.idle(); });
    CHECK(w.charged.in == 12);  // what the backend says
  }
}

TEST_CASE("refusals of the backend have OpenAI's form and status") {
  World w;
  const auto fails = [&](ports::GenerationFailure failure) {
    w.generation.refuses = std::move(failure);
    return w.answer_to(chat_path, streamed);
  };
  const Told late = fails({.error = {Code::exhausted, "the first token would come in 3 s"}, .retry_after = 1200ms});
  CHECK(late.status == 429);
  CHECK(late.field("retry-after") == "2");
  CHECK(late.field("retry-after-ms") == "1200");
  CHECK(late.body == R"({"error":{"message":"the first token would come in 3 s","type":"requests","param":null,)"
                     R"("code":"rate_limit_exceeded"}})");
  CHECK(fails({.error = {Code::exhausted, "full"}}).field("retry-after") == "1");
  CHECK(fails({.error = {Code::not_found, "no such model"}}).body.find("model_not_found") != std::string::npos);
  CHECK(fails({.error = {Code::timed_out, "late"}}).status == 504);
  CHECK(fails({.error = {Code::unavailable, "gone"}}).status == 503);
  CHECK(fails({.error = {Code::unavailable, "broke"}, .status = 500}).status == 502);
  CHECK(fails({.error = {Code::unsupported, "no embeddings"}}).status == 400);
  const std::string own = R"({"error":{"message":"too long","type":"t","param":null,"code":null}})";
  const Told passed = fails({.error = {Code::invalid, "x"}, .status = 422, .body = own});
  CHECK(passed.status == 422);
  CHECK(passed.body == own);
  CHECK(fails({.error = {Code::invalid, "x"}, .status = 400, .body = "<html>"}).body.find(R"("message":"x")") !=
        std::string::npos);
}

TEST_CASE("an error in the middle of a stream is its last event") {
  World w;
  Told told;
  w.ask(told, chat_path, streamed);
  w.generation.sink->on_piece("{}");
  w.generation.sink->on_failure({.error = {Code::unavailable, "broke off"}});
  w.until([&] { return told.done; });
  CHECK(told.status == 200);
  CHECK(told.body.find(R"(data: {"error":{"message":"broke off")") != std::string::npos);
  CHECK(told.body.find("[DONE]") == std::string::npos);
}

TEST_CASE("bad requests name the parameter") {
  World w;
  const Told bad = w.answer_to(chat_path, R"({"model":"m","messages":[]})");
  CHECK(bad.status == 400);
  CHECK(bad.body.find(R"("param":"messages")") != std::string::npos);
  CHECK(w.answer_to(chat_path, "{").status == 400);
  CHECK(w.answer_to(chat_path, std::string(3000, ' ')).status == 413);
  CHECK(w.answer_to("/v1/nothing", "{}").status == 404);
  CHECK(w.get(chat_path).field("allow") == "POST");
  Told told;
  w.post(told, chat_path, chat, {{"Barrio-First-Token-Ms", "soon"}});
  w.until([&] { return told.done; });
  CHECK(told.status == 400);
}

TEST_CASE("models are listed, and found by names with slashes, escaped or not") {
  World w;
  const std::string one = R"({"id":"meta/llama","object":"model","created":5,"owned_by":"acme"})";
  CHECK(w.get("/v1/models").body == R"({"object":"list","data":[)" + one + "]}");
  CHECK(w.get("/v1/models/meta/llama").body == one);
  CHECK(w.get("/v1/models/meta%2Fllama").body == one);
  const Told none = w.get("/v1/models/gpt");
  CHECK(none.status == 404);
  CHECK(none.body.find("model_not_found") != std::string::npos);
}

TEST_CASE("generate and generate_stream are completions in Triton's words") {
  World w;
  Told whole;
  w.ask(whole, "/v2/models/llama/generate", R"({"id":"42","text_input":"Hi","parameters":{"temperature":0}})");
  CHECK(w.generation.last.kind == ports::GenerationKind::completion);
  CHECK(w.generation.last.body.find(R"("prompt":"Hi")") != std::string::npos);
  w.generation.sink->on_piece(R"({"choices":[{"text":"Ho"}]})");
  std::exchange(w.generation.sink, nullptr)->on_end();
  w.until([&] { return whole.done; });
  CHECK(whole.body == R"({"id":"42","model_name":"llama","model_version":"1","text_output":"Ho"})");
  Told stream;
  w.ask(stream, "/v2/models/llama/versions/1/generate_stream", R"({"text_input":"Hi"})");
  CHECK(w.generation.last.stream);
  w.generation.sink->on_piece(R"({"choices":[{"text":"H"}]})");
  w.generation.sink->on_end();
  w.until([&] { return stream.done; });
  CHECK(stream.body == "data: {\"model_name\":\"llama\",\"model_version\":\"1\",\"text_output\":\"H\"}\n\n");
  CHECK(w.answer_to("/v2/models/llama/generate", "{}").body == R"({"error":"'text_input' is missing"})");
}

TEST_CASE("repository and statistics over REST") {
  World w;
  CHECK(w.answer_to("/v2/repository/index", "").body ==
        R"([{"name":"doubler","version":"1","state":"READY","reason":""},)"
        R"({"name":"other","version":"1","state":"UNAVAILABLE","reason":"unloaded"},)"
        R"({"name":"other","version":"2","state":"READY","reason":""}])");
  CHECK(w.answer_to("/v2/repository/index", R"({"ready":true})").body.find("UNAVAILABLE") == std::string::npos);
  CHECK(w.get("/v2/repository/index").status == 405);
  CHECK(w.get("/v2/models/doubler/stats").body.find(R"("success":{"count":3,"ns":15000000})") != std::string::npos);
  CHECK(w.get("/v2/models/stats").body.find(R"("batch_size":3)") != std::string::npos);
  CHECK(w.get("/v2/models/none/versions/2/stats").body == R"({"error":"there is no model none"})");
}

TEST_CASE("loading says when it is done, with what it cannot") {
  World w;
  const auto change = [&](std::string_view target, std::string_view body, Result<void> result) {
    Told told;
    w.repository.done = nullptr;
    w.post(told, target, body);
    w.until([&] { return told.done || w.repository.done; });
    if (!told.done) w.repository.done(std::move(result));
    w.until([&] { return told.done; });
    return told;
  };
  const std::string_view load = "/v2/repository/models/m/load";
  CHECK(change(load, R"({"parameters":{"backend":"onnx","builtin":"b","share":0.05,"deadline_ms":25}})", {}).status ==
        200);
  CHECK(w.repository.loaded == "m");
  CHECK(w.repository.parameters.builtin == "b");
  CHECK(w.repository.parameters.share == 0.05);
  CHECK(w.repository.parameters.deadline == 25ms);
  CHECK(change(load, "", fail(Code::exhausted, "needs 3 GB")).status == 507);
  CHECK(change(load, R"({"parameters":{"path":"/etc/x"}})", {}).status == 403);
  CHECK(change(load, R"({"parameters":{"config":"{}"}})", {}).status == 501);
  CHECK(change(load, R"({"parameters":{"shape":1}})", {}).status == 400);
  CHECK(change("/v2/repository/models/m/unload", R"({"parameters":{"version":2}})", {}).status == 200);
  CHECK(w.repository.loaded == "no m 2");
  CHECK(change("/v2/repository/models/m/drop", "", {}).status == 404);
}

}  // namespace
}  // namespace barrio::engine::openai_front_test
