#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "adapters/s3/s3_process_test.h"
#include "adapters/sealed_store/store_steps_test.h"

// A store on an S3 service that fails, forgets to answer and answers late. Two stores on one: s3_fencing_test.cpp.

namespace barrio::adapters::s3_medium_test {

using namespace s3;
using ports::get_text;
using ports::put_text;
using ports::sample_text;

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

TEST_CASE("a service whose certificate is not trusted is asked once, and the refusal names the field") {
  FakeService service;
  Process process(service);
  int asked = 0;
  process.transport->lot = [&](int number, const HttpCall&) {
    asked = number + 1;
    return Lot::untrusted;
  };
  const auto opened = process.open();  // what could not be opened is gone, with its transport
  REQUIRE(!opened);
  CHECK(opened.error().code == Code::unavailable);
  CHECK(opened.error().where == "storage.s3.ca_file");
  CHECK(opened.error().what ==
        "the certificate of the S3 service at http://s3.site:7480 is refused: self-signed certificate");
  CHECK(asked == 1);
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

// Every call; under sanitizers, where each run takes long, every seventh, from another one on for each kind of fault.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int step = 7;
#else
constexpr int step = 1;
#endif

TEST_CASE("whichever call to the service is the last, or is not answered: what was acknowledged is there and whole") {
  // The last one: done, or not. Away for a while: calls fail one way and the other.
  enum class Fault { dies, dies_after, away };
  int first = 0;
  for (const Fault fault : {Fault::dies, Fault::dies_after, Fault::away}) {
    for (int at = first++ % step;; at += step) {
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
