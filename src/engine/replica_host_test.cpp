#include "engine/replica_host.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "adapters/profile/profile_backend.h"
#include "engine/fake_model_test.h"
#include "net/client.h"

namespace barrio::engine::replica_host_test {

namespace {

/// Keeps all in one record, until it is told that the journal has it.
class FakeCounter final : public UsageCounter {
 public:
  void add(const AppKey& app, const Usage& usage) override {
    if (record.lines.empty()) record.lines.push_back({app, {}});
    CHECK(record.lines.front().app == UsageKey(app));
    record.lines.front().usage += usage;
  }
  std::vector<UsageRecord> cut(std::span<const JournaledPeriod> journaled) override {
    if (journaled_of(record.meter, journaled).period >= record.period) return {};
    return {record};
  }
  UsageRecord record{0, 5, 1, {}, {}, {}};
};

/// A text model that says its own name.
class FakeTexts final : public ports::GenerationBackend {
 public:
  FakeTexts(std::string name, const bool& up) : name_(std::move(name)), up_(up) {}
  uint64_t start(ports::GenerationRequest, ports::GenerationSink& sink) override {
    sink.on_tokens({.in = 4, .out = 2});
    sink.on_piece("{\"text\":\"" + name_ + "\"}");
    sink.on_end();
    return 1;
  }
  ports::Tokens cancel(uint64_t) override { return {}; }
  void resume(uint64_t) override {}
  std::vector<ports::GenerationModel> models() const override { return {{.name = name_, .owner = {}, .ready = up_}}; }

 private:
  std::string name_;
  const bool& up_;
};

/// The site's engine with one emulated accelerator, whose models are "fake" (named profile in an app) unless told.
struct World {
  explicit World(DeviceSpec device = {.name = "gpu", .slots = 1, .is_cpu = false})
      : folder(std::filesystem::temp_directory_path() / ("barrio-host-test-" + std::to_string(getpid()))),
        engine(reactor, {{"opencv", &fake}, {"profile", &profile}, {"oip", &profile}}, {.devices = {std::move(device)}},
               registry) {
    std::filesystem::create_directories(folder);
    host.emplace(
        reactor, engine, registry,
        ReplicaMeans{
            .make_decoder = {},
            .find_generation = [this](const std::string& model, const std::string& server) -> Result<MakeGeneration> {
              if (server != "url=good") return fail(Code::invalid, "is no url", "url");
              return MakeGeneration([this, model](net::Reactor&) { return std::make_unique<FakeTexts>(model, up); });
            },
            .usage = &counter},
        5s);
    REQUIRE(host->listen(*net::SocketAddress::parse(control())));
  }
  ~World() {
    fake.release();
    host.reset();
    std::filesystem::remove_all(folder);
  }

