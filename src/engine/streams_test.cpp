#include "engine/streams.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "engine/front_door.h"
#include "engine/manual_service_test.h"
#include "engine/streams_front.h"
#include "net/client.h"
#include "ports/tensor.h"

namespace barrio::engine::streams_test {
using ports::DataType;
using ports::Tensor;

namespace {

const std::string jpeg = "\xff\xd8\xff picture";
const std::string camera_url = "rtsp://viewer:se@cret@camera-7.lan/main?key=1";

class FakeDecoder final : public ports::VideoDecoder {
 public:
  struct Open {
    ports::VideoRequest request;
    ports::VideoListener* listener;
    size_t wanted = 0;
    bool closed = false;
  };
  Result<std::unique_ptr<ports::Video>> open(const ports::VideoRequest& request,
                                             ports::VideoListener& listener) override {
    if (refuses) return fail(Code::exhausted, "too many");
    opened.push_back(std::make_shared<Open>(Open{request, &listener}));
    return std::make_unique<Handle>(opened.back());
  }
  std::vector<std::shared_ptr<Open>> opened;
  bool refuses = false;

 private:
  class Handle final : public ports::Video {
   public:
    explicit Handle(std::shared_ptr<Open> open) : open_(std::move(open)) {}
    ~Handle() override { open_->closed = true; }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    void want() override { ++open_->wanted; }
    ports::VideoCounts counts() const override { return {}; }

   private:
    std::shared_ptr<Open> open_;
  };
};

Tensor floats(std::string name, std::vector<int64_t> shape, const std::vector<float>& values) {
  Tensor tensor{std::move(name), DataType::FP32, std::move(shape), std::string(values.size() * sizeof(float), '\0')};
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

ports::Outputs one_box(float x) {
  return {floats("boxes", {1, 4}, {x, 10, 40, 80}), floats("scores", {1}, {0.9f})};
}

StreamSpec fast() {
  StreamSpec spec;
  spec.rate = 60;
  spec.max_age = 400ms;
  spec.sources = {camera_url};
  spec.most = 2;
  return spec;
}

struct World {
  explicit World(StreamSpec spec = fast())
      : streams(reactor, service, &decoder, registry, {.app = "street", .spec = std::move(spec)}),
        front(reactor, streams),
        door(reactor, {}, {&front}),
        address(*door.listen(*net::SocketAddress::parse("127.0.0.1:0"))) {
    service.models["street"] = {"street", "fake", {{"picture", DataType::BYTES, {1}}}, {}};
    service.models["numbers"] = {"numbers", "fake", {{"x", DataType::FP32, {1}}}, {}};
  }

  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.fresh_now() < limit) reactor.turn(20ms);
    REQUIRE(done());
  }
  using Answer = std::shared_ptr<std::optional<net::Response>>;
  Answer send(const std::string& method, const std::string& target, const std::string& body = {}) {
    auto answer = std::make_shared<std::optional<net::Response>>();
    client.fetch(address, {.method = method, .target = target, .body = body}, reactor.fresh_now() + 10s,
                 [answer](Result<net::Response> result) {
                   *answer = result ? std::move(*result) : net::Response{0, {}, result.error().text()};
                 });
    return answer;
  }
  net::Response call(const std::string& method, const std::string& target, const std::string& body = {}) {
    const auto answer = send(method, target, body);
    until([&] { return answer->has_value(); });
    return **answer;
  }
  StreamStatus status() {
    const auto all = streams.list();
    REQUIRE(all.size() == 1);
    return all.front();
  }
  /// The camera answers what was asked for.
  void show(Time taken, uint64_t number) {
    until([&] { return !decoder.opened.empty() && decoder.opened.back()->wanted > 0; });
    decoder.opened.back()->wanted = 0;
    decoder.opened.back()->listener->on_frame(
        {.jpeg = jpeg, .width = 640, .height = 480, .taken = taken, .number = number});
  }

  Registry registry;
  net::Reactor reactor;
  ManualService service;
  FakeDecoder decoder;
  Streams streams;
  StreamsFront front;
  FrontDoor door;
  net::SocketAddress address;
  net::Client client{reactor, {}};
};

JsonObject object(const std::string& text) {
  const auto json = parse_json(text);
  REQUIRE_MESSAGE(json, text);
  return json->as_object();
}

std::string error_of(const net::Response& response) {
  return std::string(object(response.body).at("error").as_string());
}

}  // namespace

