#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "adapters/s3/fake_s3_test.h"
#include "adapters/s3/s3_medium.h"
#include "adapters/sealed_store/sealed_store.h"
#include "adapters/sealed_store/store_steps_test.h"
#include "ports/object_store_contract.h"

// A store on an S3 service that fails, forgets to answer and answers late; and two stores that both believe to be the
// one.

namespace barrio::adapters::s3_medium_test {

using ports::contract_bucket;
using ports::get_text;
using ports::put_text;
using ports::sample_text;
using s3::fake_config;
using s3::FakeService;
using s3::FakeTransport;
using s3::HttpCall;
using s3::Lot;

namespace {

const std::string site_key(32, 's');
const std::string names_key(32, 'n');

/// A process with a store on the service.
struct Process {
  explicit Process(FakeService& service) {
    auto own = std::make_unique<FakeTransport>(service);
    transport = own.get();
    medium = std::make_unique<S3Medium>(fake_config, std::move(own), names_key);
  }
  Result<void> open() {
    auto opened = SealedStore::open(runtime, {std::move(medium), site_key});
    if (!opened) return fail(std::move(opened).error());
    store = std::move(*opened);
    return {};
  }

  ports::InlineRuntime runtime;
  FakeTransport* transport = nullptr;
  std::unique_ptr<S3Medium> medium;
  std::unique_ptr<SealedStore> store;
};

std::unique_ptr<Process> open_or_fail(FakeService& service) {
  auto process = std::make_unique<Process>(service);
  const auto opened = process->open();
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().text()));
  return process;
}

std::unique_ptr<Process> open_with_bucket(FakeService& service) {
  auto process = open_or_fail(service);
  REQUIRE(process->store->add_bucket(contract_bucket, TenantId::of("acme")));
  return process;
}

bool puts_journal(const HttpCall& call) {
  return call.method == "PUT" && call.target.find("/journal/") != std::string::npos;
}

}  // namespace

TEST_CASE("a store on an S3 service keeps the contract of an ObjectStore, also where lists come in small pages") {
  for (const size_t page : {1000, 3}) {
    std::vector<std::unique_ptr<FakeService>> services;
    ports::check_object_store([&](ports::Runtime& runtime) -> std::unique_ptr<ports::ObjectStore> {
      services.push_back(std::make_unique<FakeService>());
      services.back()->page = page;
      auto store = SealedStore::open(
          runtime,
          {std::make_unique<S3Medium>(fake_config, std::make_unique<FakeTransport>(*services.back()), names_key),
           site_key});
      REQUIRE(store);
      return std::move(*store);
    });
  }
}

TEST_CASE("who has the service and the site's key has all of the store; nothing in it says whose it is") {
  FakeService service;
  const std::string large = sample_text(9'000'000, 3);
  {
    auto process = open_with_bucket(service);
    REQUIRE(put_text(*process->store, "patients/frame", "secret text"));
    REQUIRE(put_text(*process->store, "patients/large", large));
  }
  CHECK(service.keys("objects/").size() == 3);  // pieces of up to 4 MiB
  for (const auto& [key, object] : service.objects) {
    for (const char* word : {"acme", "patients", "frame", "secret text"}) {
      CHECK(key.find(word) == std::string::npos);
      // Four letters stand in so many bytes of noise by chance.
      if (object.body.size() < 10'000 || std::string_view(word).size() > 5) {
        CHECK(object.body.find(word) == std::string::npos);
      }
    }
  }
  auto process = open_or_fail(service);
  CHECK(process->store->has_bucket(contract_bucket));
  CHECK(*get_text(*process->store, "patients/frame") == "secret text");
  CHECK(*get_text(*process->store, "patients/large") == large);
  // Not with another key.
  ports::InlineRuntime runtime;
  const auto other = SealedStore::open(
      runtime, {std::make_unique<S3Medium>(fake_config, std::make_unique<FakeTransport>(service), names_key),
                std::string(32, 'x')});
  CHECK(other.error().code == Code::denied);
  const auto other_names = SealedStore::open(
      runtime, {std::make_unique<S3Medium>(fake_config, std::make_unique<FakeTransport>(service), std::string(32, 'x')),
                site_key});
  CHECK(other_names.error().code == Code::denied);
}

