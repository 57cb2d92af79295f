#pragma once
// What `barrio up` shows: which tenants deploy what, and which cameras film where. Read from data/cameras.yaml.

#include <string>
#include <vector>

#include "model/app.h"
#include "model/device.h"

namespace barrio::cli {

struct DemoApp {
  TenantId tenant;
  std::string file;  // app file, relative to the working folder
};
BARRIO_DESCRIBE(DemoApp, (), (tenant, file))

struct DemoCamera {
  std::string name;  // of the camera and its city: "Vigo"
  TenantId tenant;
  LatLon location;
  Access access = Access::fibre;
  Jurisdiction jurisdiction;
};
BARRIO_DESCRIBE(DemoCamera, (), (name, tenant, location, access, jurisdiction))

struct Demo {
  std::string video;
  Duration interval;          // between two pictures of a camera
  std::vector<DemoApp> apps;  // one per tenant
  std::vector<DemoCamera> cameras;
  /// At most 80 cameras (their listeners' addresses), each of a tenant with an app.
  Result<void> check() const;
};
BARRIO_DESCRIBE(Demo, (), (video, interval, apps, cameras))

}  // namespace barrio::cli