TEST_CASE("streams are started, shown and ended; what may not be is told by field") {
  World world;
  const auto started = world.call("POST", "/v2/streams", R"({"url":")" + camera_url + R"(","rate":2})");
  CHECK_MESSAGE(started.status == 201, started.body);
  CHECK(net::find_header(started.headers, "Location") == "/v2/streams/s1");
  CHECK(object(started.body).at("source").as_string() == "rtsp://camera-7.lan/main");
  CHECK(started.body.find("cret") == std::string::npos);
  CHECK(world.call("GET", "/v2/streams").body.find(R"("id":"s1")") != std::string::npos);
  CHECK(object(world.call("GET", "/v2/streams/s1").body).at("rate").to_number<double>() == 2);

  const auto other = world.call("POST", "/v2/streams", R"({"url":"rtsp://10.0.0.1/secret"})");
  CHECK(other.status == 403);
  CHECK(error_of(other).starts_with("url: is not among the sources"));
  CHECK(error_of(world.call("POST", "/v2/streams", R"({"rate":61})")).starts_with("rate: must be"));
  CHECK(error_of(world.call("POST", "/v2/streams", R"({"max_age":"1s"})")).starts_with("max_age: must be"));
  CHECK(error_of(world.call("POST", "/v2/streams", R"({"rate":5,"track_rate":2})")).starts_with("track_rate: must"));
  CHECK(error_of(world.call("POST", "/v2/streams", R"({"fps":2})")).find("fps") != std::string::npos);
  CHECK(error_of(world.call("POST", "/v2/streams", R"({"model":"numbers"})")).starts_with("model: 'numbers' does not"));
  CHECK(world.call("POST", "/v2/streams", R"({"model":"nothing"})").status == 404);
  CHECK(world.call("POST", "/v2/streams", "{").status == 400);

  CHECK(world.call("POST", "/v2/streams").status == 201);
  const auto full = world.call("POST", "/v2/streams");
  CHECK(full.status == 429);
  CHECK(error_of(full).find("2 streams are open") != std::string::npos);
  CHECK(world.call("DELETE", "/v2/streams/s1").status == 204);
  CHECK(world.call("DELETE", "/v2/streams/s1").status == 404);
  CHECK(world.call("PUT", "/v2/streams/s2").status == 405);
  CHECK(world.call("GET", "/v2/streams/s2/nothing").status == 404);
  CHECK(world.decoder.opened.at(0)->closed);
}

TEST_CASE("posted frames are analysed, the boxes keep their names, and who waits is told") {
  World world;
  world.call("POST", "/v2/streams");
  const auto waiting = world.send("GET", "/v2/streams/s1/results");
  const auto posted = world.call("POST", "/v2/streams/s1/frames", jpeg);
  CHECK(posted.status == 202);
  CHECK(posted.body == R"({"frame":1})");
  CHECK(net::find_header(posted.headers, "Server-Timing") == "compute;dur=0");  // the wait for results costs nothing
  REQUIRE(world.service.waiting.size() == 1);
  const Submission& submission = world.service.waiting[0].submission;
  CHECK(submission.model == "street");
  CHECK(submission.request.stream == "s1");
  CHECK(submission.request.inputs.at(0).name == "picture");
  CHECK(submission.request.inputs.at(0).data == ports::pack_bytes(jpeg));
  CHECK(submission.deadline == submission.arrived + 400ms);
  world.service.answer(0, one_box(100));
  world.until([&] { return waiting->has_value(); });
  const JsonArray results = object((*waiting)->body).at("results").as_array();
  REQUIRE(results.size() == 1);
  CHECK(results[0].at("analysed").as_bool());
  CHECK(results[0].at("frame").to_number<int>() == 1);
  CHECK(results[0].at("boxes").at(0).at("id").to_number<int>() == 1);
  CHECK(results[0].at("boxes").at(0).at("x").to_number<double>() == 100);

  world.call("POST", "/v2/streams/s1/frames", jpeg);
  world.until([&] { return !world.service.waiting.empty(); });
  world.service.answer(0, one_box(104));
  const auto later = world.call("GET", "/v2/streams/s1/results?after=1");
  CHECK(later.body.find(R"("number":2)") != std::string::npos);
  CHECK(later.body.find(R"("id":1,"x":104.0)") != std::string::npos);
  CHECK(object(world.call("GET", "/v2/streams/s1/results?after=2&wait_ms=1").body).at("results").as_array().empty());
  CHECK(world.call("GET", "/v2/streams/s1/results?after=x").status == 400);
  CHECK(error_of(world.call("POST", "/v2/streams/s1/frames", "no picture")) == "body: is not a JPEG");
  CHECK(world.registry.text().find(R"(barrio_engine_frames_total{app="street",outcome="analysed"} 2)") !=
        std::string::npos);
}

TEST_CASE("while one frame is looked at, only the newest of those posted waits") {
  World world;
  world.call("POST", "/v2/streams");
  for (int i = 0; i < 4; ++i) world.call("POST", "/v2/streams/s1/frames", jpeg + std::to_string(i));
  CHECK(world.service.waiting.size() == 1);
  world.service.answer(0, one_box(0));
  world.until([&] { return !world.service.waiting.empty(); });
  CHECK(world.service.waiting[0].submission.request.inputs.at(0).data == ports::pack_bytes(jpeg + "3"));
  CHECK(world.status().counts.replaced == 2);
}

TEST_CASE("a camera's frames: asked for at the rate, refused when old, with the time that their age leaves") {
  World world;
  REQUIRE(world.streams.start({.url = camera_url}));
  world.show(world.reactor.fresh_now() - 500ms, 1);
  CHECK(world.service.waiting.empty());
  CHECK(world.status().counts.too_old == 1);
  const Time taken = world.reactor.fresh_now() - 100ms;
  world.show(taken, 9);
  REQUIRE(world.service.waiting.size() == 1);
  CHECK(world.service.waiting[0].submission.deadline == taken + 400ms);
  CHECK(world.decoder.opened[0]->wanted == 0);  // one at a time
  CHECK(world.decoder.opened[0]->request.max_age == 400ms);
  world.service.answer(0, one_box(0));
  CHECK(world.status().counts.analysed == 1);
  CHECK(world.status().state == StreamState::running);

  // Refusals and failures are counted, and do not end it.
  world.show(world.reactor.fresh_now(), 10);
  Served refused;
  refused.declined = Declined{.what = "no time"};
  world.service.answer(0, std::move(refused));
  CHECK(world.status().trouble == "no time");
  world.show(world.reactor.fresh_now(), 11);
  Served failed;
  failed.error = Error{Code::unavailable, "broke"};
  world.service.answer(0, std::move(failed));
  world.show(world.reactor.fresh_now(), 12);
  world.service.answer(0, one_box(0));
  CHECK(world.status().counts.refused == 1);
  CHECK(world.status().counts.failed == 1);
  CHECK(world.status().trouble.empty());
}

TEST_CASE("a slow rate is kept") {
  StreamSpec spec = fast();
  spec.rate = 10;
  World world(spec);
  REQUIRE(world.streams.start({.url = camera_url}));
  const Time begin = world.reactor.fresh_now();
  for (uint64_t frame = 1; frame <= 4; ++frame) {
    world.show(world.reactor.fresh_now(), frame);
    world.service.answer(0, one_box(0));
  }
  CHECK(world.reactor.fresh_now() - begin >= 299ms);
}

TEST_CASE("a camera that breaks off is opened again, and one that cannot be opened is tried again") {
  World world;
  REQUIRE(world.streams.start({.url = camera_url}));
  world.show(world.reactor.fresh_now(), 1);
  world.decoder.opened[0]->listener->on_end({Code::unavailable, "it ended"});
  CHECK(world.status().state == StreamState::waiting);
  CHECK(world.status().trouble == "it ended");
  CHECK(world.decoder.opened[0]->closed);
  world.decoder.refuses = true;
  world.until([&] { return world.status().counts.opened == 2; });
  CHECK(world.status().trouble == "too many");
  world.decoder.refuses = false;
  world.until([&] { return world.decoder.opened.size() == 2; });
  world.service.answer(0, one_box(0));  // of the first connection, still
  world.show(world.reactor.fresh_now(), 1);
  CHECK(world.status().state == StreamState::running);
  CHECK(world.status().counts.opened == 3);
}

TEST_CASE("between analysed frames the boxes move on") {
  StreamSpec spec = fast();
  spec.track_rate = 60;
  World world(spec);
  std::vector<StreamResult> results;
  REQUIRE(world.streams.start({.rate = 20}));
  REQUIRE(world.streams.listen("s1", [&](int64_t, const std::string& json) {
    if (!json.empty()) results.push_back(*from_json<StreamResult>(*parse_json(json)));
  }));
  const auto look = [&](float x) {
    REQUIRE(world.streams.push("s1", jpeg));
    world.until([&] { return !world.service.waiting.empty(); });
    world.service.answer(0, one_box(x));
  };
  const auto tracked = [&] { return static_cast<size_t>(std::ranges::count(results, false, &StreamResult::analysed)); };
  look(100);
  look(120);
  const size_t before = tracked();
  world.until([&] { return tracked() >= before + 3; });
  const StreamResult& last = results.back();
  CHECK_FALSE(last.analysed);
  CHECK(last.frame == 2);
  REQUIRE(last.boxes.size() == 1);
  CHECK(last.boxes[0].id == 1);
  CHECK(last.boxes[0].x > 120);
  for (size_t i = 1; i < results.size(); ++i) CHECK(results[i].number == results[i - 1].number + 1);
  CHECK(world.status().counts.tracked == static_cast<int64_t>(tracked()));
}

namespace {

struct EventReader final : net::CallHandler {
  void on_head(const net::ResponseHead& head) override {
    status = head.status;
    type = std::string(net::find_header(head.headers, "Content-Type").value_or(""));
  }
  void on_body(std::string_view piece) override { text += piece; }
  void on_done() override { done = true; }
  void on_error(net::CallError) override { done = true; }
  void on_writable() override {}
  int status = 0;
  std::string type;
  std::string text;
  bool done = false;
};

}  // namespace

TEST_CASE("events: what is kept after the last one seen, then each as it comes, until the stream ends") {
  World world;
  REQUIRE(world.streams.start({}));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world.streams.push("s1", jpeg));
    world.until([&] { return !world.service.waiting.empty(); });
    world.service.answer(0, one_box(0));
  }
  EventReader reader;
  const net::Header headers[] = {{"Accept", "text/event-stream"}, {"Last-Event-ID", "1"}};
  world.client.start(
      world.address,
      {.target = "/v2/streams/s1/results", .headers = headers, .deadline = world.reactor.fresh_now() + 10s}, reader);
  world.until([&] { return reader.text.find("\n\n") != std::string::npos; });
  CHECK(reader.status == 200);
  CHECK(reader.type == "text/event-stream");
  CHECK(reader.text.starts_with("id: 2\ndata: {"));
  REQUIRE(world.streams.push("s1", jpeg));
  world.until([&] { return !world.service.waiting.empty(); });
  world.service.answer(0, one_box(0));
  world.until([&] { return reader.text.find("id: 3\n") != std::string::npos; });
  const auto waiting = world.send("GET", "/v2/streams/s1/results?after=3");
  world.until([&] { return world.streams.listeners("s1") == 2; });
  REQUIRE(world.streams.stop("s1"));
  world.until([&] { return reader.done && waiting->has_value(); });
  CHECK((*waiting)->status == 404);
}