  std::string control() const { return "unix:" + (folder / "control").string(); }
  std::string address(const std::string& id) const { return "unix:" + (folder / id).string(); }
  void until(const std::function<bool()>& done) {
    const Time limit = reactor.fresh_now() + 10s;
    while (!done() && reactor.now() < limit) reactor.turn(5ms);
    REQUIRE(done());
  }
  using Answer = std::shared_ptr<std::optional<net::Response>>;
  Answer send(const std::string& to, net::Request request) {
    auto answer = std::make_shared<std::optional<net::Response>>();
    client.fetch(*net::SocketAddress::parse(to), std::move(request), reactor.fresh_now() + 10s,
                 [answer](Result<net::Response> got) { *answer = got ? *got : net::Response{0, {}, {}}; });
    return answer;
  }
  net::Response wait(const Answer& answer) {
    until([&] { return answer->has_value(); });
    return **answer;
  }
  net::Response call(const std::string& to, net::Request request) { return wait(send(to, std::move(request))); }
  net::Response get(const std::string& to, const std::string& target) { return call(to, {.target = target}); }
  net::Response put(const std::string& id, const std::string& builtin, Backend backend = Backend::opencv,
                    int64_t generation = 1, std::optional<StreamSpec> stream = {},
                    const std::string& accelerator = "") {
    EngineOrder asked;
    asked.order.id = ReplicaId::of(id);
    asked.order.app = {TenantId::of("tenant-of-" + id), AppName::of("people")};
    asked.order.generation = generation;
    asked.order.model = {backend, builtin, "", ""};
    asked.order.resources = {Watts(40), mib(256), 1, accelerator, accelerator.empty() ? 0 : 1};
    asked.order.stream = std::move(stream);
    if (builtin.starts_with('/')) {
      asked.order.model = {backend, "", "0123", ""};
      asked.path = builtin;
    }
    asked.listen = address(id);
    return call(control(), {.method = "PUT", .target = "/replicas/" + id, .body = print_json(to_json(asked))});
  }
  std::optional<EngineReplica> state(const std::string& id) {
    const auto all = from_json<EngineReplicas>(*parse_json(get(control(), "/replicas").body));
    REQUIRE(all);
    for (const EngineReplica& one : all->replicas) {
      if (one.id.str() == id) return one;
    }
    return std::nullopt;
  }
  void start(const std::string& id, const std::string& builtin, Backend backend = Backend::opencv) {
    REQUIRE(put(id, builtin, backend).status == 202);
    until([&] { return state(id) && state(id)->state == EngineReplicaState::ready; });
  }
  Answer infer(const std::string& id, int value, const std::string& deadline_ms = "") {
    net::Request request{
        .method = "POST",
        .target = "/v2/models/people/infer",
        .body = R"({"inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":[)" + std::to_string(value) + "]}]}"};
    if (!deadline_ms.empty()) request.headers.emplace_back("Barrio-Deadline-Ms", deadline_ms);
    return send(address(id), std::move(request));
  }
  std::vector<Answer> infer_many(const std::string& id, int count, const std::string& deadline_ms) {
    std::vector<Answer> answers;
    for (int i = 0; i < count; ++i) answers.push_back(infer(id, 1, deadline_ms));
    return answers;
  }

  EngineUsageAnswer usage(const EngineUsageQuestion& question) {
    const auto answer = call(control(), {.method = "POST", .target = "/usage", .body = print_json(to_json(question))});
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
    return *from_json<EngineUsageAnswer>(*parse_json(answer.body));
  }

