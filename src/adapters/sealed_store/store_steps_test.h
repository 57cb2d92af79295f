#pragma once
// What is done to a store whose medium fails: a little of everything, and what may be found afterwards. Include after
// doctest.

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "ports/object_store_contract.h"

namespace barrio::adapters::sealed_store {

/// What a store may answer after all that was done to it: for each key the content it has, or could have.
class Expected {
 public:
  using Content = std::optional<std::string>;

  void may_become(const std::string& key, const Result<void>& done, Content content) {
    auto& contents = possible_.try_emplace(key, std::set<Content>{std::nullopt}).first->second;
    if (done) contents = {std::move(content)};
    if (!done) contents.insert(std::move(content));
  }

  void check(ports::ObjectStore& store, const std::string& where) const {
    for (const auto& [key, contents] : possible_) {
      const auto text = ports::get_text(store, key);
      const bool absent = !text && text.error().code == Code::not_found;
      CHECK_MESSAGE((text || absent), where << ": " << key << ": " << (text ? "" : text.error().text()));
      CHECK_MESSAGE(contents.contains(text ? Content(*text) : std::nullopt), where << ": " << key);
    }
  }

 private:
  std::map<std::string, std::set<Content>> possible_;
};

/// One step of the run. What fails says so clearly, and leaves what was there before.
class Steps {
 public:
  Steps(ports::ObjectStore& store, std::string where, std::function<bool()> is_dead)
      : store_(store), where_(std::move(where)), is_dead_(std::move(is_dead)) {}

  Expected expected;
  /// What fails may be there all the same, later: see only that nothing else is.
  bool may_stand = false;

  void put(const std::string& key, const std::string& text) {
    step(key, text, [&] { return ports::put_text(store_, key, text); });
  }
  void remove(const std::string& key) {
    step(key, std::nullopt, [&] {
      const auto removed = store_.remove(ports::contract_bucket, key);
      return removed ? Result<void>() : Result<void>(fail(removed.error()));
    });
  }
  void tag(const std::string& key) {
    const auto before = ports::get_text(store_, key);
    if (!before) return;
    step(key, *before, [&] { return ports::set_tags(store_, key, {{"colour", "blue"}}); });
  }
  void in_parts(const std::string& key, const std::vector<std::string>& texts, bool complete) {
    std::string whole;
    for (const std::string& text : texts) whole += text;
    step(key, complete ? Expected::Content(whole) : std::nullopt, [&]() -> Result<void> {
      TRY(const auto upload, store_.begin_upload(ports::contract_bucket, {.key = key}));
      std::vector<ports::UploadPart> parts;
      for (const std::string& text : texts) {
        TRY(auto writer, store_.writer(ports::contract_bucket));
        TRY_DO(writer->write(text));
        TRY(const auto digest, writer->finish());
        parts.push_back({static_cast<int>(parts.size()) + 1, digest.size, hex_of(digest.md5), {}, {}, {}});
        TRY_DO(store_.put_part(ports::contract_bucket, upload, parts.back(), std::move(writer)));
      }
      if (!complete) return store_.abort_upload(ports::contract_bucket, upload);
      const auto size = static_cast<int64_t>(whole.size());
      TRY_DO(
          store_.complete_upload(ports::contract_bucket, upload, parts, {.key = key, .size = size, .etag = "e"}, {}));
      return {};
    });
  }
  /// Where this fails, the rest is what it is in a bucket without versions.
  void keep_versions() {
    if (is_dead_()) return;
    static_cast<void>(store_.set_setting(ports::contract_bucket, ports::versioning_setting, "Enabled"));
  }
  void tidy() {
    if (!is_dead_()) static_cast<void>(store_.tidy());
  }

 private:
  template <class Action>
  void step(const std::string& key, const Expected::Content& then, Action action) {
    if (is_dead_()) return;
    const auto before = ports::get_text(store_, key);
    const Result<void> done = action();
    expected.may_become(key, done, then);
    if (is_dead_()) return;
    const auto after = ports::get_text(store_, key);
    const bool cannot_tell = may_stand && !after && after.error().code != Code::not_found;
    if (done) {
      if (cannot_tell) return;
      CHECK_MESSAGE((after ? Expected::Content(*after) : std::nullopt) == then, where_ << ": " << key);
      return;
    }
    const Error& error = done.error();
    CHECK_MESSAGE((error.code == Code::exhausted || error.code == Code::unavailable), where_ << ": " << error.text());
    CHECK_MESSAGE(error.what.size() > 10, where_);
    if (may_stand) return;
    CHECK_MESSAGE(static_cast<bool>(before) == static_cast<bool>(after), where_ << ": " << key);
    CHECK_MESSAGE((!after || *after == *before), where_ << ": " << key);
  }

  ports::ObjectStore& store_;
  const std::string where_;
  const std::function<bool()> is_dead_;  // no process any more
};

inline void do_all(Steps& steps) {
  static const std::string large = ports::sample_text(140'000, 1);
  static const std::string larger = ports::sample_text(1'100'000, 2);  // is written in two goes
  static const std::string part = ports::sample_text(140'000, 3);
  steps.put("small", "one");
  steps.put("large", large);
  steps.put("small", "two");
  steps.tag("large");
  steps.put("large", larger);
  steps.tidy();
  steps.in_parts("whole", {part, "tail"}, true);
  steps.in_parts("never", {part}, false);
  steps.remove("small");
  steps.put("large", "small now");
  steps.tidy();
  steps.put("small", "three");
  steps.keep_versions();
  steps.put("small", "four");
  steps.remove("large");
  steps.tag("small");
  steps.put("large", larger);
  steps.remove("small");
  steps.tidy();
}

}  // namespace barrio::adapters::sealed_store