TEST_CASE("a large object is read with a few calls") {
  FakeService service;
  auto process = open_with_bucket(service);
  REQUIRE(put_text(*process->store, "large", sample_text(16'000'000)));
  service.calls.clear();
  REQUIRE(get_text(*process->store, "large"));
  CHECK(service.calls["GET"] <= 16);
}

TEST_CASE("what was replaced or erased goes from the service") {
  FakeService service;
  auto process = open_with_bucket(service);
  REQUIRE(put_text(*process->store, "a", sample_text(400'000)));
  REQUIRE(put_text(*process->store, "a", sample_text(400'000, 2)));
  auto reader = process->store->open(contract_bucket, "a", "");
  REQUIRE(process->store->tidy());
  CHECK(service.keys("objects/").size() == 1);
  REQUIRE(put_text(*process->store, "a", "small"));
  REQUIRE(process->store->tidy());
  CHECK((*reader)->read(0, 10)->view() == sample_text(400'000, 2).substr(0, 10));  // who has it open reads on
  reader->reset();
  REQUIRE(put_text(*process->store, "b", sample_text(400'000)));
  REQUIRE(process->store->remove(contract_bucket, "b", {}));
  REQUIRE(process->store->tidy());
  CHECK(service.keys("objects/").empty());
  CHECK(service.keys("keys/").size() == 2);
  REQUIRE(process->store->erase_tenant(TenantId::of("acme")));
  CHECK(service.keys("keys/").empty());
}

TEST_CASE("a service that replaces what it was asked not to replace, or that keeps versions, is refused, and said so") {
  FakeService service;
  service.ignores_conditions = true;
  CHECK(Process(service).open().error().text().find("storage.s3.endpoint: this service replaces") == 0);
  for (const char* versioning : {"Enabled", "Suspended"}) {
    FakeService keeping;
    keeping.versioning = versioning;
    CHECK(Process(keeping).open().error().where == "storage.s3.bucket");
  }
}

TEST_CASE("what a process left that ended while it asked what the service does goes with the next") {
  FakeService service;
  for (int at = 1; at < 5; ++at) {
    Process process(service);
    process.transport->lot = [&](int number, const HttpCall&) { return number > at ? Lot::no_connection : Lot::done; };
    CHECK(!process.open());
    CHECK(service.keys("probe/").size() == (at < 4 ? 1 : 0));
    REQUIRE(Process(service).open());
    CHECK(service.keys("probe/").empty());
  }
}

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
  for (const int writes : {0, 1, 3}) {
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

TEST_CASE("lists that lack what was put last lose nothing of the journal") {
  FakeService service;
  auto process = open_with_bucket(service);
  REQUIRE(put_text(*process->store, "listed", "1"));
  service.lists_late = true;
  for (int i = 0; i < 5; ++i) REQUIRE(put_text(*process->store, "k" + std::to_string(i), "text"));
  auto next = open_or_fail(service);
  for (int i = 0; i < 5; ++i) CHECK(*get_text(*next->store, "k" + std::to_string(i)) == "text");
  REQUIRE(put_text(*next->store, "later", "text"));
  CHECK(!put_text(*process->store, "lost", "text"));
  auto last = open_or_fail(service);  // the end of the first, and all of the second, are not listed
  CHECK(*get_text(*last->store, "later") == "text");
  CHECK(!put_text(*next->store, "lost", "text"));
}

TEST_CASE("an answer that is lost is asked for again, and what was done is not taken for another's") {
  for (const Lot lot : {Lot::refused, Lot::broken, Lot::answer_lost, Lot::request_lost, Lot::no_connection}) {
    FakeService service;
    auto process = open_with_bucket(service);
    int left = 0;
    process->transport->lot = [&](int, const HttpCall& call) {
      return puts_journal(call) && left-- > 0 ? lot : Lot::done;
    };
    for (int i = 0; i < 4; ++i) {
      left = 1;
      REQUIRE(put_text(*process->store, "k" + std::to_string(i), "text"));
    }
    auto next = open_or_fail(service);
    for (int i = 0; i < 4; ++i) CHECK(*get_text(*next->store, "k" + std::to_string(i)) == "text");
  }
}

TEST_CASE("while the service is away everything that changes is refused, and goes on as soon as it is back") {
  for (const Lot lot : {Lot::refused, Lot::request_lost, Lot::no_connection}) {
    FakeService service;
    auto process = open_with_bucket(service);
    REQUIRE(put_text(*process->store, "kept", "text"));
    process->transport->lot = [&](int, const HttpCall&) { return lot; };
    for (int i = 0; i < 3; ++i) {
      CHECK(put_text(*process->store, "lost", "text").error().code == Code::unavailable);
      CHECK(put_text(*process->store, "lost", sample_text(300'000)).error().code == Code::unavailable);
    }
    CHECK(get_text(*process->store, "kept").error().code == Code::unavailable);
    CHECK(!process->store->scrub_after({}));  // which is no damage
    process->transport->lot = nullptr;
    CHECK(*get_text(*process->store, "kept") == "text");
    REQUIRE(put_text(*process->store, "new", "text"));
    CHECK(get_text(*process->store, "lost").error().code == Code::not_found);
    auto next = open_or_fail(service);
    CHECK(*get_text(*next->store, "new") == "text");
    CHECK(get_text(*next->store, "lost").error().code == Code::not_found);
  }
}

TEST_CASE("a change whose request arrives after it was given up is there for good, or never") {
  for (const bool before_settling : {true, false}) {
    FakeService service;
    auto process = open_with_bucket(service);
    REQUIRE(put_text(*process->store, "key", "old"));
    const std::string large = sample_text(300'000);
    bool away = true;
    process->transport->lot = [&](int, const HttpCall& call) {
      if (!away) return Lot::done;
      return puts_journal(call) && !call.body.empty() ? Lot::late : puts_journal(call) ? Lot::no_connection : Lot::done;
    };
    CHECK(put_text(*process->store, "key", large).error().code == Code::unavailable);
    CHECK(*get_text(*process->store, "key") == "old");
    away = false;
    if (before_settling) process->transport->deliver();
    const auto next_put = put_text(*process->store, "other", "text");
    CHECK(static_cast<bool>(next_put) == !before_settling);  // it was decided on without knowing
    process->transport->deliver();
    REQUIRE(put_text(*process->store, "other", "text"));
    const std::string wanted = before_settling ? large : "old";
    CHECK(*get_text(*process->store, "key") == wanted);
    CHECK(process->store->is_incomplete(contract_bucket) == before_settling);
    REQUIRE(process->store->tidy());
    auto next = open_or_fail(service);
    CHECK(*get_text(*next->store, "key") == wanted);
    CHECK(*get_text(*next->store, "other") == "text");
  }
}

TEST_CASE("a change that stands after all makes copies of its own bucket alone compare, and is counted") {
  FakeService service;
  auto process = open_with_bucket(service);
  REQUIRE(process->store->add_bucket("other", TenantId::of("acme")));
  std::vector<std::string> changed;
  process->store->watch_usage([&](const std::string& bucket) { changed.push_back(bucket); });
  bool away = true;
  process->transport->lot = [&](int, const HttpCall& call) {
    if (!away || !puts_journal(call)) return Lot::done;
    return call.body.empty() ? Lot::no_connection : Lot::answer_lost;
  };
  CHECK(!put_text(*process->store, "key", "text"));
  CHECK(changed.empty());
  away = false;
  CHECK(!put_text(*process->store, "key", "text"));
  CHECK(*get_text(*process->store, "key") == "text");
  CHECK(changed == std::vector<std::string>{contract_bucket});
  CHECK(process->store->is_incomplete(contract_bucket));
  CHECK(!process->store->is_incomplete("other"));
  process->store->set_complete(contract_bucket);
  CHECK(!process->store->is_incomplete(contract_bucket));
}

TEST_CASE("what was written and not kept goes when the store is tidied, not on the loop that drops it") {
  FakeService service;
  auto process = open_with_bucket(service);
  for (const bool is_read : {false, true}) {
    if (is_read) {
      REQUIRE(put_text(*process->store, "read", sample_text(400'000)));
      auto reader = process->store->open(contract_bucket, "read", "");
      REQUIRE(process->store->remove(contract_bucket, "read", {}));
      REQUIRE(process->store->tidy());
      CHECK(service.keys("objects/").size() == 1);
    } else {
      auto writer = process->store->writer(contract_bucket);
      REQUIRE((*writer)->write(sample_text(400'000)));
      REQUIRE((*writer)->finish());
      const int before = process->transport->number;
      writer->reset();
      CHECK(process->transport->number == before);
      CHECK(service.keys("objects/").size() == 1);
    }
    REQUIRE(process->store->tidy());
    CHECK(service.keys("objects/").empty());
  }
}

TEST_CASE("a key that comes again opens nothing of before, also where the journal failed when it came") {
  FakeService service;
  auto process = open_with_bucket(service);
  const std::string key = *process->store->give_key(contract_bucket);
  REQUIRE(put_text(*process->store, "old", "text"));
  REQUIRE(process->store->forget_bucket(contract_bucket));
  process->transport->lot = [](int, const HttpCall& call) {
    return puts_journal(call) ? Lot::no_connection : Lot::done;
  };
  CHECK(!process->store->take_key(contract_bucket, TenantId::of("acme"), key));
  process->transport->lot = nullptr;
  REQUIRE(process->store->take_key(contract_bucket, TenantId::of("acme"), key));
  REQUIRE(put_text(*process->store, "new", "text"));
  auto next = open_or_fail(service);
  CHECK(get_text(*next->store, "old").error().code == Code::not_found);
  CHECK(*get_text(*next->store, "new") == "text");
}

TEST_CASE("two processes that make a bucket's keys at the same time make the same") {
  FakeService service;
  auto first = open_or_fail(service);
  auto second = open_or_fail(service);
  REQUIRE(first->store->add_bucket(contract_bucket, TenantId::of("acme")));
  REQUIRE(second->store->add_bucket(contract_bucket, TenantId::of("acme")));
  REQUIRE(put_text(*second->store, "key", "text"));
  CHECK(*get_text(*open_or_fail(service)->store, "key") == "text");
}

TEST_CASE("whichever call to the service is the last, or is not answered: what was acknowledged is there and whole") {
  // The last one: done, or not. Away for a while: calls fail one way and the other.
  enum class Fault { dies, dies_after, away };
  for (const Fault fault : {Fault::dies, Fault::dies_after, Fault::away}) {
    for (int at = 0;; ++at) {
      const std::string where = "call " + std::to_string(at) + ", fault " + std::to_string(static_cast<int>(fault));
      FakeService service;
      auto process = std::make_unique<Process>(service);
      bool failed = false;
      process->transport->lot = [&](int number, const HttpCall&) {
        if (number < at) return Lot::done;
        failed = true;
        if (fault != Fault::away)
          return number == at && fault == Fault::dies_after ? Lot::answer_lost : Lot::no_connection;
        if (number >= at + 20) return Lot::done;
        return number % 3 == 0 ? Lot::answer_lost : number % 3 == 1 ? Lot::request_lost : Lot::no_connection;
      };
      sealed_store::Expected expected;
      const auto opened = process->open();
      const bool has_bucket = opened && process->store->add_bucket(contract_bucket, TenantId::of("acme"));
      if (has_bucket) {
        sealed_store::Steps steps(*process->store, where, [&] { return failed && fault != Fault::away; });
        steps.may_stand = true;
        do_all(steps);
        expected = steps.expected;
        if (fault == Fault::away) {
          process->transport->lot = nullptr;
          expected.check(*process->store, where);
        }
      }
      for (int time = 0; time < 2; ++time) {
        auto next = std::make_unique<Process>(service);
        const auto again = next->open();
        REQUIRE_MESSAGE(again, where << (again ? "" : again.error().text()));
        if (!has_bucket) REQUIRE(next->store->add_bucket(contract_bucket, TenantId::of("acme")));
        expected.check(*next->store, where);
        const auto put = put_text(*next->store, "new", "text");
        REQUIRE_MESSAGE(put, where);
        expected.may_become("new", put, "text");
        expected.check(*next->store, where);
      }
      REQUIRE(at < 1000);
      if (!failed) break;
    }
  }
}

}  // namespace barrio::adapters::s3_medium_test
