#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include <condition_variable>

#include "adapters/reactor_runtime/run_together.h"
#include "adapters/s3/fake_s3_test.h"
#include "adapters/s3/s3_file.h"

namespace barrio::adapters::s3 {

namespace {

/// Answers GETs only once so many are under way, and counts them.
class GatheringTransport final : public Transport {
 public:
  GatheringTransport(FakeService& service, size_t wanted) : inner_(service), wanted_(wanted) {}
  Result<HttpAnswer> call(const HttpCall& call) override {
    std::unique_lock lock(mutex_);
    if (call.method != "GET") return inner_.call(call);
    most = std::max(most, ++under_way_);
    gathered_ = gathered_ || under_way_ == wanted_;
    changed_.notify_all();
    // The time is only so that a test that fails also ends.
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return gathered_; });
    auto answer = inner_.call(call);
    --under_way_;
    return answer;
  }
  WallTime wall() override { return inner_.wall(); }
  void pause(Duration) override {}

  size_t most = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  FakeTransport inner_;
  const size_t wanted_;
  size_t under_way_ = 0;
  bool gathered_ = false;
};

}  // namespace

TEST_CASE("a journal of many pieces is read with eight requests under way and no more, in its order" *
          doctest::test_suite("threads")) {
  FakeService objects;
  auto own = std::make_unique<GatheringTransport>(objects, S3File::most_requests);
  GatheringTransport& transport = *own;
  const Service service(fake_config, std::move(own));
  Shared shared{service, "me", run_together};
  const auto layout = std::make_shared<Layout>("journal/0000000001.log");
  S3File file(shared, layout, true);
  std::string whole;
  for (int i = 0; i < 30; ++i) {
    const std::string text = "piece " + std::to_string(i) + ";";
    REQUIRE(file.write_at(text, whole.size()));
    REQUIRE(file.sync());
    whole += text;
  }
  CHECK(*file.read_at(0, whole.size()) == whole);
  CHECK(transport.most == S3File::most_requests);
  // Whichever of them finds that one is not there: the others are read all the same, and nothing is in its place.
  const Piece lost = layout->run.pieces[20];
  objects.objects.erase(fake_config.prefix + "/" + layout->key_of(lost));
  CHECK(*file.read_at(0, whole.size()) == whole.replace(lost.offset, lost.size, std::string(lost.size, '\0')));
}

TEST_CASE("who looks again for what was packed takes nothing in that the writer does not know yet") {
  FakeService objects;
  auto own = std::make_unique<FakeTransport>(objects);
  FakeTransport& transport = *own;
  const Service service(fake_config, std::move(own));
  Shared shared{service, "me"};
  const auto layout = std::make_shared<Layout>("journal/0000000001.log");
  S3File writer(shared, layout, true);
  S3File reader(shared, layout, true);
  std::string whole;
  const auto append = [&](const std::string& text) {
    REQUIRE(writer.write_at(text, whole.size()));
    whole += text;
    REQUIRE(writer.sync());
  };
  for (size_t i = 0; i < pack_count; ++i) append("piece " + std::to_string(i) + ";");
  const uint64_t known = whole.size();
  // The next one is stored, and the writer has no answer yet, while somebody reads what was packed meanwhile.
  bool reads = false;
  transport.lot = [&](int, const HttpCall& call) {
    if (call.method == "GET" && !reads) {
      reads = true;
      REQUIRE(writer.pack());
      REQUIRE(writer.write_at("last", known));
      const auto stored = service.put_new(layout->slot(known), "last", shared.owner);
      REQUIRE(stored);
    }
    return Lot::done;
  };
  CHECK(*reader.read_at(0, known) == whole);
  REQUIRE(reads);
  CHECK(*writer.size() == known);
  REQUIRE(writer.sync());
  whole += "last";
  append("behind");
  CHECK(*reader.read_at(0, whole.size()) == whole);
  CHECK(layout->run.pieces.size() == 3);
  CHECK(layout->run.end == whole.size());
}

TEST_CASE("a file whose end is not where its writer put one takes nothing more") {
  FakeService objects;
  const Service service(fake_config, std::make_unique<FakeTransport>(objects));
  Shared shared{service, "me"};
  // Another process has packed what stood there; or dropped all of it.
  for (const std::string there : {"0000000000000000-0000000000000009", "0000000000000000"}) {
    shared.is_fenced = false;
    const auto layout = std::make_shared<Layout>("journal/" + there + ".log");
    S3File file(shared, layout, true);
    REQUIRE(file.write_at("abcd", 0));
    REQUIRE(file.sync());
    const std::string packed = there.size() > 16 ? "abcd12345" : "";
    REQUIRE(service.put(layout->path + "/" + there, packed));
    const auto fate = file.take_back(4);
    REQUIRE(!fate);
    CHECK(fate.error().code == Code::conflict);
    REQUIRE(file.write_at("12345", 4));
    CHECK(file.sync().error().code == Code::conflict);
  }
}

}  // namespace barrio::adapters::s3
