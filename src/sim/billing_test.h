#pragma once
// What control bills beside what was used, for the tests of this room.

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "sim/traffic.h"

namespace barrio::sim {

using Bill = std::map<std::pair<AppKey, size_t>, Usage>;

/// As control bills it, over all time. Takes virtual time, and needs a control that leads.
inline Bill billed(World& world) {
  Bill bill;
  bool answered = false;
  world.in_control([&](control::Control& control) {
    api::UsageQuery query;
    query.from = *parse_wall_time("2026-01-27");
    query.to = query.from + std::chrono::days(30);
    query.by = {.tenant = true, .app = true, .site = true};
    const auto answer = control.usage()->report(query);
    CHECK(answer.has_value());
    for (const api::UsageSum& line : answer->lines) {
      bill[{AppKey{TenantId::of(line.tenant), AppName::of(line.app)}, world.index(SiteId::of(line.site))}] = line.usage;
    }
    answered = true;
  });
  for (int seconds = 0; seconds < 10 && !answered; ++seconds) world.loop().run_for(1s);
  CHECK(answered);
  return bill;
}

/// Empty when every line is the same in the bill and in the count.
inline std::string bill_difference(World& world, const Traffic& traffic) {
  const Bill bill = billed(world);
  const auto& used = traffic.used();
  for (const auto& [key, usage] : used) {
    const auto line = bill.find(key);
    const std::string at = key.first.str() + " at " + world.network().sites[key.second].id.str() + ": ";
    const std::string wanted = print_json(to_json(usage));
    if (line == bill.end()) return at + "not billed, used " + wanted;
    const std::string is = print_json(to_json(line->second));
    if (is != wanted) return at + "billed " + is + ", used " + wanted;
  }
  return bill.size() == used.size() ? "" : "billed what nobody used";
}

}  // namespace barrio::sim