TEST_CASE("a client that goes away is forgotten, and listeners are bounded") {
  World world;
  REQUIRE(world.streams.start({}));
  for (size_t i = 0; i < Streams::most_listeners; ++i) {
    REQUIRE(world.streams.listen("s1", [](int64_t, const std::string&) {}));
  }
  CHECK(world.call("GET", "/v2/streams/s1/results").status == 429);
  world.streams.stop_listening(1);
  EventReader reader;
  const net::Header headers[] = {{"Accept", "text/event-stream"}};
  net::Call& call = world.client.start(
      world.address,
      {.target = "/v2/streams/s1/results", .headers = headers, .deadline = world.reactor.fresh_now() + 10s}, reader);
  world.until([&] { return reader.status == 200; });
  call.cancel();
  // Its place is free again once an event could not be sent: until then it may have closed its sending side only.
  world.until([&] {
    if (!world.service.waiting.empty()) world.service.answer(0, one_box(0));
    REQUIRE(world.streams.push("s1", jpeg));
    return world.streams.listeners("s1") < Streams::most_listeners;
  });
}

TEST_CASE("outputs without boxes are shown as they are, and boxes of a broken model are left out") {
  World world;
  REQUIRE(world.streams.start({}));
  REQUIRE(world.streams.push("s1", jpeg));
  world.service.answer(0, {floats("kind", {2}, {0.25f, 0.75f})});
  const auto results = world.streams.results("s1", 0);
  REQUIRE(results->size() == 1);
  CHECK(results->at(0).find(R"("outputs":[{"name":"kind")") != std::string::npos);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto boxes = boxes_in({floats("a", {2, 4}, {0, 0, 1, 1, nan, 0, 1, 1}), floats("scores", {2}, {nan, 1})});
  REQUIRE(boxes);
  CHECK(boxes->size() == 1);
  CHECK(boxes->at(0).score == 0);
  CHECK_FALSE(boxes_in({floats("a", {2, 3}, {0, 0, 1, 1, 0, 0})}));
}

TEST_CASE("a source is shown without its secrets") {
  CHECK(public_url(camera_url) == "rtsp://camera-7.lan/main");
  CHECK(public_url("http://a:b?c@host/x?key=1") == "http://host/x");
  CHECK(public_url("http://host?key=1") == "http://host");
  CHECK(public_url("rtsp://host:554/a@b") == "rtsp://host:554/a@b");
}

}  // namespace barrio::engine::streams_test