  std::filesystem::path folder;
  FakeCounter counter;
  bool up = true;  // the text models' server
  Registry registry;
  net::Reactor reactor;
  FakeBackend fake;
  adapters::ProfileBackend profile;
  net::Client client{reactor, {}};
  Engine engine;
  std::optional<ReplicaHost> host;
};

bool has(const net::Response& response, std::string_view text) {
  return response.body.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("two replicas with equal names see only their own model, and no trace of each other") {
  World world;
  world.start("one", "good");
  world.start("two", "batch");
  CHECK(world.wait(world.infer("one", 4)).status == 200);
  for (const std::string id : {"one", "two"}) {
    const std::string other = id == "one" ? "two" : "one";
    const auto index = world.call(world.address(id), {.method = "POST", .target = "/v2/repository/index"});
    CHECK(has(index, R"("name":"people")"));
    CHECK(index.body.find("people") == index.body.rfind("people"));
    const auto model = world.get(world.address(id), "/v2/models/people");
    CHECK(model.status == 200);
    CHECK(has(model, R"("name":"people")"));
    CHECK(has(world.get(world.address(id), "/v2/models/" + other + "%2Fpeople"), "not"));
    CHECK(has(world.get(world.address(id), "/v2/models/nobody"), "this endpoint serves people, not nobody"));
    const auto metrics = world.get(world.address(id), "/metrics");
    CHECK(has(metrics, R"(barrio_engine_ready{model="people"} 1)"));
    for (const auto& said : {index, model, metrics}) CHECK(!has(said, other));
    CHECK(world.get(world.address(id), "/v2/health/ready").status == 200);
  }
  CHECK(has(world.get(world.address("one"), "/metrics"), R"(tenant="tenant-of-one"} 1)"));
  CHECK(has(world.get(world.control(), "/metrics"), R"(barrio_engine_device_busy_seconds{device="gpu"})"));
}

TEST_CASE("a tenant's request may be less urgent than its model, and not more: others would pay for it") {
  World world;
  world.start("one", "good");
  for (const std::string asked : {"hard", "best_effort"}) {
    net::Request request{.method = "POST",
                         .target = "/v2/models/people/infer",
                         .headers = {{"Barrio-Class", asked}},
                         .body = R"({"inputs":[{"name":"x","shape":[1],"datatype":"UINT8","data":[4]}]})"};
    CHECK(world.call(world.address("one"), std::move(request)).status == 200);
  }
  const auto metrics = world.get(world.address("one"), "/metrics").body;
  CHECK(metrics.find(R"(class="hard")") == std::string::npos);
  CHECK(metrics.find(R"(class="soft")") != std::string::npos);
  CHECK(metrics.find(R"(class="best_effort")") != std::string::npos);
}

TEST_CASE("the control socket is for its owner alone, repeats itself without harm, and names what is wrong") {
  World world;
  struct stat status{};
  REQUIRE(stat((world.folder / "control").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  world.start("one", "good");
  CHECK(world.put("one", "good").status == 202);
  CHECK(world.put("one", "good", Backend::opencv, 2).status == 409);
  CHECK(world.call(world.control(), {.method = "PUT", .target = "/replicas/one", .body = "{}"}).status == 400);
  CHECK(world.call(world.control(), {.method = "POST", .target = "/replicas/one"}).status == 405);
  CHECK(world.get(world.control(), "/other").status == 404);
  CHECK(world.call(world.control(), {.method = "DELETE", .target = "/replicas/nobody"}).status == 204);
}

TEST_CASE("an app's text model is the one of the server that stands for its accelerator, once that has answered") {
  World world({.name = "llama", .is_cpu = false, .backend = "openai", .server = "url=good"});
  world.up = false;
  REQUIRE(world.put("r1", "", Backend::openai, 1, {}, "llama").status == 202);
  CHECK(world.state("r1")->state == EngineReplicaState::loading);
  world.up = true;
  CHECK(world.state("r1")->state == EngineReplicaState::ready);
  world.up = false;  // its requests fail then, and are tried elsewhere; what it answers is not cut
  CHECK(world.state("r1")->state == EngineReplicaState::ready);
  const auto answer =
      world.call(world.address("r1"),
                 {.method = "POST", .target = "/v1/completions", .body = R"({"model":"people","prompt":"Hi"})"});
  CHECK(answer.status == 200);
  CHECK(answer.body.find("people") != std::string::npos);
  const auto told = world.usage({}).records;
  REQUIRE(told.size() == 1);
  CHECK(told[0].lines.at(0).app.tenant.str() == "tenant-of-r1");
  CHECK(told[0].lines[0].usage.served.tokens_in == 4);
  CHECK(told[0].lines[0].usage.served.tokens_out == 2);
  CHECK(told[0].lines[0].usage.served.requests == 0);  // the gateway counts these
  CHECK(world.call(world.control(), {.method = "DELETE", .target = "/replicas/r1"}).status == 202);
  world.until([&] { return !world.state("r1"); });
}

TEST_CASE("an app of the oip backend is loaded with the settings of the site's server, which no app names") {
  World world({.name = "triton", .is_cpu = false, .backend = "oip", .server = "a=1ms,c=1ms"});
  REQUIRE(world.put("r1", "", Backend::oip, 1, {}, "triton").status == 202);
  world.until([&] { return world.state("r1")->state == EngineReplicaState::ready; });
  CHECK(world.wait(world.infer("r1", 7)).status == 200);
}

TEST_CASE("an accelerator that is no server, or another one, serves no app of it, and says so") {
  World world({.name = "llama", .is_cpu = false, .backend = "openai", .server = "url=bad"});
  const auto other = world.put("r1", "", Backend::oip, 1, {}, "llama");
  CHECK(other.status == 400);
  CHECK(other.body.find("no model server of the backend oip by the accelerator 'llama'") != std::string::npos);
  CHECK(world.put("r1", "", Backend::openai, 1, {}, "gpu").body.find("by the accelerator 'gpu'") != std::string::npos);
  CHECK(world.put("r1", "", Backend::openai, 1, {}, "llama").body.find("is no url") != std::string::npos);
  const auto file = world.put("r1", "people-640", Backend::opencv, 1, {}, "llama");
  CHECK(file.body.find("is a model server: it runs no model files") != std::string::npos);
  CHECK_FALSE(world.state("r1"));
}

TEST_CASE("a replica whose model cannot be loaded says why; the other serves on, and the place can be used again") {
  World world;
  world.start("one", "good");
  REQUIRE(world.put("two", "bad").status == 202);
  world.until([&] { return world.state("two")->state == EngineReplicaState::failed; });
  CHECK(world.state("two")->detail.find("no model in it") != std::string::npos);
  CHECK(world.state("two")->detail.find("two/") == std::string::npos);
  CHECK(world.wait(world.infer("one", 4)).status == 200);
  CHECK(world.call(world.control(), {.method = "DELETE", .target = "/replicas/two"}).status == 202);
  world.until([&] { return !world.state("two"); });
  world.start("two", "good");
  CHECK(world.wait(world.infer("two", 4)).status == 200);
}

TEST_CASE("why a tenant's file is no model is said without where the site keeps it") {
  World world;
  const auto path = world.folder / "0123.broken";
  std::ofstream(path) << "no model";
  REQUIRE(world.put("one", path.string()).status == 202);
  world.until([&] { return world.state("one")->state == EngineReplicaState::failed; });
  CHECK(world.state("one")->detail == "model 'people' cannot be served: its file: no model in its file");
}

TEST_CASE("a model that breaks fails its own replica's requests, and no other's") {
  World world;
  world.start("one", "good");
  world.start("two", "good");
  const auto broken = world.wait(world.infer("one", 13));
  CHECK(broken.status >= 500);
  CHECK(has(broken, "the model broke"));
  CHECK(world.wait(world.infer("two", 4)).status == 200);
  CHECK(world.wait(world.infer("one", 4)).status == 200);
}

TEST_CASE("a replica that is taken out answers what it has, and then is gone with its models") {
  World world;
  world.start("one", "good");
  world.start("two", "good");
  const auto running = world.infer("one", 7);
  world.until([&] { return !world.fake.runs.all().empty(); });
  const auto waiting = world.infer("one", 4);
  world.until([&] { return has(world.get(world.address("one"), "/metrics"), R"(waiting{model="people"} 1)"); });
  CHECK(world.call(world.control(), {.method = "DELETE", .target = "/replicas/one"}).status == 202);
  CHECK(world.state("one")->state == EngineReplicaState::leaving);
  CHECK(world.put("one", "good", Backend::opencv, 2).status == 409);
  world.fake.slow.release();
  CHECK(world.wait(running).status == 200);
  CHECK(world.wait(waiting).status == 200);
  world.until([&] { return !world.state("one"); });
  CHECK(world.engine.index().size() == 1);
  CHECK(world.wait(world.infer("one", 4)).status == 0);
  CHECK(world.wait(world.infer("two", 4)).status == 200);
  CHECK(world.put("one", "good", Backend::opencv, 2).status == 202);
  world.until([&] { return world.state("one")->state == EngineReplicaState::ready; });
}

TEST_CASE(
    "frames that streams look at are counted for their app, and a tenant that has spent its cap has none looked at") {
  World world;
  StreamSpec spec;
  spec.rate = 60;
  REQUIRE(world.put("cam", "picture", Backend::opencv, 1, spec).status == 202);
  world.until([&] { return world.state("cam")->state == EngineReplicaState::ready; });
  const std::string at = world.address("cam");
  REQUIRE(world.call(at, {.method = "POST", .target = "/v2/streams", .body = "{}"}).status == 201);
  const auto count = [&] { return from_json<StreamStatus>(*parse_json(world.get(at, "/v2/streams/s1").body))->counts; };
  const auto post = [&] {
    REQUIRE(
        world.call(at, {.method = "POST", .target = "/v2/streams/s1/frames", .body = "\xff\xd8\xff picture"}).status ==
        202);
  };
  for (int64_t frame = 1; frame <= 3; ++frame) {
    post();
    world.until([&] { return count().analysed == frame; });
  }
  const auto told = world.usage({}).records;
  REQUIRE(told.size() == 1);
  REQUIRE(told[0].lines.size() == 1);
  CHECK(told[0].lines[0].app.tenant.str() == "tenant-of-cam");
  CHECK(told[0].lines[0].usage.served.frames == 3);
  CHECK(told[0].lines[0].usage.served.requests == 0);
  CHECK(told[0].lines[0].usage.served.compute_us >= 0);
  CHECK(world.usage({.journaled = {{5, 1}}}).records.empty());

  static_cast<void>(world.usage({.resting = {TenantId::of("another"), TenantId::of("tenant-of-cam")}}));
  post();
  world.until([&] { return count().refused == 1; });
  CHECK(count().analysed == 3);
  CHECK(has(world.get(at, "/v2/streams/s1"), "has spent what it may this month"));
  static_cast<void>(world.usage({.resting = {TenantId::of("another")}}));
  post();
  world.until([&] { return count().analysed == 4; });
  CHECK(world.counter.record.lines[0].usage.served.frames == 4);

  CHECK(world.call(world.control(), {.method = "POST", .target = "/usage", .body = "{"}).status == 400);
  CHECK(
      has(world.call(world.control(), {.method = "POST", .target = "/usage", .body = R"({"resting":3})"}), "resting"));
  CHECK(world.get(world.control(), "/usage").status == 405);
}

TEST_CASE("a tight and a loose model of two replicas share one device's scheduler, and the tight one is in time") {
  World world;
  // Sixteen of the loose one in one batch take 340 ms. Run so, as an engine that knows only the loose one would, they
  // make late what comes to the tight one in the first 200 ms: three times ten requests.
  world.start("tight", "a=5ms,c=1ms,max_batch=8", Backend::profile);
  world.start("loose", "a=20ms,c=20ms,max_batch=16", Backend::profile);
  constexpr int rounds = 100;
  const auto tight_in_time = [&] {
    std::vector<World::Answer> tight;
    std::vector<World::Answer> loose;
    const Time begin = world.reactor.fresh_now();
    for (int i = 0; i < rounds; ++i) {
      world.until([&] { return world.reactor.now() >= begin + i * 20ms; });
      tight.push_back(world.infer("tight", 1, "140"));
      if (i % 35 != 15) continue;
      for (const auto& one : world.infer_many("loose", 16, "9000")) loose.push_back(one);
    }
    const auto answered = [&](const std::vector<World::Answer>& all) {
      return std::ranges::count_if(all, [&](const auto& one) { return world.wait(one).status == 200; });
    };
    CHECK(answered(loose) == static_cast<std::ptrdiff_t>(loose.size()));
    return answered(tight);
  };
  // A machine that others keep busy is late by itself, now and then.
  std::ptrdiff_t best = 0;
  for (int left = 3; left > 0 && best < rounds * 85 / 100; --left) best = std::max(best, tight_in_time());
  CHECK(best >= rounds * 85 / 100);
}

}  // namespace barrio::engine::replica_host_test
