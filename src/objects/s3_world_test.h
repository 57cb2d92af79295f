#pragma once
// What tests of the S3 service have in common: clients that sign, a network of three sites, a log that remembers.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "adapters/local_files/disk.h"
#include "objects/s3_client_test.h"
#include "objects/s3_server.h"

namespace barrio::objects {

struct FakeEvents final : ObjectEvents {
  Result<void> note(const ObjectEvent& event) override {
    if (broken) return fail(Code::unavailable, "the log's disk is full");
    seen.push_back(std::to_string(static_cast<int>(event.act)) + " " + event.bucket.name.str() + "/" + event.key + " " +
                   event.sha256.substr(0, 8) + " at " + event.site.str());
    return {};
  }
  std::vector<std::string> seen;
  bool broken = false;
};

/// A disk whose next syncs fail.
struct FaultyDisk final : adapters::local_files::Disk {
  Result<void> sync(const adapters::local_files::OpenFile& file) override {
    if (failing > 0 && failing-- > 0) return fail(Code::unavailable, "the disk does not sync");
    return Disk::sync(file);
  }
  std::atomic<int> failing = 0;
};

inline std::shared_ptr<const Snapshot> snapshot() {
  auto made = std::make_shared<Snapshot>();
  for (const auto& [id, area] : {std::pair{"bio1", "ES-PV"}, std::pair{"mad1", "ES-MD"}, std::pair{"par1", "FR-IDF"}}) {
    Site site;
    site.id = SiteId::of(id);
    site.owner = OperatorId::of("telefonica");
    site.jurisdiction = *Jurisdiction::parse(area);
    site.status = SiteStatus::active;
    made->network.sites.push_back(site);
  }
  TenantQuota small;
  small.storage = Bytes(1000);
  made->quotas["rival"] = small;
  return made;
}

inline std::string message_of(const net::Response& response) {
  const auto xml = api::s3::read_xml(response.body);
  return xml ? xml->text_of("Message") : "";
}

inline std::string new_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "barrio-s3-XXXXXX").string();
  return mkdtemp(pattern.data());
}

}  // namespace barrio::objects
