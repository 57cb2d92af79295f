#pragma once
// What every ObjectStore must do; each adapter's test runs it. Include after doctest.

#include <functional>
#include <memory>

#include "base/hash.h"
#include "ports/inline_runtime.h"
#include "ports/object_store.h"

namespace barrio::ports {

inline const std::string contract_bucket(32, 'a');

/// Text of this length whose every place looks different.
inline std::string sample_text(size_t size, uint64_t seed = 1) {
  Rng rng(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

inline Result<void> put_text(ObjectStore& store, const std::string& key, std::string_view text,
                             const WriteCondition& condition = {}, const std::string& bucket = contract_bucket) {
  TRY(auto writer, store.writer(bucket));
  for (size_t at = 0; at < text.size(); at += 100'000) TRY_DO(writer->write(text.substr(at, 100'000)));
  TRY(auto digest, writer->finish());
  ObjectMeta meta{.key = key, .size = digest.size, .etag = hex_of(digest.md5), .sha256 = hex_of(digest.sha256)};
  meta.fields["content-type"] = "text/plain";
  TRY_DO(store.put(bucket, std::move(meta), std::move(writer), condition));
  return {};
}

inline Result<std::string> get_text(ObjectStore& store, const std::string& key, const std::string& version = {},
                                    const std::string& bucket = contract_bucket) {
  TRY(auto reader, store.open(bucket, key, version));
  std::string text;
  while (text.size() < static_cast<size_t>(reader->meta().size)) {
    TRY(auto piece, reader->read(text.size(), 600'000));
    text += piece.view();
  }
  return text;
}

inline Result<void> set_tags(ObjectStore& store, const std::string& key, std::map<std::string, std::string> tags) {
  TRY_DO(store.describe(contract_bucket, key, "", [&](ObjectMeta& meta) -> Result<void> {
    meta.tags = tags;
    return {};
  }));
  return {};
}

inline void check_objects(ObjectStore& store) {
  for (const size_t size : {0, 1, 65'535, 65'536, 131'072, 131'073, 196'608, 1'048'576, 3'000'001}) {
    const std::string text = sample_text(size, size + 1);
    const std::string key = "size/" + std::to_string(size);
    REQUIRE(put_text(store, key, text));
    CHECK(*get_text(store, key) == text);
    auto reader = store.open(contract_bucket, key);
    REQUIRE(reader);
    CHECK((*reader)->meta().etag == hex_of(hash_of(HashKind::md5, text)));
    CHECK((*reader)->meta().sha256 == hex_of(hash_of(HashKind::sha256, text)));
    CHECK((*reader)->meta().fields.at("content-type") == "text/plain");
    for (size_t from = 0; from < size; from += size / 7 + 1) {
      const auto piece = (*reader)->read(from, 70'000);
      REQUIRE(piece);
      CHECK(piece->size() != 0);
      CHECK(text.substr(from, piece->size()) == piece->view());
    }
  }
  CHECK(get_text(store, "none").error().code == Code::not_found);
  // A reader has what it opened, whatever comes after.
  REQUIRE(put_text(store, "changing", std::string(500'000, '1')));
  auto old = store.open(contract_bucket, "changing");
  REQUIRE(put_text(store, "changing", "2"));
  REQUIRE(store.tidy());
  CHECK((*old)->read(499'999, 10)->view() == "1");
  CHECK(*get_text(store, "changing") == "2");
  const auto went = store.remove(contract_bucket, "changing");
  REQUIRE(went);
  CHECK(went->gone->size == 1);
  CHECK(!store.remove(contract_bucket, "changing")->gone);
  CHECK(get_text(store, "changing").error().code == Code::not_found);
  CHECK(put_text(store, "key", "text", {}, std::string(32, 'b')).error().code == Code::not_found);
}

inline void check_conditions(ObjectStore& store) {
  REQUIRE(put_text(store, "once", "first", {.if_absent = true}));
  CHECK(put_text(store, "once", "second", {.if_absent = true}).error().code == Code::conflict);
  const std::string etag = (*store.open(contract_bucket, "once"))->meta().etag;
  CHECK(put_text(store, "once", "second", {.if_etag = "other"}).error().code == Code::conflict);
  CHECK(put_text(store, "never", "second", {.if_etag = etag}).error().code == Code::not_found);
  CHECK(put_text(store, "once", "second", {.if_etag = etag}));
  CHECK(store.remove(contract_bucket, "once", {.if_etag = etag}).error().code == Code::conflict);
  CHECK(*get_text(store, "once") == "second");
  REQUIRE(set_tags(store, "once", {{"colour", "blue"}}));
  CHECK((*store.open(contract_bucket, "once"))->meta().tags.at("colour") == "blue");
  CHECK(*get_text(store, "once") == "second");
  REQUIRE(put_text(store, "large", sample_text(400'000)));
  REQUIRE(set_tags(store, "large", {{"a", "b"}}));
  REQUIRE(store.tidy());
  CHECK(*get_text(store, "large") == sample_text(400'000));
}

inline std::vector<std::string> all_pages(ObjectStore& store, ObjectQuery query) {
  std::vector<std::string> found;
  while (true) {
    const auto page = store.list(contract_bucket, query);
    REQUIRE(page);
    CHECK(page->objects.size() + page->prefixes.size() <= query.limit);
    for (const ListedObject& object : page->objects) found.push_back(object.key);
    found.insert(found.end(), page->prefixes.begin(), page->prefixes.end());
    if (!page->next) return found;
    query.after = *page->next;
  }
}

inline void check_listings(ObjectStore& store) {
  for (const char* key : {"a", "b/1", "b/2", "b/c/3", "b0", "c/4", "d"}) REQUIRE(put_text(store, key, key));
  for (size_t limit = 1; limit <= 8; ++limit) {
    auto found = all_pages(store, {"", "", "/", limit});
    std::sort(found.begin(), found.end());
    CHECK(found == std::vector<std::string>{"a", "b/", "b0", "c/", "d"});
    found = all_pages(store, {"b/", "", "/", limit});
    std::sort(found.begin(), found.end());
    CHECK(found == std::vector<std::string>{"b/1", "b/2", "b/c/"});
    CHECK(all_pages(store, {"b", "", "", limit}) == std::vector<std::string>{"b/1", "b/2", "b/c/3", "b0"});
    CHECK(all_pages(store, {"", "b/2", "", limit}) == std::vector<std::string>{"b/c/3", "b0", "c/4", "d"});
  }
  CHECK(all_pages(store, {"z", "", "", 10}).empty());
  CHECK(store.list(contract_bucket, {"", "", "", 0})->objects.empty());
}

inline UploadPart put_piece(ObjectStore& store, const std::string& upload, int number, std::string_view text) {
  auto writer = store.writer(contract_bucket);
  REQUIRE(writer);
  REQUIRE((*writer)->write(text));
  const auto digest = (*writer)->finish();
  REQUIRE(digest);
  UploadPart part{number, digest->size, hex_of(digest->md5), hex_of(digest->sha256), {}, {}};
  REQUIRE(store.put_part(contract_bucket, upload, part, std::move(*writer)));
  return part;
}

inline void check_uploads(ObjectStore& store) {
  const auto id = store.begin_upload(contract_bucket, {.key = "whole"});
  REQUIRE(id);
  const std::string first = sample_text(300'000, 1);
  const std::string second = sample_text(10, 2);
  const UploadPart one = put_piece(store, *id, 1, first);
  put_piece(store, *id, 2, "replaced");
  const UploadPart two = put_piece(store, *id, 2, second);
  put_piece(store, *id, 3, "not used");
  CHECK(store.parts(contract_bucket, *id)->size() == 3);
  CHECK(store.uploads(contract_bucket).size() == 1);
  CHECK(get_text(store, "whole").error().code == Code::not_found);
  ObjectMeta meta{.key = "whole", .size = one.size + two.size, .etag = "x-2"};
  UploadPart wrong = two;
  wrong.etag = "another";
  CHECK(store.complete_upload(contract_bucket, *id, {one, wrong}, meta).error().code == Code::invalid);
  REQUIRE(store.complete_upload(contract_bucket, *id, {one, two}, meta));
  REQUIRE(store.tidy());
  CHECK(*get_text(store, "whole") == first + second);
  CHECK(store.uploads(contract_bucket).empty());
  CHECK(store.complete_upload(contract_bucket, *id, {one}, meta).error().code == Code::not_found);
  // Who did not hear of it may ask what it was completed to, also once other tags are set.
  const auto completed = [&](const std::string& upload, const std::string& key, const std::string& etag) {
    const auto meta_of = store.completed_upload(contract_bucket, upload, key, etag);
    return meta_of ? meta_of->size : int64_t{meta_of.error().code == Code::not_found ? -1 : -2};
  };
  CHECK(completed(*id, "whole", "x-2") == one.size + two.size);
  REQUIRE(store.describe(contract_bucket, "whole", "", [](ObjectMeta& said) {
    said.tags = {{"a", "b"}};
    return Result<void>();
  }));
  CHECK(completed(*id, "whole", "x-2") == one.size + two.size);
  CHECK(completed(*id, "whole", "x-3") == -1);
  CHECK(completed(*id, "other", "x-2") == -1);
  CHECK(completed("another", "whole", "x-2") == -1);
  REQUIRE(store.tidy());
  CHECK(*get_text(store, "whole") == first + second);
  CHECK(store.usage(contract_bucket).bytes == one.size + two.size);
  const auto given_up = store.begin_upload(contract_bucket, {.key = "never"});
  put_piece(store, *given_up, 1, first);
  REQUIRE(store.abort_upload(contract_bucket, *given_up));
  CHECK(store.abort_upload(contract_bucket, *given_up).error().code == Code::not_found);
  CHECK(store.usage(contract_bucket).bytes == one.size + two.size);
}

inline void check_buckets(ObjectStore& store) {
  REQUIRE(put_text(store, "a", "text"));
  CHECK(store.close_bucket(contract_bucket).error().code == Code::conflict);
  REQUIRE(store.remove(contract_bucket, "a"));
  REQUIRE(store.close_bucket(contract_bucket));
  CHECK(put_text(store, "a", "text").error().code == Code::not_found);
  store.reopen_bucket(contract_bucket);
  REQUIRE(put_text(store, "a", "text"));
  REQUIRE(store.remove(contract_bucket, "a"));
  REQUIRE(store.close_bucket(contract_bucket));
  REQUIRE(store.drop_bucket(contract_bucket));
  CHECK(!store.has_bucket(contract_bucket));
  REQUIRE(store.add_bucket(contract_bucket, TenantId::of("acme")));
  CHECK(store.list(contract_bucket, {})->objects.empty());
}

inline void check_settings(ObjectStore& store) {
  CHECK(store.setting(contract_bucket, "cors").empty());
  REQUIRE(store.set_setting(contract_bucket, "cors", "one"));
  REQUIRE(store.set_setting(contract_bucket, "cors", "two"));
  REQUIRE(store.set_setting(contract_bucket, "policy", "three"));
  CHECK(store.setting(contract_bucket, "cors") == "two");
  REQUIRE(store.set_setting(contract_bucket, "policy", std::nullopt));
  CHECK(store.setting(contract_bucket, "policy").empty());
  CHECK(!store.set_setting(contract_bucket, "cors", std::string(most_setting_bytes + 1, 'x')));
  CHECK(store.list(contract_bucket, {})->objects.empty());
  CHECK(store.set_setting(std::string(32, 'b'), "cors", "x").error().code == Code::not_found);
  REQUIRE(store.close_bucket(contract_bucket));
  REQUIRE(store.drop_bucket(contract_bucket));
  REQUIRE(store.add_bucket(contract_bucket, TenantId::of("acme")));
  CHECK(store.setting(contract_bucket, "cors").empty());
}

/// "key size newest", "key marker", ... with numbered versions as #.
inline std::vector<std::string> all_versions(ObjectStore& store, VersionQuery query) {
  std::vector<std::string> found;
  while (true) {
    const auto page = store.list_versions(contract_bucket, query);
    REQUIRE(page);
    CHECK(page->versions.size() + page->prefixes.size() <= query.limit);
    for (const ListedVersion& one : page->versions) {
      const ObjectVersion& version = one.object.version;
      found.push_back(one.object.key + (version.marker ? " marker" : " " + std::to_string(one.object.size)) +
                      (version.numbered ? " #" : " null") + (one.newest ? " newest" : ""));
    }
    for (const std::string& prefix : page->prefixes) found.push_back(prefix);
    if (!page->next) return found;
    query.after = page->next->after;
    query.after_version = page->next->after_version;
  }
}

inline void check_versions(ObjectStore& store) {
  REQUIRE(put_text(store, "a", "1"));
  REQUIRE(store.set_setting(contract_bucket, versioning_setting, std::string(versioning_enabled)));
  REQUIRE(put_text(store, "a", "22"));
  const std::string second = store.find_version(contract_bucket, "a", "")->object.version.id();
  const std::string large = sample_text(300'000);
  REQUIRE(put_text(store, "a", large));
  CHECK(*get_text(store, "a") == large);
  CHECK(*get_text(store, "a", "null") == "1");
  CHECK(*get_text(store, "a", second) == "22");
  CHECK(get_text(store, "a", "0123456789abcdef").error().code == Code::not_found);
  // What hides an object is no object, and the object is still there.
  const auto hidden = store.remove(contract_bucket, "a");
  REQUIRE(hidden);
  CHECK(!hidden->gone);
  CHECK(get_text(store, "a").error().code == Code::not_found);
  CHECK(get_text(store, "a", hidden->marker->id()).error().code == Code::not_found);
  CHECK(store.list(contract_bucket, {})->objects.empty());
  CHECK(put_text(store, "a", "x", {.if_etag = "e"}).error().code == Code::not_found);
  const std::vector<std::string> all = {"a marker # newest", "a 300000 #", "a 2 #", "a 1 null"};
  for (size_t limit = 1; limit <= 5; ++limit) CHECK(all_versions(store, {.limit = limit}) == all);
  CHECK(store.usage(contract_bucket).objects == 4);
  CHECK(store.usage(contract_bucket).bytes == 300'003);
  CHECK(store.close_bucket(contract_bucket).error().code == Code::conflict);
  // With the marker gone it is there again.
  CHECK(store.remove_version(contract_bucket, "a", hidden->marker->id())->gone->version.marker);
  CHECK(*get_text(store, "a") == large);
  CHECK(!store.remove_version(contract_bucket, "a", hidden->marker->id())->gone);
  REQUIRE(store.describe(contract_bucket, "a", second, [](ObjectMeta& meta) -> Result<void> {
    meta.tags = {{"x", "y"}};
    return {};
  }));
  CHECK((*store.open(contract_bucket, "a", second))->meta().tags.size() == 1);
  CHECK((*store.open(contract_bucket, "a"))->meta().tags.empty());
  const auto kept = store.remove_version(contract_bucket, "a", second, [](const ObjectMeta& meta) -> Result<void> {
    return fail(Code::denied, std::to_string(meta.size));
  });
  CHECK(kept.error().what == "2");
  // Suspended: the null version is the one that changes.
  REQUIRE(store.set_setting(contract_bucket, versioning_setting, std::string(versioning_suspended)));
  REQUIRE(put_text(store, "a", "333"));
  CHECK(all_versions(store, {}) == std::vector<std::string>{"a 3 null newest", "a 300000 #", "a 2 #"});
  CHECK(store.remove(contract_bucket, "a")->gone->size == 3);
  REQUIRE(store.tidy());
  CHECK(all_versions(store, {}) == std::vector<std::string>{"a marker null newest", "a 300000 #", "a 2 #"});
  REQUIRE(put_text(store, "b/1", "4"));
  REQUIRE(put_text(store, "b/2", "5"));
  REQUIRE(put_text(store, "c", "6"));
  for (size_t limit = 1; limit <= 3; ++limit) {
    CHECK(all_versions(store, {.prefix = "b", .delimiter = "/", .limit = limit}) == std::vector<std::string>{"b/"});
    CHECK(all_versions(store, {.after = "a", .delimiter = "/", .limit = limit}).size() == 2);
  }
  // The scrub reads every one of them, and the setting.
  int64_t read = 0;
  size_t seen = 0;
  for (auto at = store.scrub_after({}); *at; at = store.scrub_after(**at)) {
    CHECK(!(*at)->damage);
    read += (*at)->bytes;
    ++seen;
  }
  CHECK(seen == 7);
  CHECK(read == 300'005);
}

/// Whoever watches is told of each change, with the usage as it is then.
inline void check_usage_watch(ObjectStore& store) {
  const std::string other(32, 'b');
  REQUIRE(store.add_bucket(other, TenantId::of("acme")));
  std::map<std::string, int64_t> bytes;
  store.watch_usage([&](const std::string& bucket) { bytes[bucket] = store.usage(bucket).bytes; });
  REQUIRE(put_text(store, "a", sample_text(300'000)));
  REQUIRE(put_text(store, "b", "text", {}, other));
  CHECK(bytes == std::map<std::string, int64_t>{{contract_bucket, 300'000}, {other, 4}});
  REQUIRE(put_text(store, "a", "new"));
  REQUIRE(store.remove(other, "b"));
  CHECK(bytes == std::map<std::string, int64_t>{{contract_bucket, 3}, {other, 0}});
  const auto upload = store.begin_upload(contract_bucket, {.key = "parts"});
  REQUIRE(upload);
  put_piece(store, *upload, 1, "a part");
  CHECK(bytes[contract_bucket] == 9);
  REQUIRE(store.abort_upload(contract_bucket, *upload));
  CHECK(bytes[contract_bucket] == 3);
  REQUIRE(store.erase_tenant(TenantId::of("acme")));
  CHECK(bytes[contract_bucket] == 0);
  bytes.clear();
  store.watch_usage({});
  REQUIRE(store.add_bucket(other, TenantId::of("rival")));
  REQUIRE(put_text(store, "b", "text", {}, other));
  CHECK(bytes.empty());
}

/// `make` gives an empty store each time.
inline void check_object_store(const std::function<std::unique_ptr<ObjectStore>(Runtime&)>& make) {
  for (const auto check : {check_objects, check_conditions, check_listings, check_uploads, check_buckets,
                           check_settings, check_versions, check_usage_watch}) {
    InlineRuntime runtime;
    const auto store = make(runtime);
    REQUIRE(store->add_bucket(contract_bucket, TenantId::of("acme")));
    REQUIRE(store->add_bucket(contract_bucket, TenantId::of("acme")));
    check(*store);
  }
}

}  // namespace barrio::ports
