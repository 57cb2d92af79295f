#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "adapters/s3/s3_process_test.h"

// Two stores that both believe to be the one, and who reads what another one packs.

namespace barrio::adapters::s3_fencing_test {

using namespace s3;
using ports::get_text;
using ports::put_text;
using ports::sample_text;

TEST_CASE("who opens the store ends the one before: that one acknowledges nothing more, and takes nothing away") {
  FakeService service;
  for (const bool wrote : {false, true}) {
    auto first = open_with_bucket(service);
    const std::string key = wrote ? "wrote" : "did not";
    if (wrote) REQUIRE(put_text(*first->store, "kept", "one"));
    auto second = open_or_fail(service);
    const auto refused = put_text(*first->store, key, "lost");
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::unavailable);
    CHECK(refused.error().what.find("another process") == 0);
    CHECK(!put_text(*first->store, key, sample_text(300'000)));
    CHECK(!first->store->erase_tenant(TenantId::of("acme")));
    REQUIRE(put_text(*second->store, "kept", "two"));
    CHECK(!put_text(*first->store, key, "lost"));
    auto third = open_or_fail(service);
    CHECK(!put_text(*second->store, "kept", "lost"));
    CHECK(*get_text(*third->store, "kept") == "two");
    CHECK(get_text(*third->store, key).error().code == Code::not_found);
    REQUIRE(third->store->remove(contract_bucket, "kept", {}));
  }
}

TEST_CASE("a process that slept while its journal was packed, compacted and dropped still finds its place taken") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const std::vector<int> cases{1};  // each writes 250 MB, which takes a minute there
#else
  const std::vector<int> cases{0, 1, 3};
#endif
  for (const int writes : cases) {
    FakeService service;
    auto asleep = open_with_bucket(service);
    for (int i = 0; i < writes; ++i) REQUIRE(put_text(*asleep->store, "same", std::to_string(i)));
    const std::string text = sample_text(120'000);
    for (int round = 0; round < 3; ++round) {
      auto next = open_or_fail(service);
      for (int i = 0; i < 700; ++i) REQUIRE(put_text(*next->store, "same", text));
      for (int i = 0; i < 3; ++i) REQUIRE(next->store->tidy());
    }
    CHECK(!service.keys("journal-floor/").empty());
    uint64_t bytes = 0;
    for (const std::string& key : service.keys("journal/"))
      bytes += service.objects[fake_config.prefix + "/" + key].body.size();
    CHECK(bytes < 230'000'000);
    CHECK(!put_text(*asleep->store, "same", "lost"));
    CHECK(!put_text(*asleep->store, "same", "lost"));
    CHECK(*get_text(*open_or_fail(service)->store, "same") == text);
  }
}

TEST_CASE("the journal is packed while it is written: few objects, and nothing of it is lost wherever that stops") {
  for (int stop = 0; stop < 8; ++stop) {
    FakeService service;
    auto process = open_with_bucket(service);
    for (int i = 0; i < 300; ++i) REQUIRE(put_text(*process->store, "k" + std::to_string(i), std::to_string(i)));
    const size_t before = service.keys("journal/").size();
    const int from = process->transport->number;
    process->transport->lot = [&](int number, const HttpCall& call) {
      const bool packs = call.method != "GET" && number >= from;
      static int seen = 0;
      seen = number == from ? 0 : seen + (packs ? 1 : 0);
      return packs && seen > stop && stop < 6 ? Lot::no_connection : Lot::done;
    };
    REQUIRE(process->store->tidy());
    process->transport->lot = nullptr;
    if (stop >= 6) CHECK(service.keys("journal/").size() < before - 200);
    for (int i = 0; i < 300; ++i) CHECK(*get_text(*process->store, "k" + std::to_string(i)) == std::to_string(i));
    REQUIRE(put_text(*process->store, "more", "text"));
    auto next = open_or_fail(service);
    for (int i = 0; i < 300; ++i) CHECK(*get_text(*next->store, "k" + std::to_string(i)) == std::to_string(i));
    CHECK(*get_text(*next->store, "more") == "text");
  }
}

TEST_CASE("who reads the journal while another process packs it finds what was packed") {
  FakeService service;
  auto process = open_with_bucket(service);
  for (int i = 0; i < 300; ++i) REQUIRE(put_text(*process->store, "k" + std::to_string(i), std::to_string(i)));
  std::unique_ptr<Process> next;
  process->transport->lot = [&](int, const HttpCall& call) {
    if (!next && call.method == "PUT") next = open_or_fail(service);
    return Lot::done;
  };
  REQUIRE(process->store->tidy());
  REQUIRE(next);
  for (int i = 0; i < 300; ++i) CHECK(*get_text(*next->store, "k" + std::to_string(i)) == std::to_string(i));
  REQUIRE(next->store->tidy());
  CHECK(*get_text(*process->store, "k7") == "7");
  CHECK(!process->store->tidy());  // now it knows
  CHECK(get_text(*process->store, "k7").error().code == Code::unavailable);
  CHECK(*get_text(*open_or_fail(service)->store, "k7") == "7");
}

TEST_CASE("a process that reads what its successor has packed, and then writes, is refused") {
  FakeService service;
  auto first = open_with_bucket(service);
  for (int i = 0; i < 40; ++i) REQUIRE(put_text(*first->store, "k" + std::to_string(i), std::to_string(i)));
  auto second = open_or_fail(service);
  REQUIRE(put_text(*second->store, "more", "text"));
  REQUIRE(second->store->tidy());
  CHECK(service.keys("journal/0000000002.log").size() == 3);  // the first piece, the packed one, the end
  for (int i = 0; i < 40; ++i) CHECK(*get_text(*first->store, "k" + std::to_string(i)) == std::to_string(i));
  CHECK(!put_text(*first->store, "lost", "text"));
  CHECK(!put_text(*first->store, "lost", "text"));
  REQUIRE(put_text(*second->store, "more", "yet"));
  CHECK(*get_text(*open_or_fail(service)->store, "k7") == "7");
}

TEST_CASE("who opens the store while the process before writes and packs on reads all that was acknowledged") {
  const std::string large = sample_text(300'000);
  for (const int puts : {31, 40}) {
    FakeService service;
    auto first = open_with_bucket(service);
    for (int i = 0; i < puts; ++i) REQUIRE(put_text(*first->store, "k" + std::to_string(i), std::to_string(i)));
    auto second = std::make_unique<Process>(service);
    bool packed = false;
    second->transport->lot = [&](int, const HttpCall& call) {
      if (packed || !puts_journal(call) || !call.body.empty()) return Lot::done;
      packed = true;
      REQUIRE(put_text(*first->store, "between", large));
      REQUIRE(first->store->tidy());
      REQUIRE(put_text(*first->store, "behind", large));
      return Lot::done;
    };
    REQUIRE(second->open());
    REQUIRE(packed);
    CHECK(!put_text(*first->store, "lost", "text"));
    CHECK(!put_text(*first->store, "lost", "text"));
    for (const char* key : {"between", "behind"}) CHECK(*get_text(*second->store, key) == large);
    REQUIRE(put_text(*second->store, "new", "text"));
    auto third = open_or_fail(service);
    for (const char* key : {"between", "behind"}) CHECK(*get_text(*third->store, key) == large);
    CHECK(*get_text(*third->store, "new") == "text");
    CHECK(get_text(*third->store, "lost").error().code == Code::not_found);
  }
}

TEST_CASE("a change whose answer was lost, and that a successor has read and packed, is not taken for gone") {
  const std::string large = sample_text(300'000);
  for (const bool settles_at_once : {false, true}) {
    for (const bool successor_wrote : {false, true}) {
      FakeService service;
      auto first = open_with_bucket(service);
      REQUIRE(put_text(*first->store, "kept", "text"));
      std::unique_ptr<Process> second;
      const auto succeed = [&] {
        second = open_or_fail(service);
        if (successor_wrote) REQUIRE(put_text(*second->store, "new", "text"));
        REQUIRE(second->store->tidy());
      };
      int calls = 0;
      first->transport->lot = [&](int, const HttpCall& call) {
        if (!puts_journal(call) || call.body.empty())
          return calls == 0 || settles_at_once ? Lot::done : Lot::no_connection;
        if (calls++ == 0) return settles_at_once ? Lot::broken : Lot::answer_lost;
        if (!settles_at_once) return Lot::no_connection;
        if (!second) succeed();
        return Lot::refused;
      };
      CHECK(put_text(*first->store, "unsure", large).error().code == Code::unavailable);
      first->transport->lot = nullptr;
      if (!second) succeed();
      for (int i = 0; i < 2; ++i) CHECK(!put_text(*first->store, "lost", large));
      first.reset();
      CHECK(*get_text(*second->store, "unsure") == large);
      REQUIRE(put_text(*second->store, "later", "text"));
      auto third = open_or_fail(service);
      CHECK(*get_text(*third->store, "unsure") == large);
      CHECK(*get_text(*third->store, "kept") == "text");
      CHECK(get_text(*third->store, "lost").error().code == Code::not_found);
    }
  }
}

}  // namespace barrio::adapters::s3_fencing_test
