#pragma once
// A home and a follower of one bucket, whose stores are real, for tests of copies and of their repair. Include after
// doctest.

#include <fstream>

#include "adapters/local_files/folder_test.h"
#include "adapters/local_files/local_medium.h"
#include "adapters/sealed_store/sealed_store.h"
#include "ports/object_store_contract.h"

namespace barrio::adapters::sealed_store {

using ports::contract_bucket;

/// A store on a folder of its own, with another site's key.
struct Kept {
  explicit Kept(char site) : site_key(32, site) { open(); }
  void open() {
    store.reset();
    auto opened = SealedStore::open(runtime, {std::make_unique<LocalMedium>(folder), site_key});
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().text()));
    store = std::move(*opened);
  }
  std::map<std::string, uint64_t> entries() const {
    std::map<std::string, uint64_t> stamps;
    for (const auto& entry : store->entries(contract_bucket, "", 1000)) stamps[entry.name] = entry.stamp;
    return stamps;
  }
  const std::string site_key;
  local_files::TestFolder own;
  const std::string& folder = own.path();
  ports::InlineRuntime runtime;
  std::unique_ptr<SealedStore> store;
};

/// Everything that a home commits goes to one follower at once.
struct HomeAndFollower : ports::CopySink {
  HomeAndFollower() {
    REQUIRE(home.store->add_bucket(contract_bucket, TenantId::of("acme")));
    give_key();
    home.store->set_sink(this);
  }
  void give_key() {
    REQUIRE(follower.store->take_key(contract_bucket, TenantId::of("acme"), *home.store->give_key(contract_bucket)));
  }
  bool may_change(const std::string&) const override {
    if (answers_left) leads = leads && (*answers_left)-- > 0;
    return leads;
  }
  bool wants(const std::string&) const override { return true; }
  Result<void> copy(const ports::CopiedChange& change) override {
    if (away) return fail(Code::unavailable, "away");
    TRY(auto accepted, follower.store->accept(contract_bucket, epoch, change.record));
    for (const auto& file : accepted.missing) {
      for (int64_t at = 0; at < file.bytes;) {
        TRY(const auto piece, home.store->read_content(file.name, at));
        const int64_t next = at + static_cast<int64_t>(piece.size());
        TRY_DO(follower.store->take_content(contract_bucket, file.name, at, piece, next == file.bytes));
        at = next;
      }
    }
    if (accepted.missing.empty()) return {};
    TRY(accepted, follower.store->accept(contract_bucket, epoch, change.record));
    return accepted.missing.empty() ? Result<void>() : fail(Code::invalid, "asks again");
  }
  void compare() {
    auto names = home.entries();
    for (const auto& [name, stamp] : follower.entries()) names.emplace(name, stamp);
    for (const auto& [name, stamp] : names) {
      REQUIRE(home.store->resend(contract_bucket, name, [this](const auto& change) { return copy(change); }));
    }
  }
  Kept home{'h'};
  Kept follower{'f'};
  int64_t epoch = 1;
  bool away = false;
  mutable bool leads = true;
  mutable std::optional<int> answers_left;  // after so many it leads no more
};

/// A record of the follower's, by its name.
struct FollowerSource final : ports::CopySource {
  FollowerSource(Kept& follower, std::string its_name) : kept(follower), name(std::move(its_name)) {}
  Result<std::string> record() override { return kept.store->give_record(contract_bucket, name); }
  Result<std::string> content(const std::string& file, int64_t offset) override {
    return kept.store->give_content(contract_bucket, name, file, offset);
  }
  Kept& kept;
  const std::string name;
};

}  // namespace barrio::adapters::sealed_store
