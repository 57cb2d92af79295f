#pragma once
// A process with a store on the S3 service of the tests. Include after doctest.

#include "adapters/s3/fake_s3_test.h"
#include "adapters/s3/s3_medium.h"
#include "adapters/sealed_store/sealed_store.h"
#include "ports/object_store_contract.h"

namespace barrio::adapters::s3 {

using ports::contract_bucket;

inline const std::string site_key(32, 's');
inline const std::string names_key(32, 'n');

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

inline std::unique_ptr<Process> open_or_fail(FakeService& service) {
  auto process = std::make_unique<Process>(service);
  const auto opened = process->open();
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().text()));
  return process;
}

inline std::unique_ptr<Process> open_with_bucket(FakeService& service) {
  auto process = open_or_fail(service);
  REQUIRE(process->store->add_bucket(contract_bucket, TenantId::of("acme")));
  return process;
}

inline bool puts_journal(const HttpCall& call) {
  return call.method == "PUT" && call.target.find("/journal/") != std::string::npos;
}

}  // namespace barrio::adapters::s3
