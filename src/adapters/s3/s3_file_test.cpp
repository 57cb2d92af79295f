#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "adapters/s3/fake_s3_test.h"
#include "adapters/s3/s3_file.h"

namespace barrio::adapters::s3 {

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
