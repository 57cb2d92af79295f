#pragma once
// The two apps of first light, for the tests of this room.

#include "model/app.h"

namespace barrio::sim {

inline const AppKey everywhere{TenantId::of("city"), AppName::of("street-video")};
inline const AppKey basque{TenantId::of("euskadi"), AppName::of("street-video")};

inline Policy only_in(std::string_view area) {
  return {{*Jurisdiction::parse(area)}, {}, {}};
}

inline AppSpec street_video(const AppKey& key, std::string_view area) {
  AppSpec spec;
  spec.name = key.name;
  spec.model = {Backend::opencv, "people", "", ""};
  spec.objective = {300ms, 99};
  spec.policy = only_in(area);
  spec.resources = {Watts(40), mib(512), 1, "", 0};
  return spec;
}

}  // namespace barrio::sim
