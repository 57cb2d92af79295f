#include <doctest/doctest.h>
// doctest first: base/check.h leaves its CHECK alone.
#include "control/http_world_test.h"

namespace barrio::control::http_openapi_test {

namespace {

struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "barrio-openapi-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

std::vector<std::string> ids(const Json& list) {
  std::vector<std::string> found;
  for (const Json& site : list.at("sites").as_array()) found.emplace_back(site.at("id").as_string());
  return found;
}

}  // namespace

TEST_CASE("the document names every route, its parameters, its scope and the structs of its body and answer") {
  HttpWorld world;
  const Json document = json_of(world.ask("GET", "/barrio/v1/openapi.json"));
  CHECK(document.at("openapi") == "3.1.0");
  const Json& deploy = document.at("paths").at("/barrio/v1/apps/{app}").at("put");
  CHECK(deploy.at("operationId") == "put_apps_app");
  CHECK(deploy.at("parameters").at(0).at("in") == "path");
  CHECK(deploy.at("parameters").at(1).at("name") == "tenant");
  CHECK(deploy.at("security").at(0).at("client_credentials").at(0) == "barrio:apps:write");
  CHECK(deploy.at("requestBody").at("content").at("application/json").at("schema").at("$ref") ==
        "#/components/schemas/AppSpec");
  const Json& answers = deploy.at("responses");
  CHECK(answers.at("201") == answers.at("200"));
  CHECK(answers.at("default").at("content").as_object().contains("application/problem+json"));
  CHECK(document.at("components").at("schemas").as_object().contains("Objective"));
}

TEST_CASE("a list is read in pages, each said by the one before") {
  HttpWorld world;
  const auto all = ids(json_of(world.ask("GET", "/barrio/v1/sites", "ops")));
  REQUIRE(all.size() == 17);
  std::vector<std::string> read;
  std::string path = "/barrio/v1/sites?limit=5";
  for (int pages = 1;; ++pages) {
    const Json page = json_of(world.ask("GET", path, "ops"));
    for (const std::string& id : ids(page)) read.push_back(id);
    if (!page.as_object().contains("next")) {
      CHECK(pages == 4);
      break;
    }
    path = "/barrio/v1/sites?limit=5&after=" + std::string(page.at("next").as_string());
  }
  CHECK(read == all);
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites?limit=0", "ops")).at("where") == "limit");
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites?limit=1001", "ops")).at("where") == "limit");
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites?limit=x", "ops")).at("where") == "limit");
  CHECK(json_of(world.ask("GET", "/barrio/v1/sites?after=nowhere", "ops")).at("where") == "after");
}

TEST_CASE("lists of apps, tenants and keys have pages too") {
  HttpWorld world;
  for (const char* name : {"a", "b", "c"}) {
    const std::string app = name;
    REQUIRE(world.status("PUT", "/barrio/v1/apps/" + app, "traffic", world.app_json(app, "ES")) == 201);
    REQUIRE(world.status("POST", "/barrio/v1/tenants/traffic/keys", "ops", "{}") == 201);
  }
  const Json apps = json_of(world.ask("GET", "/barrio/v1/apps?limit=2", "traffic"));
  CHECK(apps.at("next") == "traffic/b");
  const Json rest = json_of(world.ask("GET", "/barrio/v1/apps?limit=2&after=traffic%2Fb", "traffic"));
  REQUIRE(rest.at("apps").as_array().size() == 1);
  CHECK(rest.at("apps").at(0).at("app").at("spec").at("name") == "c");
  CHECK(json_of(world.ask("GET", "/barrio/v1/tenants?limit=1", "ops")).as_object().contains("next"));
  CHECK(json_of(world.ask("GET", "/barrio/v1/tenants/traffic/keys?limit=2", "ops")).as_object().contains("next"));
}

// What it does not assert itself, tests/clients/operator_api.sh does from the record of the answers.
TEST_CASE("a file is kept under its hash, and read by its tenant and by sites; a drained site is retired") {
  const Folder folder;
  HttpWorld world;
  BlobStore blobs(world.runtime, {.folder = folder.path});
  HttpWorld with_blobs({}, &blobs);
  const std::string path = "/barrio/v1/blobs/" + sha256_hex("a model");
  CHECK(with_blobs.status("PUT", path, "traffic", "a model") == 201);
  CHECK(with_blobs.ask("GET", path, "traffic").body == "a model");
  CHECK(with_blobs.ask("GET", path, "bio1").body == "a model");
  CHECK(with_blobs.status("GET", path, "harbour") == 404);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/drain", "ops") == 200);
  CHECK(world.status("POST", "/barrio/v1/sites/bio1/retire", "ops") == 200);
  CHECK(world.status("GET", "/healthz") == 200);
  CHECK(world.status("PUT", "/barrio/v1/tenants/traffic/quota", "ops", print_json(to_json(TenantQuota{}))) == 200);
}

}  // namespace barrio::control::http_openapi_test
